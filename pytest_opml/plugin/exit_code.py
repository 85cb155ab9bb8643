"""Why a session ends with its exit code, for the last line of its output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ..printable import printable
from ..storage.input_file import read_input
from .selection import LARGEST_MODULE
from .stash import BENCH_FILES, EXIT, OUTCOME, SIGNALS, STATE, is_spread

if TYPE_CHECKING:
    from pathlib import Path

    from ..runner.outcome import Outcome


def refusal(*lines: str) -> pytest.UsageError:
    """The error by which pytest refuses a run; it is the last that pytest prints, so the exit code ends it."""
    from ..reports.terminal.run import exit_line
    from ..runner.outcome import USAGE

    return pytest.UsageError("\n".join((*map(printable, lines), exit_line(USAGE, "the input is wrong, as said above"))))


def exit_reason(session: pytest.Session) -> str | None:
    """Say why a session ends with its exit code; None for one that is not ours, or has nothing to explain."""
    stash, code = session.config.stash, int(session.exitstatus)
    ours = stash.get(EXIT, None)
    if ours is not None:
        if ours.code == code:
            return ours.reason
        return f"another plugin asks for it; of the cases alone it is {ours.code}: {ours.reason}"
    outcome = stash.get(OUTCOME, None)
    is_ours = STATE in stash or any(map(_has_cases, _benchmarks(session.config)))
    said_by_pytest = (pytest.ExitCode.OK, pytest.ExitCode.USAGE_ERROR)  # after this line, the latter
    if outcome is None and (code in said_by_pytest or not is_ours):
        return None
    return _reason_of_pytest(session, code, outcome)


def _benchmarks(config: pytest.Config) -> list[Path]:
    """The files of benchmarks that were collected; those that are named, where workers have not told yet."""
    collected = config.stash.get(BENCH_FILES, [])
    if collected or not is_spread(config):
        return collected
    from .selection import named_benchmarks

    return named_benchmarks(config)


def _has_cases(file: Path) -> bool:
    """Whether a file of benchmarks is about ours; other tools have files of such names too."""
    try:
        return b"opml" in read_input(file, LARGEST_MODULE)
    except OSError:
        return False


def _reason_of_pytest(session: pytest.Session, code: int, outcome: Outcome | None) -> str:
    from ..reports.formatting import amount

    if code == pytest.ExitCode.INTERRUPTED:
        if outcome is None and STATE not in session.config.stash and session.testsfailed:
            return f"{amount(session.testsfailed, 'file')} could not be collected, as said above"
        after = f" after {amount(len(outcome.record.results), 'result')}" if outcome and outcome.record.results else ""
        signals = session.config.stash.get(SIGNALS, None)
        how = signals.described if signals else "interrupted"
        return "; ".join(filter(None, (f"the run was {how}{after}", outcome.advice if outcome else "")))
    if code == pytest.ExitCode.INTERNAL_ERROR:
        return "; ".join(filter(None, ("pytest or a plugin failed, as said above", outcome.advice if outcome else "")))
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        reporter = session.config.pluginmanager.getplugin("terminalreporter")
        left_out = len(reporter.stats.get("deselected", ())) if reporter else 0
        if left_out or is_spread(session.config):  # what the workers of pytest-xdist leave out is not told
            return f"no benchmark is left{f': {left_out:,} deselected' if left_out else ''}"
        return "no benchmark was collected"
    if code == pytest.ExitCode.TESTS_FAILED and session.testsfailed:
        return f"{amount(session.testsfailed, 'test')} failed"
    return "another plugin asks for it"
