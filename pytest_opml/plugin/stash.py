"""What the hooks hand to one another during a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..case import Case
    from ..records.run import RunRecord
    from ..reports.terminal.progress_line import ProgressLine
    from ..runner.outcome import Exit, Outcome
    from ..runner.session import Session
    from ..runner.sessions import Sessions
    from ..runner.signals import EndSignals

FIXTURES = ("opml", "opml_dataset", "opml_model", "opml_artifact", "opml_device", "opml_gpu", "gpu_timer")


class State(NamedTuple):
    """A run of cases in this process.

    Attributes:
        sessions: run them, each on one device.
        progress_line: shows how far it is.
        runs_cases: whether any test asks for ``opml``; the other fixtures alone leave nothing to judge.
        failed_tests: tests that failed for another reason than a budget or a case without a result; files too that
            could not be collected.
    """

    sessions: Sessions
    progress_line: ProgressLine
    runs_cases: bool
    failed_tests: set[str]

    def session_of(self, item: pytest.Item) -> Session:
        """Return the session of the device that a test is about."""
        return self.sessions.on(gpu_of(item))


class Measured(NamedTuple):
    """What a run has measured, in this process or in the workers of pytest-xdist.

    Attributes:
        record: its checks apart.
        failed_tests: how many tests failed for another reason than a budget or a case without a result.
        problems: a line for each worker whose part is lost, and for each metric that only the workers know.
        notes: a line for each thing to be told that changes nothing.
        on_safe: is called when the record is safe.
    """

    record: RunRecord
    failed_tests: int
    on_safe: Callable[[], object]
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


SIGNALS: pytest.StashKey[EndSignals] = pytest.StashKey()
STATE = pytest.StashKey[State]()
OUTCOME: pytest.StashKey[Outcome] = pytest.StashKey()
EXIT: pytest.StashKey[Exit] = pytest.StashKey()
CASES: pytest.StashKey[list[Case]] = pytest.StashKey()
FAILED_FOR_BUDGETS = pytest.StashKey[bool]()
USAGE_ERRORS = pytest.StashKey[list[str]]()
BENCH_FILES: pytest.StashKey[list[Path]] = pytest.StashKey()


def gpu_of(item: pytest.Item) -> str | None:
    """Return the device that a test is about, where the run is on several; None where it is on one."""
    gpu = item.callspec.params.get("opml_gpu") if hasattr(item, "callspec") else None
    return str(gpu) if gpu else None


def uses_opml(item: pytest.Item) -> bool:
    """Whether a test asks for one of our fixtures."""
    return not set(FIXTURES).isdisjoint(getattr(item, "fixturenames", ()))


def is_spread(config: pytest.Config) -> bool:
    """Whether pytest-xdist spreads the run, this process being the controller or a worker."""
    return hasattr(config, "workerinput") or config.pluginmanager.hasplugin("dsession")


def is_concerned(config: pytest.Config) -> bool:
    """Whether the end of a run may be ours: it has files of benchmarks or cases, found an input wrong, or is spread."""
    has_ours = STATE in config.stash or BENCH_FILES in config.stash or bool(config.stash[USAGE_ERRORS])
    return has_ours or is_spread(config)
