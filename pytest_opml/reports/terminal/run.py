"""A whole run in the terminal, at the end of ``pytest`` and by ``opml gate``."""

from __future__ import annotations

from collections.abc import Sequence

from ...analysis.trend import FreshShift
from ...gate.budgets import Gate
from ...records.run import RunRecord
from ..formatting import wrapped
from ..phrases import INTERRUPTED
from .comparison import comparison_lines
from .ranking import device_lines, ranking_lines
from .trend import fresh_lines
from .verdicts import best_lines, verdict_lines


def run_lines(record: RunRecord, gate: Gate, width: int, fresh: Sequence[FreshShift] = ()) -> list[str]:
    """The device, the ranking, the best case, the comparison with the baseline and the verdicts; a blank line between.

    Args:
        record: with its checks.
        gate: that they were judged by.
        width: columns that no line but a command exceeds.
        fresh: the lasting steps that the newest runs of its cases show; they come last.
    """
    blocks = (
        wrapped(INTERRUPTED, width) if record.interrupted else [],
        device_lines(record, width),
        ranking_lines(record, width),
        best_lines(record, width),
        comparison_lines(record, width),
        verdict_lines(record, gate, width),
        fresh_lines(fresh, width) if fresh else [],
    )
    lines: list[str] = []
    for block in filter(None, blocks):
        lines += ["", *block] if lines else block
    return lines


def problem_lines(problems: Sequence[str]) -> list[str]:
    """A line for each part of a run that was not written."""
    return [f"not written: {problem}" for problem in problems]


def exit_line(code: int, reason: str) -> str:
    """The last line of a run: its exit code, and why it is that."""
    return f"opml: exit code {code}: {reason}"
