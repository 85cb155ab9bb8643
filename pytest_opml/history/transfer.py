"""Transfer of a history from one store to another, as lines of JSON.

The first line says what the file is, each further line holds a run (the document that ``--opml-json`` writes) or a
release, and the last line counts them and holds a hash of all before it, so that a file that was cut off or changed is
noticed. Neither way holds more than a few runs in memory.
"""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar, cast

from pydantic import ValidationError

from ..errors import StorageError
from ..printable import printable_json
from ..records.base import Moment, Record
from ..records.run import RunRecord
from ..storage.input_file import open_input
from ..storage.whole_files import written_whole
from .base import LARGEST_RECORD, Added, History, Query, Release
from .columns import matches, problem
from .order import Ancestry, nothing_known
from .record_files import check_version, json_of, record_of

FORMAT = "pytest-opml history"
FORMAT_VERSION = 1

_LONGEST_LINE = LARGEST_RECORD  # bytes; a damaged file may hold no line's end
_GZIP = b"\x1f\x8b"
_STANDARD = Path("-")


class Exported(NamedTuple):
    """How much was written."""

    runs: int
    releases: int


class _Release(Record):
    run_id: str
    promoted: Moment
    label: str = ""
    overrode: str = ""


class _End(Record):
    runs: int
    releases: int
    sha256: str


_KINDS = {"run", "release", "end"}
_Model = TypeVar("_Model", _Release, _End)
_Item = TypeVar("_Item")


# --- writing


def export(history: History, target: Path | IO[bytes], query: Query = Query()) -> Exported:  # noqa: B008 - immutable
    """Write runs and their releases in the order in which the runs were added, and return how many there were.

    Args:
        history: is read page by page; runs that are added meanwhile may come along.
        target: a path is written whole or not at all, compressed where it ends in ``.gz``; ``-`` is standard output.
        query: which runs; its ``cases`` do not count.

    Raises:
        StorageError: the history cannot be read, or the target cannot be written.
    """
    if not isinstance(target, Path):
        return _write(history, target, query)
    with ExitStack() as stack:
        if target == _STANDARD:
            return _write(history, stack.enter_context(_standard_output()), query)
        file: IO[bytes] = stack.enter_context(written_whole(target))
        if target.suffix == ".gz":
            file = cast("IO[bytes]", stack.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0)))
        return _write(history, file, query)


@contextmanager
def _standard_output() -> Iterator[IO[bytes]]:
    if sys.stdout is None:
        raise StorageError("standard output: is closed")
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise  # whoever reads has seen enough, which is no error of ours
    except OSError as error:
        raise StorageError(f"standard output: cannot be written: {error.strerror}") from error


def _write(history: History, file: IO[bytes], query: Query) -> Exported:
    # Asked for before the runs: the run of each is then among those that are read.
    releases = {release.run_id: release for release in history.releases()}
    written: list[Release] = []
    runs, hash_ = 0, sha256()

    def write(line: bytes) -> None:
        file.write(line + b"\n")
        _update(hash_, line)

    write(_json({"format": FORMAT, "format_version": FORMAT_VERSION}))
    for run in history.records():
        if matches(run, query, releases):
            write(b'{"run": %s}' % printable_json(run.model_dump_json()).encode())
            runs += 1
            written += filter(None, [releases.get(run.run_id)])
    for release in written:
        write(_json({"release": release._asdict() | {"promoted": release.promoted.isoformat()}}))
    counts = Exported(runs, len(written))
    write(_json({"end": counts._asdict() | {"sha256": hash_.hexdigest()}}))
    return counts


def _json(content: dict[str, Any]) -> bytes:
    return printable_json(json.dumps(content, ensure_ascii=False)).encode()


def _update(hash_: Any, line: bytes) -> None:
    """Add a line to a hash; other programs may change the ends of lines on a file's way, which does not change it."""
    hash_.update(line.rstrip(b"\r\n") + b"\n")


# --- reading


def import_lines(history: History, path: Path, *, ancestry: Ancestry = nothing_known) -> Added:
    """Add the runs and releases of a file, all or nothing: what ``export`` or ``--opml-json`` wrote, or its ``gzip``.

    What is there already with the same content is left as it is, as is the mark of a release that is not older; what
    was removed is left out.

    Args:
        history: that they are added to.
        path: of the file.
        ancestry: what git knows of the runs' commits.

    Raises:
        StorageError: the file cannot be read, is neither, is of a newer format, or was cut off; a run is there already
            with another content; or the history cannot be written. The text names the file, and the line.
    """
    with _opened(path) as file:
        first = file.readline(_LONGEST_LINE + 1)
        if not _is_header(first):
            data = first + file.read(_LONGEST_LINE + 1 - len(first))
            if len(data) > _LONGEST_LINE:
                raise StorageError(f"{path}: is no export of a history, and too large to be the record of a run")
            record = record_of(json_of(data, str(path)), str(path))
            return merge(history, lambda: str(path), [record], ancestry=ancestry)
        reader = _Reader(path, file)
        reader.check(first)
        return merge(history, lambda: reader.where, reader.runs(), reader.releases(), ancestry)


