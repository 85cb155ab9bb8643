"""One run: what was asked for, what came of it, and what it means for the exit code. Knows nothing of pytest."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .errors import CaseFailed, StorageError, UsageError

if TYPE_CHECKING:
    from .domain.case import Case
    from .domain.gate import Budget
    from .domain.records import Check, Failure, Result, RunRecord
    from .settings import Settings

PASSED, BROKEN, USAGE, NOTHING_MEASURED, NOT_JUDGED = 0, 1, 4, 5, 11

_VERSIONS = ("pytest-opml", "python", "tensorflow", "keras", "ai-edge-litert", "numpy", "scikit-learn")


class Limits(NamedTuple):
    """What one test sets for its cases: budgets beside the file's, and seconds instead of the run's."""

    budgets: tuple[Budget, ...] = ()
    timeout_s: float | None = None


_NO_LIMITS = Limits()


def _version(name: str) -> str:
    import platform

    if name == "python":
        return platform.python_version()
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _printable(text: str) -> str:
    """The text without the surrogates that stand for undecodable bytes in file names, which JSON cannot hold."""
    return text.encode("utf-8", "replace").decode()


class Session:
    """Runs cases once each, holds their budgets against them, and writes the record.

    Raises:
        UsageError: on construction, when the device, the cache, the store or the record's path cannot be used; so a
            run is refused before it has cost anything.
    """

    def __init__(self, settings: Settings, root: Path) -> None:
        from .worker import start_server

        start_server()  # its imports take seconds, and the rest of this can go on beside them
        from .cache import Cache
        from .history.store import open_store
        from .measure.device import detect
        from .measure.tensorflow_build import confirm
        from .reports.record import check_writable
        from .worker import probe

        self.settings, self.root = settings, root
        self.device = detect(settings.gpu, settings.threads)
        Cache(settings.cache_dir)
        if settings.json_path:
            check_writable(settings.json_path)
        self._store = open_store(settings.store) if settings.store else None
        try:  # last, since it waits for the server: what is wrong elsewhere is told at once
            self.device = confirm(settings.gpu, self.device, probe(self.device))
        except UsageError:
            self.close()
            raise
        self._started, self._clock = datetime.now(timezone.utc), time.monotonic()
        self._results: dict[str, Result] = {}
        self._failures: dict[str, Failure] = {}
        self._checks: dict[tuple[str, str, str], Check] = {}
        self._asked: set[str] = set()

    def run(self, case: Case, limits: Limits = _NO_LIMITS) -> Result:
        """The result of a case, measured on the first call; its reference is measured with it.

        Raises:
            CaseFailed: the case has no result; the failure is in the record.
        """
        self._asked.add(case.id)
        result = self._measure(case, limits)
        if case.reference != case:
            # A reference that fails stands in the record, and the budgets that need it are not judged.
            with contextlib.suppress(CaseFailed):
                self._measure(case.reference, limits)
        return result

    def _measure(self, case: Case, limits: Limits) -> Result:
        from . import registry
        from .domain.records import Failure
        from .making import Options
        from .worker import Limits as WorkerLimits
        from .worker import WorkerFailed, run_case

        if case.id in self._results:
            return self._results[case.id]
        if case.id in self._failures:
            failure = self._failures[case.id]
            raise CaseFailed(failure.kind, failure.message)
        settings = self.settings
        options = Options(
            cache_dir=settings.cache_dir,
            data_dir=settings.data_dir,
            device=self.device,
            time_weights=dict(settings.score.time),
            reference_samples=settings.score.reference_samples,
            registrations=registry.registrations(),
        )
        memory = settings.memory_mb * 1e6 if settings.memory_mb else None
        try:
            result = run_case(case, options, WorkerLimits(limits.timeout_s or settings.timeout_s, memory))
        except WorkerFailed as error:
            texts = {"message": _printable(str(error)), "log_tail": _printable(error.log_tail)}
            self._failures[case.id] = Failure.model_validate({"case": case, "kind": error.kind, **texts})
            raise
        self._results[case.id] = result
        return result

    def judge(self, case: Case, limits: Limits = _NO_LIMITS) -> list[Check]:
        """Hold the budgets of a case against its result, if it has one; the checks are kept for the record."""
        from .domain.gate import judge

        if case.id not in self._results:
            return []
        budgets = self.settings.gate.applying(case.id, self.device.profile, limits.budgets)
        checks = judge(budgets, self._results[case.id], self._results.get(case.reference.id))
        self._checks.update({(check.case_id, check.metric, check.rule): check for check in checks})
        return list(checks)

    def record(self) -> RunRecord:
        """The run so far."""
        from .domain.records import RunRecord
        from .history.git import read_commit

        return RunRecord(
            run_id=uuid.uuid4().hex,
            started=self._started,
            seconds=time.monotonic() - self._clock,
            device=self.device,
            versions={name: _version(name) for name in _VERSIONS},
            commit=read_commit(self.root),
            results=tuple(self._results.values()),
            failures=tuple(self._failures.values()),
            checks=tuple(self._checks.values()),
            uncollected=tuple(sorted({*self._results, *self._failures} - self._asked)),
        )

    def write(self, record: RunRecord) -> list[str]:
        """Write the record where it was asked for; returns one line for each place that could not be written."""
        from .reports.record import write_record

        path, store, problems = self.settings.json_path, self._store, []
        try:
            if path:
                write_record(record, path)
        except StorageError as error:
            problems.append(str(error))
        try:
            if store:
                store.append(record)
        except StorageError as error:
            problems.append(str(error))
        return problems

    def close(self) -> None:
        """Let go of the store."""
        if self._store:
            self._store.close()


def exit_code(record: RunRecord, problems: Sequence[str] = ()) -> int:
    """What the run comes to, worst first: broken, usage, not judged, nothing measured, passed.

    Args:
        record: of the whole run.
        problems: places that the record could not be written to.
    """
    if any(check.verdict == "fail" for check in record.checks):
        return BROKEN
    if any(failure.kind == "usage" for failure in record.failures):
        return USAGE
    if record.failures or problems or any(check.verdict == "unjudged" for check in record.checks):
        return NOT_JUDGED
    return PASSED if record.results else NOTHING_MEASURED


__all__ = [
    "BROKEN",
    "NOTHING_MEASURED",
    "NOT_JUDGED",
    "PASSED",
    "USAGE",
    "Limits",
    "Session",
    "UsageError",
    "exit_code",
]
