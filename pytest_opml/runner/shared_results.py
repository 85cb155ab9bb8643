"""Where the processes of one run find what another of them has measured."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from pathlib import Path
from typing import TypeVar

from ..case import Case
from ..records.base import Record

_Found = TypeVar("_Found", bound=Record)


class SharedResults:
    """A folder of the run, with a file for each thing that was found for a case.

    Args:
        folder: made when the first one is given; None for a run of one process, which keeps what it finds to itself.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def put(self, case: Case, found: Record) -> None:
        """Let the others find it."""
        if self._folder is None:
            return
        path = self._path(self._folder, case, type(found))
        temporary = path.with_suffix(f".{uuid.uuid4().hex}")
        # Without room for it the others find nothing here and measure the case themselves.
        with contextlib.suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            temporary.write_text(found.model_dump_json(), "utf-8")
            temporary.replace(path)

    def get(self, case: Case, kind: type[_Found]) -> _Found | None:
        """What another process found for the case, of one kind; None where there is nothing."""
        path = self._folder and self._path(self._folder, case, kind)
        return kind.model_validate_json(path.read_bytes()) if path and path.exists() else None

    @staticmethod
    def _path(folder: Path, case: Case, kind: type[Record]) -> Path:
        return folder / f"{hashlib.sha256(case.id.encode()).hexdigest()[:32]}.{kind.__name__}.json"