def merge(
    history: History,
    where: Callable[[], str],
    runs: Iterable[RunRecord],
    releases: Iterable[Release] = (),
    ancestry: Ancestry = nothing_known,
) -> Added:
    """Add what is read from somewhere, and name in what the history refuses the place that it was read from.

    Raises:
        StorageError: what reading raises, as it is; from the history, behind the place.
    """
    raised: list[StorageError] = []
    try:
        return history.extend(_noting(runs, raised), _noting(releases, raised), merge=True, ancestry=ancestry)
    except StorageError as error:
        if error in raised:
            raise
        raise StorageError(f"{where()}: {error}") from error


def _noting(items: Iterable[_Item], raised: list[StorageError]) -> Iterator[_Item]:
    try:
        yield from items
    except StorageError as error:
        raised.append(error)
        raise


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        with open_input(path) as file, ExitStack() as stack:
            compressed = file.peek(len(_GZIP)).startswith(_GZIP)
            plain = stack.enter_context(gzip.GzipFile(fileobj=file)) if compressed else file
            yield cast("IO[bytes]", plain)
    except (OSError, EOFError, zlib.error) as error:
        raise StorageError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _is_header(line: bytes) -> bool:
    try:
        header = json_of(line, "")
    except StorageError:
        return False
    return isinstance(header, dict) and header.get("format") == FORMAT


class _Reader:
    """Reads the lines after the first: runs, then releases, then how many there are.

    Args:
        path: of the file, for messages.
        file: after its first line.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file
        self._number = 1
        self._ids: set[str] = set()
        self._line: tuple[str, Any] = ("", None)  # the one that was read last
        self._hash = sha256()  # of the lines before it, where it is the end

    @property
    def where(self) -> str:
        """The place of the line that was read last, for messages."""
        return f"{self._path}, line {self._number}"

    def check(self, header: bytes) -> None:
        """Refuse another version of the format.

        Raises:
            StorageError: the header names one.
        """
        _update(self._hash, header)
        version = json_of(header, self.where).get("format_version")
        check_version(version, FORMAT_VERSION, self.where, "export of a history")

    def _read(self) -> str:
        """Go to the next line, and say what it holds."""
        line = self._file.readline(_LONGEST_LINE + 1)
        if not line:
            raise StorageError(f"{self.where}: is the last one, but no end of an export: the file was cut off")
        self._number += 1
        if len(line) > _LONGEST_LINE:
            raise StorageError(f"{self.where}: is longer than {_LONGEST_LINE} bytes")
        document = json_of(line, self.where)
        if not isinstance(document, dict) or len(document) != 1 or not document.keys() <= _KINDS:
            raise StorageError(f"{self.where}: must be an object with one of: {', '.join(sorted(_KINDS))}")
        (self._line,) = document.items()
        if self._line[0] != "end":
            _update(self._hash, line)
        return self._line[0]

    def runs(self) -> Iterator[RunRecord]:
        """Yield the runs, up to the first line that holds none."""
        while self._read() == "run":
            run = record_of(self._line[1], self.where)
            self._ids.add(run.run_id)
            yield run

    def releases(self) -> Iterator[Release]:
        """Yield the releases after the runs, and check the end of the file: its counts and its hash.

        Raises:
            StorageError: a release is of a run that is not in the file, or the end is missing or does not fit.
        """
        count, runs = 0, self._number - 2
        while self._line[0] == "release":
            release = self._valid(_Release)
            if release.run_id not in self._ids:
                raise StorageError(f"{self.where}: release of run {release.run_id!r}, which is not in the file")
            yield Release(release.run_id, release.promoted, release.label, release.overrode)
            count += 1
            self._read()
        if self._line[0] == "run":
            raise StorageError(f"{self.where}: a run after the releases")
        end = self._valid(_End)
        if (end.runs, end.releases) != (runs, count):
            raise StorageError(
                f"{self.where}: counts {end.runs} runs and {end.releases} releases, but there are {runs} and {count}"
            )
        if end.sha256 != self._hash.hexdigest():
            raise StorageError(
                f"{self.where}: the file was changed after it was written: its lines have another SHA-256"
            )
        if self._file.read(1):
            raise StorageError(f"{self.where}: is the end of an export, but the file goes on")

    def _valid(self, model: type[_Model]) -> _Model:
        kind, content = self._line
        try:
            return model.model_validate(content)
        except ValidationError as error:
            raise StorageError(f"{self.where}: {kind}: {problem(error)}") from error
