"""The columns of a ranking and the words around it, whatever shows them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from ..analysis import figures
from ..metrics import METRICS, Metric
from ..records.device import Device
from ..records.result import Estimate, Result, Score
from ..records.run import Failure, RunRecord
from .cases import BEST_VALUES, WORST_VALUES, CaseGroup, RankingRow
from .formatting import signed_sum, three_digits

DIFFERENCE = "OpScore - reference\n= error + time + size"
TIME_RATIO = "time\n/ reference"
WIDE_ONLY = ("energy\nJ", "cold\ns", "prep\ns", "peak\nMB", "AUC", "F1", "train\ns", "p50\nms", "p99\nms", DIFFERENCE)


class Column(NamedTuple):
    """A column of the ranking; ``align`` is left, right or decimal."""

    header: str
    align: str
    cell: Callable[[RankingRow], str]


def device_text(device: Device) -> str:
    """Say what cases ran on, and which GPU of the machine they did not use."""
    parts = [f"{device.cpu}, {device.threads} threads on {device.cores} cores"]
    if device.gpu:
        parts.insert(0, f"{device.gpu.name}, driver {device.gpu.driver}")
    if device.tensorflow:
        parts.append(f"TensorFlow {device.tensorflow.version}")
    unused = [gpu.name for gpu in device.gpus if gpu != device.gpu]
    if unused:
        parts.append(f"not used: {', '.join(unused)}")
    return f"{device.profile}: {'; '.join(parts)}"


def heading(group: CaseGroup) -> str:
    """Say on which test set the results of a group are, what their quality is if not accuracy, and what their times."""
    first = group.results[0]
    is_told = first.quality.name == "accuracy" or f"quality={first.quality.name}" in group.title
    quality = "" if is_told else f", quality: {first.quality.name}"
    time = f"inference over {first.reference_samples:,} examples"
    if not all(math.isclose(10**r.op_score.log_seconds, r.inference_s.value, rel_tol=1e-6) for r in group.results):
        time = "as tool.opml.score weights it"
    return f"{group.title}, {first.test_samples:,} test examples{quality}, time: {time}"


def failure_text(failure: Failure) -> str:
    """Say why a case has no result."""
    return f"{failure.kind.replace('_', ' ')}: {failure.message}"


def columns_of(rows: Sequence[RankingRow], hidden: Collection[str]) -> list[Column]:
    """Return the columns that have anything to show.

    Args:
        rows: of the ranking.
        hidden: headers of columns; also ``quality ±`` and ``OpScore ±``, for the half widths beside these two.
    """
    name = quality_title([row.result.quality.name for row in rows if row.result])
    return [column for column in _columns(hidden, name) if column.header not in hidden and any(map(column.cell, rows))]


def quality_title(names: Iterable[str]) -> str:
    """Return the header of a column of qualities: what they are, of a function its name, or ``quality`` if mixed."""
    titles = {name.rpartition(":")[2] for name in names}
    return titles.pop() if len(titles) == 1 else "quality"


def _columns(hidden: Collection[str], quality: str) -> list[Column]:
    quality_margin, score_margin = "quality ±" not in hidden, "OpScore ±" not in hidden
    return [
        Column("#", "right", lambda row: row.place),
        Column("case", "left", lambda row: row.name),
        Column(
            quality,
            "right",
            lambda row: f"{row.entry.quality:.4f}{_margin(row, lambda r: r.quality) if quality_margin else ''}",
        ),
        Column("time\ns", "decimal", lambda row: three_digits(row.entry.seconds)),
        Column(TIME_RATIO, "right", _time_ratio),
        Column("size\nMB", "decimal", lambda row: three_digits(row.entry.megabytes)),
        Column(
            "OpScore",
            "right",
            lambda row: f"{row.entry.score:.3f}{_margin(row, lambda r: r.op_score) if score_margin else ''}",
        ),
        Column("norm", "right", lambda row: "" if row.normalised is None else f"{row.normalised:.2f}"),
        Column(DIFFERENCE, "right", _difference),
        _metric("F1", "f1", absent=""),
        _metric("AUC", "auc", absent=""),
        _metric("p50\nms", "latency_ms.p50"),
        _metric("p99\nms", "latency_ms.p99"),
        _metric("train\ns", "training_s"),
        _metric("prep\ns", "preparation_s"),
        _metric("cold\ns", "cold_start_s"),
        _metric("energy\nJ", "energy_j", absent=""),
        _metric("peak\nMB", "peak_memory_mb"),
    ]


def figure_cell(metric: Metric, value: float) -> str:
    """Return a value without its unit, which is in the header: three digits, or as the metric formats what has none."""
    return three_digits(value) if metric.unit else metric.format(value)


def _metric(header: str, name: str, absent: str = "n/a") -> Column:
    metric = METRICS[name]

    def cell(row: RankingRow) -> str:
        if row.result is None:
            return ""
        value = metric.read(row.result)
        return absent if value is None else figure_cell(metric, value)

    return Column(header, "decimal", cell)


def _margin(row: RankingRow, read: Callable[[Result], Estimate | Score]) -> str:
    """Return half the width of an interval, or a dash of the same width in a fictitious row."""
    if row.result is None:
        return "     -"
    interval = read(row.result)
    return " " + f"±{(interval.high - interval.low) / 2:.3f}".replace("±0.", "±.")


def _time_ratio(row: RankingRow) -> str:
    """Return the time over that of the reference, both timed side by side."""
    if row.result is None or row.result.vs_reference is None:
        return ""
    ratio = row.result.vs_reference.offline
    half = (ratio.high - ratio.low) / 2
    decimals = min(max(2 - math.floor(math.log10(ratio.value)), 0), 3)
    return f"{ratio.value:.{decimals}f} ±{half:.{decimals}f}".replace("±0.", "±.")


def _difference(row: RankingRow) -> str:
    if row.result is None or row.result is row.reference:
        return ""
    if row.reference is None:
        return "no reference"
    times = figures.times_beside(row.result, row.reference)
    total, parts = signed_sum(figures.score_axes(row.result, row.reference, times), 2)
    return f"{total} = {' '.join(parts)}"


def legend(groups: Sequence[CaseGroup], record: RunRecord) -> str:
    """Explain the marks of the rankings."""
    parts = [
        "Lower OpScore is better (0.301: a factor of two)",
        "±: half of the 95 % interval",
        "*: on the Pareto front",
    ]
    if any(len(group.results) > 1 for group in groups):
        parts.append(
            f"{BEST_VALUES}, {WORST_VALUES}: no cases, but the best and the worst value of each column; 0 and 1 of norm"
        )
    if any(result.vs_reference for result in record.results):
        parts.append(
            "time / reference: the two timed in turn, side by side, and the time is the reference's multiplied by it"
        )
    if record.reference_only:
        parts.append("(name): a reference, measured although it was not collected")
    return "; ".join(parts) + "."
