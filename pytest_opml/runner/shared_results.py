"""Where the processes of one run find what another of them has measured."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path

from ..errors import CaseFailed, StorageError
from ..records.base import Record
from ..records.result import Result
from ..records.run import Baseline, Failure


class MeasuredCase(Record):
    """What came of a case: its result or its failure, and what it was measured beside.

    Attributes:
        baseline: what the case is compared with; None where nothing asked for it, or there is none.
    """

    result: Result | None = None
    failure: Failure | None = None
    baseline: Baseline | None = None

    def require(self) -> Result:
        """Return the result.

        Raises:
            CaseFailed: there is none; says what the failure says.
        """
        if self.result is None:
            failure = self.failure
            raise CaseFailed(failure.kind, failure.message) if failure else ValueError("neither result nor failure")
        return self.result


class SharedResults:
    """A folder of the run, with a file for each case that is done.

    Args:
        folder: made when the first outcome is put there; None for a run of one process, which has nobody to tell.
        profile: of the device, of whose results these are.
    """

    def __init__(self, folder: Path | None, profile: str) -> None:
        self._folder, self._profile = folder, profile

    def put(self, case_id: str, outcome: MeasuredCase) -> None:
        """Let the other processes find what came of a case."""
        if self._folder is None:
            return
        path = self._path(self._folder, case_id)
        temporary = path.with_suffix(f".{uuid.uuid4().hex}")
        # Without room for it the others find nothing here and measure the case themselves.
        with contextlib.suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            temporary.write_text(outcome.model_dump_json(), "utf-8")
            temporary.replace(path)

    def get(self, case_id: str) -> MeasuredCase | None:
        """Return what another process made of a case; None where none has, so far."""
        path = self._folder and self._path(self._folder, case_id)
        return MeasuredCase.model_validate_json(path.read_bytes()) if path and path.exists() else None

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other process of the run work on a case while the block runs: they would disturb each other's times.

        Raises:
            StorageError: the folder of the run cannot be written.
        """
        if self._folder is None:
            yield
            return
        from filelock import FileLock

        lock = FileLock(self._folder / "lock")
        try:
            self._folder.mkdir(exist_ok=True)
            lock.acquire()
        except OSError as error:
            raise StorageError(f"{self._folder}: cannot be written: {error.strerror}") from error
        try:
            yield
        finally:
            lock.release()

    def _path(self, folder: Path, case_id: str) -> Path:
        name = f"{self._profile} {case_id}"
        return folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"
