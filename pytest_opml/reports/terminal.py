"""What a run shows in the terminal: a ranking for each test set, and what became of the budgets."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from ..domain.case import Case, IdParts
from ..domain.metrics import METRICS
from ..domain.ranking import Entry, ranked, test_set_of
from ..domain.records import Estimate, Failure, Result, RunRecord, Score
from ..domain.score import difference

WIDE = 120

_DIFFERENCE = "OpScore - reference\n= error + time + size"
_BESIDE = "time\n/ reference"
_WIDE_ONLY = ("energy\nJ", "cold\ns", "prep\ns", "peak\nMB", "AUC", "F1", "train\ns", "p50\nms", "p99\nms", _DIFFERENCE)
# What gives way until a table fits, the first one first: columns by header, then the half widths beside two values.
_YIELDING = (*_WIDE_ONLY, "norm", "accuracy ±", "OpScore ±", _BESIDE)
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class _Group(NamedTuple):
    """The cases on one test set: the only ones whose scores may be compared."""

    title: str
    names: Mapping[str, str]
    results: tuple[Result, ...]
    failures: tuple[Failure, ...]


class _Row(NamedTuple):
    """A line of the table; the fictitious models (MIN, MAX) have no result."""

    name: str
    entry: Entry
    normalised: float | None = None
    place: str = ""
    result: Result | None = None
    reference: Result | None = None


class _Column(NamedTuple):
    header: str
    align: str
    cell: Callable[[_Row], str]


def ranking_lines(record: RunRecord, width: int) -> list[str]:
    """The results of a run ranked by OpScore, in one table for each data set, split, input size and seed.

    Args:
        record: the run; its failures follow the tables, the notes of its results are footnotes.
        width: columns that no line exceeds; from ``WIDE`` on, a table shows more.

    Returns:
        Lines of plain text; none for a run without results and failures.
    """
    lines: list[str] = []
    groups = _groups(record)
    for group in groups:
        lines += [*_group_lines(group, width), ""]
    return [*lines, *wrapped(_legend(groups, record), width)] if record.results else lines[:-1]


def device_lines(record: RunRecord, width: int) -> list[str]:
    """What the cases ran on, and which GPU of the machine they did not use.

    Args:
        record: the run.
        width: columns that no line exceeds.
    """
    device = record.device
    parts = [f"{device.cpu}, {device.threads} threads on {device.cores} cores"]
    if device.gpu:
        parts.insert(0, f"{device.gpu.name}, driver {device.gpu.driver}")
    if device.tensorflow:
        parts.append(f"TensorFlow {device.tensorflow.version}")
    unused = [gpu.name for gpu in device.gpus if gpu != device.gpu]
    if unused:
        parts.append(f"not used: {', '.join(unused)}")
    return wrapped(f"device {device.profile}: {'; '.join(parts)}", width)


def short_names(record: RunRecord) -> dict[str, str]:
    """What each case is called in the tables: its id without what all on its test set have in common."""
    return {name: short for group in _groups(record) for name, short in group.names.items()}


def _groups(record: RunRecord) -> list[_Group]:
    groups = []
    for found in dict.fromkeys([*map(test_set_of, record.results), *map(test_set_of, record.failures)]):
        results = tuple(result for result in record.results if test_set_of(result) == found)
        failures = tuple(failure for failure in record.failures if test_set_of(failure) == found)
        title, names = _named([*(result.case for result in results), *(failure.case for failure in failures)])
        names |= {id_: f"({name})" for id_, name in names.items() if id_ in record.uncollected}
        groups.append(_Group(title, names, results, failures))
    return groups


def _named(cases: Sequence[Case]) -> tuple[str, dict[str, str]]:
    """What the ids have in common as a title, and the rest of each as its name, which keeps the technique."""
    parts = {case.id: case.parts for case in cases}
    first, *others = parts.values()
    same_model = all(part.model == first.model for part in others)
    same_top = all(part.top == first.top for part in others)
    common = [extra for extra in first.extras if all(extra in part.extras for part in others)]

    def name(part: IdParts) -> str:
        own = ",".join(extra for extra in part.extras if extra not in common)
        return "/".join(
            filter(None, ["" if same_model else part.model, "" if same_top else part.top, part.technique, own])
        )

    title = first.dataset
    if same_model:
        title += f"/{first.model}"
    if same_top:
        title += f"/{first.top}" if same_model else f"/*/{first.top}"
    return ", ".join([title, *common]), {id_: name(part) for id_, part in parts.items()}


def _group_lines(group: _Group, width: int) -> list[str]:
    if not group.results:
        return [*wrapped(group.title, width), *_failure_lines(group, width)]
    rows, notes = _rows(group)
    first = group.results[0]
    time = f"inference over {first.reference_samples:,} images"
    if not all(math.isclose(10**r.op_score.log_seconds, r.inference_s.value, rel_tol=1e-6) for r in group.results):
        time = "as tool.opml.score weights it"
    heading = f"{group.title}, {first.test_samples:,} test images, time: {time}"
    footnotes = [line for note, mark in notes.items() for line in wrapped(f"{mark} {note}", width)]
    return [*wrapped(heading, width), "", *_table(rows, width), *_failure_lines(group, width), *footnotes]


def _failure_lines(group: _Group, width: int) -> list[str]:
    return [
        line
        for failure in group.failures
        for line in wrapped(
            f"no result: {group.names[failure.case.id]}: {failure.kind.replace('_', ' ')}: {failure.message}", width
        )
    ]


def _rows(group: _Group) -> tuple[list[_Row], dict[str, str]]:
    """The rows from best to worst, and the mark of each note."""
    results = {result.case.id: result for result in group.results}
    ranking = ranked(group.results)
    notes: dict[str, str] = {}
    rows = []
    for row in ranking.rows:
        result = results[row.entry.name]
        for note in result.notes:
            notes.setdefault(note, str(len(notes) + 1).translate(_SUPERSCRIPTS))
        rows.append(
            _Row(
                " ".join([group.names[row.entry.name], *(notes[note] for note in result.notes)]),
                row.entry,
                row.normalised,
                f"{'*' if row.pareto else ''}{row.rank}",
                result,
                results.get(result.case.reference.id),
            )
        )
    if len(rows) > 1:
        low, high = (None, None) if ranking.rows[0].normalised is None else (0.0, 1.0)
        rows = [_Row("MIN", ranking.minimum, low), *rows, _Row("MAX", ranking.maximum, high)]
    return rows, notes


def _table(rows: Sequence[_Row], width: int) -> list[str]:
    hidden = 0 if width >= WIDE else len(_WIDE_ONLY)
    lines = _rendered(rows, _YIELDING[:hidden])
    while (excess := max(map(len, lines)) - width) > 0 and hidden < len(_YIELDING):
        hidden += 1
        lines = _rendered(rows, _YIELDING[:hidden])
    if excess > 0:
        longest = max(len(row.name) for row in rows) - excess
        names = shortened([row.name for row in rows], longest)
        lines = _rendered([row._replace(name=name) for row, name in zip(rows, names, strict=True)], _YIELDING)
    return lines


def _rendered(rows: Sequence[_Row], hidden: Collection[str]) -> list[str]:
    from tabulate import tabulate

    shown = [column for column in _columns(hidden) if column.header not in hidden and any(map(column.cell, rows))]
    text = tabulate(
        [[column.cell(row) for column in shown] for row in rows],
        headers=[column.header for column in shown],
        colalign=[column.align for column in shown],
        disable_numparse=True,
    )
    return [line.rstrip() for line in text.splitlines()]


def _columns(hidden: Collection[str]) -> list[_Column]:
    accuracy_margin, score_margin = "accuracy ±" not in hidden, "OpScore ±" not in hidden
    return [
        _Column("#", "right", lambda row: row.place),
        _Column("case", "left", lambda row: row.name),
        _Column(
            "accuracy",
            "right",
            lambda row: f"{row.entry.accuracy:.4f}{_margin(row, lambda r: r.accuracy) if accuracy_margin else ''}",
        ),
        _Column("time\ns", "decimal", lambda row: three_digits(row.entry.seconds)),
        _Column(_BESIDE, "right", _beside),
        _Column("size\nMB", "decimal", lambda row: three_digits(row.entry.megabytes)),
        _Column(
            "OpScore",
            "right",
            lambda row: f"{row.entry.score:.3f}{_margin(row, lambda r: r.op_score) if score_margin else ''}",
        ),
        _Column("norm", "right", lambda row: "" if row.normalised is None else f"{row.normalised:.2f}"),
        _Column(_DIFFERENCE, "right", _difference),
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


def _metric(header: str, name: str, absent: str = "n/a") -> _Column:
    metric = METRICS[name]

    def cell(row: _Row) -> str:
        if row.result is None:
            return ""
        value = metric.read(row.result)
        if value is None:
            return absent
        return three_digits(value) if metric.unit else metric.format(value)

    return _Column(header, "decimal", cell)


def three_digits(value: float) -> str:
    """Three significant digits, and never an exponent."""
    decimals = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{min(max(decimals, 0), 4)}f}"


def _margin(row: _Row, read: Callable[[Result], Estimate | Score]) -> str:
    """Half the width of an interval; a dash of the same width in the fictitious rows."""
    if row.result is None:
        return "     -"
    interval = read(row.result)
    return " " + f"±{(interval.high - interval.low) / 2:.3f}".replace("±0.", "±.")


def _beside(row: _Row) -> str:
    """How the time compares with the reference's, both timed side by side."""
    if row.result is None or row.result.side_by_side is None:
        return ""
    ratio = row.result.side_by_side.offline
    half = (ratio.high - ratio.low) / 2
    decimals = min(max(2 - math.floor(math.log10(ratio.value)), 0), 3)
    return f"{ratio.value:.{decimals}f} ±{half:.{decimals}f}".replace("±0.", "±.")


def _difference(row: _Row) -> str:
    if row.result is None or row.result is row.reference:
        return ""
    if row.reference is None:
        return "no reference"
    parts = difference(row.result.op_score, row.reference.op_score)
    # Adding zero after rounding turns -0.00 into +0.00.
    total, error, time, size = (f"{round(part, 2) + 0.0:+.2f}" for part in (parts.total, *parts))
    return f"{total} = {error} {time} {size}"


def shortened(names: Sequence[str], length: int) -> list[str]:
    """The names cut in their middle, where it leaves them distinct; the end, with the technique, keeps the most."""
    length = max(length, 5)

    def cut(head: int) -> list[str]:
        return [name if len(name) <= length else f"{name[:head]}…{name[head + 1 - length :]}" for name in names]

    third = (length - 1) // 3
    heads = sorted(range(1, length - 1), key=lambda head: abs(head - third))
    return next((found for found in map(cut, heads) if len(set(found)) == len(set(names))), cut(third))


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines, those after the first indented."""
    return textwrap.wrap(" ".join(text.split()), width, subsequent_indent="  ", break_on_hyphens=False)


def _legend(groups: Sequence[_Group], record: RunRecord) -> str:
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
