"""The history of one metric of a case in the terminal: a chart, and the causes that its lasting steps may have."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from typing import Any

from ...analysis.trend import FreshShift, Point, Shift
from ...metrics import Metric
from ..formatting import amount, minute, short_hash, wrapped
from .scales import scale, ticks, widened
from .styles import Style, with_head

# The commits that are in the second and not in the first, the newest first; None where git cannot tell.
Between = Callable[[str, str], Sequence[str] | None]

_HASH = re.compile("[0-9a-f]{7,64}")  # what a store holds may be anything
_HEIGHT, _NARROWEST, _WIDEST = 12, 8, 100
_MARGIN = 0.05  # of the scale, above and below the values
_LEAST_SHARE = 0.01  # of the values, which the scale shows at the least: smaller changes would look like large ones


def trend_lines(
    case_id: str, metric: Metric, points: Sequence[Point], shifts: Sequence[Shift], between: Between, width: int
) -> list[str]:
    """Draw the values in the order of time, and say of each lasting step what it comes to and what to look at.

    Args:
        case_id: whose history it is.
        metric: whose values.
        points: in the order of time; at least one.
        shifts: the steps among them.
        between: tells the commits between two.
        width: columns that no line but a command exceeds.
    """
    first, last = points[0], points[-1]
    span = f"{minute(first.started)} to {minute(last.started)}" if len(points) > 1 else minute(first.started)
    title = f"{metric.name} of {case_id}: {amount(len(points), 'run')}, {span} (UTC)"
    branches = sorted({point.branch or "no branch" for point in points})
    notes = []
    if len(branches) > 1:
        notes += wrapped(f"of {len(branches)} branches, which --branch tells apart: {', '.join(branches)}", width)
    machines = {point.machine for point in points}
    if metric.machine_dependent and len(machines) > 1:
        notes += wrapped(f"on {len(machines)} machines, each searched by itself: {'; '.join(sorted(machines))}", width)
    lines = [*wrapped(title, width), *notes, "", *_chart(metric, points, shifts, width), ""]
    if not shifts:
        return [*lines, *wrapped(f"no lasting step; the newest value is {metric.format(last.value)}", width)]
    for shift in shifts:
        lines += [*_block(metric, shift, between, width), ""]
    return lines[:-1]


def _chart(metric: Metric, points: Sequence[Point], shifts: Sequence[Shift], width: int) -> list[str]:
    """Draw the values by the number of their run; a label stands on the row that its value falls on."""
    from uniplot import plot_to_string

    values, count = [point.value for point in points], len(points)
    ends = widened(values, _LEAST_SHARE * max(map(abs, values)) or 1.0, _MARGIN)
    shown = ticks(*ends, _HEIGHT // 3)
    decimals = max(len(f"{value:.12f}".rstrip("0").partition(".")[2]) for value in shown)
    height = scale(ends, 0, _HEIGHT)  # rounded as uniplot does it
    # By itself uniplot rounds its labels until they are only just distinct: 0.5 and 1 become 0 and 1.
    labels = {_HEIGHT - 1 - int(height(value)): f" {value:.{decimals}f} {metric.unit}".rstrip() for value in shown}
    columns = max(_NARROWEST, min(width - 2 - max(map(len, labels.values())), _WIDEST))
    text = plot_to_string(
        values,
        list(range(1, count + 1)),
        width=columns,
        height=_HEIGHT,
        color=False,
        x_min=0.5,
        x_max=count + 0.5,
        y_min=ends[0],
        y_max=ends[1],
        x_gridlines=[points.index(shift.at) + 0.5 for shift in shifts],
        y_gridlines=[],
        x_labels=False,
        y_labels=False,
    )
    top, *rows, bottom = [line.rstrip() for line in text.splitlines()]
    place = scale((0.5, count + 0.5), 1, columns + 1)
    axis = f"{'1':>{int(place(1)) + 1}}"
    if count > 1:
        axis += f"{count:>{int(place(count)) + 1 - len(axis)}}"
    return [top, *(f"{line}{labels.get(number, '')}" for number, line in enumerate(rows)), bottom, axis]


def _block(metric: Metric, shift: Shift, between: Between, width: int) -> list[str]:
    """Say what a step comes to, where it lies, and what to look at."""
    step = shift.step
    share = "" if step.change is None or not metric.percent else f" ({100 * step.change:+.1f} %)"
    head = f"{_word(metric, shift)} {metric.format(step.before)} to {metric.format(step.after)}{share}"
    at = f"at the run {shift.at.run_id[:12]} of {minute(shift.at.started)}"
    lines = _headed(metric, shift, wrapped(f"{head} {at}, {_chance(step.error)}", width))
    if shift.machine:
        lines += _indented(f"on {shift.machine}", width)
    return [*lines, *_cause(shift, between, width)]


def _word(metric: Metric, shift: Shift) -> str:
    better = (shift.step.difference > 0) == (metric.better == "higher")
    return "better:" if better else "WORSE:"


def _headed(metric: Metric, shift: Shift, lines: Sequence[str]) -> list[str]:
    """Return lines that begin with the word of a step, with its colour."""
    word = _word(metric, shift)
    return with_head(lines, word, Style.GOOD if word == "better:" else Style.BAD)


def _chance(error: float) -> str:
    return "exact" if error == 0 else f"by chance in less than {100 * error:.1g} % of histories without a step"


def _cause(shift: Shift, between: Between, width: int) -> list[str]:
    old, new = shift.before.commit, shift.after.commit
    if old is None or new is None or not (_HASH.fullmatch(old) and _HASH.fullmatch(new)):
        return _indented("its commits are not known", width)
    if old == new:
        why = "the machine or its surroundings, unless files differed from it"
        text = f"the same commit {short_hash(old)} on both sides: {why}"
        return _indented(text, width)
    commits = between(old, new)
    count = "" if commits is None else f" ({amount(len(commits), 'commit')})"
    # a command is for copying, so it stays on one line
    return [f"  commits{count}: git log --oneline {short_hash(old)}..{short_hash(new)}"]


def _indented(text: str, width: int) -> list[str]:
    return [f"  {line}" for line in wrapped(text, width - 2)]


def fresh_lines(fresh: Sequence[FreshShift], width: int) -> list[str]:
    """Say which figures have lately changed for good, a line each and the command that shows more."""
    lines = []
    for case_id, metric, shift, runs in fresh:
        step = shift.step
        share = "" if step.change is None or not metric.percent else f" ({100 * step.change:+.1f} %)"
        since = f"commit {short_hash(shift.at.commit)}" if shift.at.commit else f"the run {shift.at.run_id[:12]}"
        change = f"{metric.format(step.before)} to {metric.format(step.after)}{share} since {since}"
        text = f"{_word(metric, shift)} {metric.name} of {case_id} went from {change}, {amount(runs, 'run')} ago"
        # a command is for copying, so it stays on one line
        lines += [
            *_headed(metric, shift, wrapped(text, width)),
            f"  {shlex.join(['opml', 'trend', case_id, '--metric', metric.name])}",
        ]
    return lines


def trend_table(
    case_id: str, metric: Metric, points: Sequence[Point], shifts: Sequence[Shift], between: Between
) -> dict[str, Any]:
    """Return the same as plain data."""

    def commits(shift: Shift) -> Sequence[str] | None:
        old, new = shift.before.commit, shift.after.commit
        return between(old, new) if old and new else None

    return {
        "case": case_id,
        "metric": metric.name,
        "unit": metric.unit,
        "points": [{**point._asdict(), "started": point.started.isoformat()} for point in points],
        "steps": [
            {
                "run": shift.at.run_id,
                "before": shift.step.before,
                "after": shift.step.after,
                "change": shift.step.change if metric.percent else None,
                "error": shift.step.error,
                "worse": _word(metric, shift) == "WORSE:",
                "machine": shift.machine,
                "last_commit_before": shift.before.commit,
                "first_commit_after": shift.after.commit,
                "commits": commits(shift),
            }
            for shift in shifts
        ],
    }
