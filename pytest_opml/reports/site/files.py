"""The files of a site: scripts that hold data, since a page that was opened as a file may read nothing else.

Each is replaced in one step, so that a build which is killed leaves no half of a file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ...errors import StorageError
from ..web.assets import as_script_data

SEGMENT_ROWS = 250  # of a list in one file: so many are written again where one is added

_BEFORE, _AFTER = "opmlSite.put(", ");\n"


class DamagedSite(Exception):  # noqa: N818 - it says what is the matter
    """A file of the site is not as it was written: the site is to be built anew."""


def number_text(value: float | None, digits: int = 6) -> str:
    """Return a figure as JSON with so many significant digits; ``null`` where there is none."""
    return "null" if value is None or not math.isfinite(value) else f"{value:.{digits}g}"


@contextmanager
def mapped_errors(folder: Path) -> Iterator[None]:
    """Turn what the system refuses into our own error, in one line.

    Raises:
        StorageError: a file of the site cannot be read or written.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"{error.filename or folder}: cannot be written: {error.strerror or error}") from error


def write_file(path: Path, text: str) -> None:
    """Replace a file in one step; its folder is made where it is missing.

    Raises:
        OSError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    data = text.encode("utf-8", "backslashreplace")
    try:
        try:
            temporary.write_bytes(data)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):  # on a full disk half a file is in the way of everything else
            temporary.unlink(missing_ok=True)
        raise


def write_script(data: Path, name: str, value: Any) -> None:
    """Write a value as the script ``NAME.js`` that hands it to the page.

    Args:
        data: the folder of the site's data.
        name: of the file below it, by which the page asks for it.
        value: plain data.
    """
    write_file(data / f"{name}.js", f'{_BEFORE}"{name}",{as_script_data(value)}{_AFTER}')


def read_script(data: Path, name: str) -> Any:
    """Return the value that a script holds.

    Raises:
        DamagedSite: the file is not there, or is not what ``write_script`` writes.
    """
    try:
        text = (data / f"{name}.js").read_text("utf-8")
        head = f'{_BEFORE}"{name}",'
        if not (text.startswith(head) and text.endswith(_AFTER)):
            raise DamagedSite(name)
        return json.loads(text[len(head) : -len(_AFTER)])
    except (OSError, ValueError) as error:
        raise DamagedSite(name) from error


class Segments:
    """A list of rows in files of so many rows, of which adding rows writes the last one again and no other.

    A row is an array whose first item is the number of its run. Rows of runs that are not of the site, as a build
    leaves them that was killed, are dropped where their file is written again.

    Args:
        data: the folder of the site's data.
        name: of the folder below it.
        count: how many files the list has.
        is_live: whether the run of a number is one of the site.
        most: rows of a file.

    Attributes:
        count: likewise, with the files that were added.
    """

    def __init__(
        self, data: Path, name: str, count: int, is_live: Callable[[int], bool], most: int = SEGMENT_ROWS
    ) -> None:
        self._data, self._name, self.count, self._is_live, self._most = data, name, count, is_live, most

    def _lines(self, segment: int) -> list[str]:
        name = f"{self._name}/{segment}"
        try:
            first, *lines, last = (self._data / f"{name}.js").read_text("utf-8").split("\n")[:-1]
        except (OSError, ValueError) as error:
            raise DamagedSite(name) from error
        if first != f'{_BEFORE}"{name}",[' or last + "\n" != f"]{_AFTER}":
            raise DamagedSite(name)
        rows = [line.removesuffix(",") for line in lines if line]
        if not all(row.startswith("[") and row.endswith("]") for row in rows):
            raise DamagedSite(name)
        return rows

    def _live_lines(self, segment: int) -> list[str]:
        return [line for line in self._lines(segment) if self._is_live(run_number(line))]

    def _write(self, segment: int, lines: Sequence[str]) -> None:
        name, rows = f"{self._name}/{segment}", ",\n".join(lines)
        write_file(self._data / f"{name}.js", f'{_BEFORE}"{name}",[\n{rows}\n]{_AFTER}')

    def append(self, lines: Iterable[str]) -> None:
        """Add rows, each as its JSON.

        Raises:
            DamagedSite: the last file is not what was written.
        """
        rows = [*(self._live_lines(self.count - 1) if self.count else []), *lines]
        first = max(self.count - 1, 0)
        for start in range(0, len(rows), self._most):
            self._write(first, rows[start : start + self._most])
            first += 1
        self.count = max(self.count, first)

    def drop(self, numbers: set[int]) -> None:
        """Leave out the rows of runs.

        Raises:
            DamagedSite: a file is not what was written.
        """
        for segment in range(self.count):
            lines = self._lines(segment)
            remaining = [line for line in lines if run_number(line) not in numbers]
            if len(remaining) != len(lines):
                self._write(segment, remaining)

    def first_number(self, segment: int) -> int:
        """Return the number of the run that a file begins with.

        Raises:
            DamagedSite: it is not what was written.
        """
        return run_number(self._lines(segment)[0])

    def newest(self, least: int | None = None) -> list[list[Any]]:
        """Return the rows that were added last, in the order of adding.

        Args:
            least: how many at least; those of whole files are returned. None: all of them.

        Raises:
            DamagedSite: a file is not what was written.
        """
        lines: list[str] = []
        for segment in reversed(range(self.count)):
            lines[:0] = self._live_lines(segment)
            if least is not None and len(lines) >= least:
                break
        try:
            rows: list[list[Any]] = json.loads(f"[{','.join(lines)}]")
        except ValueError as error:
            raise DamagedSite(self._name) from error
        return rows


def run_number(line: str) -> int:
    """Return the number of the run that the JSON of a row begins with.

    Raises:
        DamagedSite: it begins with none.
    """
    try:
        return int(line[1 : line.index(",")])
    except ValueError as error:
        raise DamagedSite(line[:40]) from error
