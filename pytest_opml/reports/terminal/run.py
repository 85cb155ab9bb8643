"""A whole run in the terminal, at the end of ``pytest`` and by ``opml gate``."""

from __future__ import annotations

from collections.abc import Sequence

from ...analysis.trend import FreshShift
from ...gate.budgets import Gate
from ...records.run import RunRecord
from ..formatting import wrapped
from ..phrases import INTERRUPTED
from ..run_cost import cost_text
from .comparison import comparison_lines
from .ranking import device_lines, ranking_lines
from .styles import Style, all_styled, styled
from .trend import fresh_lines
from .verdicts import best_lines, verdict_lines

_NOT_JUDGED = 11  # the exit code where nothing failed, but something could not be judged


def run_lines(
    record: RunRecord, gate: Gate, width: int, fresh: Sequence[FreshShift] = (), *, with_front: bool = True
) -> list[str]:
    """The device, cost, ranking, best case, comparison with the baseline and verdicts of a run; a blank line between.

    Args:
        record: with its checks.
        gate: that they were judged by.
        width: columns that no line but a command exceeds.
        fresh: the lasting steps that the newest runs of its cases show; they come last.
        with_front: whether a chart of the front follows each ranking that has use for one.
    """
    blocks = (
        all_styled(wrapped(INTERRUPTED, width), Style.DOUBT) if record.interrupted else [],
        [*device_lines(record, width), *cost_lines(record, width)],
        ranking_lines(record, width, with_front=with_front),
        best_lines(record, width),
        comparison_lines(record, width),
        verdict_lines(record, gate, width),
        fresh_lines(fresh, width) if fresh else [],
    )
    lines: list[str] = []
    for block in filter(None, blocks):
        lines += ["", *block] if lines else block
    return lines


def cost_lines(record: RunRecord, width: int) -> list[str]:
    """What the run cost; nothing where no price was set."""
    text = cost_text(record)
    return wrapped(f"cost: {text}", width) if text else []


def problem_lines(problems: Sequence[str]) -> list[str]:
    """A line for each part of a run that was not written."""
    return [styled(f"not written: {problem}", Style.BAD) for problem in problems]


def exit_line(code: int, reason: str) -> str:
    """The last line of a run: its exit code, and why it is that."""
    style = {0: Style.GOOD, _NOT_JUDGED: Style.DOUBT}.get(code, Style.BAD)
    return styled(f"opml: exit code {code}: {reason}", style)
