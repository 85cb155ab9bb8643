"""What a run shows in the terminal: a ranking for each test set, and what became of the budgets."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from ...analysis.op_score import difference
from ...metrics import METRICS
from ...records.device import Device
from ...records.result import Estimate, Failure, Result, RunRecord, Score
from ..cases import Group, Row, groups_of, ranked_rows
from ..formatting import shortened, three_digits, wrapped

WIDE = 120

DIFFERENCE = "OpScore - reference\n= error + time + size"
_BESIDE = "time\n/ reference"
WIDE_ONLY = ("energy\nJ", "cold\ns", "prep\ns", "peak\nMB", "AUC", "F1", "train\ns", "p50\nms", "p99\nms", DIFFERENCE)
# What gives way until a table fits, the first one first: columns by header, then the half widths beside two values.
_YIELDING = (*WIDE_ONLY, "norm", "accuracy ±", "OpScore ±", _BESIDE)


class Column(NamedTuple):
    """A column of the ranking; ``align`` as tabulate takes it."""

    header: str
    align: str
    cell: Callable[[Row], str]


def ranking_lines(record: RunRecord, width: int) -> list[str]:
    """The results of a run ranked by OpScore, in one table for each data set, split, input size and seed.

    Args:
        record: the run; its failures follow the tables, the notes of its results are footnotes.
        width: columns that no line exceeds; from ``WIDE`` on, a table shows more.

    Returns:
        Lines of plain text; none for a run without results and failures.
    """
    lines: list[str] = []
    groups = groups_of(record)
    for group in groups:
        lines += [*_group_lines(group, width), ""]
    return [*lines, *wrapped(legend(groups, record), width)] if record.results else lines[:-1]


def device_lines(record: RunRecord, width: int) -> list[str]:
    """What the cases ran on, in lines.

    Args:
        record: the run.
        width: columns that no line exceeds.
    """
    return [line for device in record.devices for line in wrapped(f"device {device_text(device)}", width)]


def device_text(device: Device) -> str:
    """What cases ran on, and which GPU of the machine they did not use."""
    parts = [f"{device.cpu}, {device.threads} threads on {device.cores} cores"]
    if device.gpu:
        parts.insert(0, f"{device.gpu.name}, driver {device.gpu.driver}")
    if device.tensorflow:
        parts.append(f"TensorFlow {device.tensorflow.version}")
    unused = [gpu.name for gpu in device.gpus if gpu != device.gpu]
    if unused:
        parts.append(f"not used: {', '.join(unused)}")
    return f"{device.profile}: {'; '.join(parts)}"


def _group_lines(group: Group, width: int) -> list[str]:
    if not group.results:
        return [*wrapped(group.title, width), *_failure_lines(group, width)]
    rows, notes = ranked_rows(group)
    footnotes = [line for note, mark in notes.items() for line in wrapped(f"{mark} {note}", width)]
    return [*wrapped(heading(group), width), "", *_table(rows, width), *_failure_lines(group, width), *footnotes]


def heading(group: Group) -> str:
    """The test set of a group with results, and what its times are."""
    first = group.results[0]
    time = f"inference over {first.reference_samples:,} images"
    if not all(math.isclose(10**r.op_score.log_seconds, r.inference_s.value, rel_tol=1e-6) for r in group.results):
        time = "as tool.opml.score weights it"
    return f"{group.title}, {first.test_samples:,} test images, time: {time}"


def _failure_lines(group: Group, width: int) -> list[str]:
    return [
        line
        for failure in group.failures
        for line in wrapped(f"no result: {group.names[failure.case.id]}: {failure_text(failure)}", width)
    ]


def failure_text(failure: Failure) -> str:
    """Why a case has no result."""
    return f"{failure.kind.replace('_', ' ')}: {failure.message}"


def _table(rows: Sequence[Row], width: int) -> list[str]:
    hidden = 0 if width >= WIDE else len(WIDE_ONLY)
    lines = _rendered(rows, _YIELDING[:hidden])
    while (excess := max(map(len, lines)) - width) > 0 and hidden < len(_YIELDING):
        hidden += 1
        lines = _rendered(rows, _YIELDING[:hidden])
    if excess > 0:
        longest = max(len(row.name) for row in rows) - excess
        names = shortened([row.name for row in rows], longest)
        lines = _rendered([row._replace(name=name) for row, name in zip(rows, names, strict=True)], _YIELDING)
    return lines


def _rendered(rows: Sequence[Row], hidden: Collection[str]) -> list[str]:
    from tabulate import tabulate

    shown = columns_of(rows, hidden)
    text = tabulate(
        [[column.cell(row) for column in shown] for row in rows],
        headers=[column.header for column in shown],
        colalign=[column.align for column in shown],
        disable_numparse=True,
    )
    return [line.rstrip() for line in text.splitlines()]


def columns_of(rows: Sequence[Row], hidden: Collection[str]) -> list[Column]:
    """The columns that have anything to show.

    Args:
        rows: of the ranking.
        hidden: headers of columns; also ``accuracy ±`` and ``OpScore ±``, for the half widths beside these two.
    """
    return [column for column in _columns(hidden) if column.header not in hidden and any(map(column.cell, rows))]


def _columns(hidden: Collection[str]) -> list[Column]:
    accuracy_margin, score_margin = "accuracy ±" not in hidden, "OpScore ±" not in hidden
    return [
        Column("#", "right", lambda row: row.place),
        Column("case", "left", lambda row: row.name),
        Column(
            "accuracy",
            "right",
            lambda row: f"{row.entry.accuracy:.4f}{_margin(row, lambda r: r.accuracy) if accuracy_margin else ''}",
        ),
        Column("time\ns", "decimal", lambda row: three_digits(row.entry.seconds)),
        Column(_BESIDE, "right", _beside),
        Column("size\nMB", "decimal", lambda row: three_digits(row.entry.megabytes)),
        Column(
            "OpScore",
            "right",
            lambda row: f"{row.entry.score:.3f}{_margin(row, lambda r: r.op_score) if score_margin else ''}",
        ),
        Column("norm", "right", lambda row: "" if row.normalised is None else f"{row.normalised:.2f}"),
        Column(DIFFERENCE, "right", _difference),
        _metric("F1", "f1"),
        _metric("AUC", "auc"),
        _metric("p50\nms", "latency_ms.p50"),
        _metric("p99\nms", "latency_ms.p99"),
        _metric("train\ns", "training_s"),
        _metric("prep\ns", "preparation_s"),
        _metric("cold\ns", "cold_start_s"),
        _metric("energy\nJ", "energy_j", absent=""),
        _metric("peak\nMB", "peak_memory_mb"),
    ]


def _metric(header: str, name: str, absent: str = "n/a") -> Column:
    metric = METRICS[name]

    def cell(row: Row) -> str:
        if row.result is None:
            return ""
        value = metric.read(row.result)
        if value is None:
            return absent
        return three_digits(value) if metric.unit else metric.format(value)

    return Column(header, "decimal", cell)


def _margin(row: Row, read: Callable[[Result], Estimate | Score]) -> str:
    """Half the width of an interval; a dash of the same width in the fictitious rows."""
    if row.result is None:
        return "     -"
    interval = read(row.result)
    return " " + f"±{(interval.high - interval.low) / 2:.3f}".replace("±0.", "±.")


def _beside(row: Row) -> str:
    """How the time compares with the reference's, both timed side by side."""
    if row.result is None or row.result.side_by_side is None:
        return ""
    ratio = row.result.side_by_side.offline
    half = (ratio.high - ratio.low) / 2
    decimals = min(max(2 - math.floor(math.log10(ratio.value)), 0), 3)
    return f"{ratio.value:.{decimals}f} ±{half:.{decimals}f}".replace("±0.", "±.")


def _difference(row: Row) -> str:
    if row.result is None or row.result is row.reference:
        return ""
    if row.reference is None:
        return "no reference"
    parts = difference(row.result.op_score, row.reference.op_score)
    # Adding zero after rounding turns -0.00 into +0.00.
    total, error, time, size = (f"{round(part, 2) + 0.0:+.2f}" for part in (parts.total, *parts))
    return f"{total} = {error} {time} {size}"


def legend(groups: Sequence[Group], record: RunRecord) -> str:
    """What the marks of the tables mean."""
    parts = [
        "Lower OpScore is better (0.301: a factor of two)",
        "±: half of the 95 % interval",
        "*: on the Pareto front",
    ]
    if any(len(group.results) > 1 for group in groups):
        parts.append("MIN, MAX: the best and the worst of each column, 0 and 1 of norm")
    if any(result.side_by_side for result in record.results):
        parts.append("time / reference: the two timed in turn, side by side")
    if record.uncollected:
        parts.append("(name): a reference, measured although it was not collected")
    return "; ".join(parts) + "."
