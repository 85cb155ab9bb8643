"""The chart of what each axis adds to the OpScore of a case, against its reference: a stacked bar for each case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...analysis import figures
from ...analysis.op_score import Difference
from ...records.result import Result
from ..cases import CaseGroup, RankingRow
from ..formatting import signed
from .chart import Chart, Rows, Value
from .labels import distinct_labels
from .ranking_rows import Ranked, ranked_results

_MOST = 40  # cases, the best ones
_BAR = 26  # pixels of a case
_ROOM = 0.14  # of the bars' width, for a number such as -0.123
_AXES = ("error", "time", "size")


def score_axes_chart(group: CaseGroup, rows: Sequence[RankingRow] | None = None) -> Chart | None:
    """Draw the difference of each OpScore to that of its reference, by axis; None where no case has another reference.

    Args:
        group: of cases whose scores may be compared.
        rows: of ``ranked_rows``, where they are there already.
    """
    compared = [
        (row, result) for row, result in ranked_results(group, rows) if row.reference and result is not row.reference
    ]
    if not compared:
        return None
    parts, totals = _rows_of(compared[:_MOST], group)
    left_out = f" Of {len(compared):,} cases these are the {_MOST} best." if len(compared) > _MOST else ""
    summary = (
        "How far the OpScore of each case is from that of its reference, and which axis that comes from: log10 of the "
        "error, the time and the size. Bars to the left of 0 are gains; the upright mark is the sum. 0.301 is a factor "
        f"of two.{left_out}"
    )
    return Chart(
        name="score-axes",
        title="OpScore against the reference, by axis",
        summary=summary,
        spec={
            "description": summary,
            "width": "container",
            "height": _BAR * len(totals),
            "layer": _layers([str(row["name"]) for row in totals], _ends(totals)),
        },
        datasets={"parts": parts, "totals": totals},
    )


def _rows_of(compared: Ranked, group: CaseGroup) -> tuple[list[dict[str, Value]], list[dict[str, Value]]]:
    labels = distinct_labels(group.names[result.case.id] for _, result in compared)
    parts: list[dict[str, Value]] = []
    totals: list[dict[str, Value]] = []
    for row, result in compared:
        case: dict[str, Value] = {"case": result.case.id, "name": labels[group.names[result.case.id]]}
        axes = _difference(row, result)
        texts = {f"{axis}_text": signed(part, 3) for axis, part in axes._asdict().items()}
        case |= {**texts, "total_text": signed(axes.total, 3)}
        parts += [
            {**case, "axis": axis, "order": number, "difference": part}
            for number, (axis, part) in enumerate(axes._asdict().items())
        ]
        gain, loss = (sum(pick(part, 0.0) for part in axes) for pick in (min, max))
        totals.append({**case, "total": axes.total, "gain": gain, "loss": loss})
    return parts, totals


def _difference(row: RankingRow, result: Result) -> Difference:
    assert row.reference
    return figures.score_axes(result, row.reference, figures.times_beside(result, row.reference))


def _ends(totals: Rows) -> tuple[float, float]:
    """Return where the axis ends: with room for the numbers to the right of the bars."""
    low, high = (pick(float(row[end] or 0.0) for row in totals) for pick, end in ((min, "gain"), (max, "loss")))
    if low == high:
        return -0.1, 0.1
    return low, high + _ROOM * (high - low)


def _layers(names: Sequence[str], ends: tuple[float, float]) -> list[dict[str, Any]]:
    y = {
        "field": "name",
        "type": "nominal",
        "sort": names,
        "axis": {"title": None, "labelLimit": 260, "grid": False},
        "scale": {"domain": names},
    }
    title = "difference of OpScore to the reference (below 0 is better)"
    x = {
        "field": "difference",
        "type": "quantitative",
        "scale": {"domain": list(ends), "nice": False},
        "axis": {"title": title, "grid": True, "format": "+.2~f", "tickCount": 7},
    }
    tooltip = [
        {"field": field, "type": "nominal", "title": heading}
        for field, heading in (
            ("name", "case"),
            ("total_text", "OpScore - reference"),
            *((f"{axis}_text", f"by {axis}") for axis in _AXES),
        )
    ]
    return [
        {
            "data": {"name": "parts"},
            "mark": {"type": "bar", "style": "axis-bar", "height": {"band": 0.62}},
            "encoding": {
                "y": y,
                "x": {**x, "stack": "zero"},
                "color": {
                    "field": "axis",
                    "type": "nominal",
                    "scale": {"domain": list(_AXES), "range": "ordinal"},
                    "legend": {"title": "axis", "symbolType": "square"},
                },
                "order": {"field": "order", "type": "quantitative"},
                "tooltip": tooltip,
            },
        },
        {"mark": {"type": "rule", "style": "zero"}, "data": {"values": [{}]}, "encoding": {"x": {"datum": 0}}},
        {
            "data": {"name": "totals"},
            "mark": {"type": "tick", "style": "total", "thickness": 4, "height": {"band": 0.9}, "orient": "vertical"},
            "encoding": {"y": y, "x": {**x, "field": "total"}, "tooltip": tooltip},
        },
        {
            "data": {"name": "totals"},
            "mark": {"type": "text", "style": "label", "align": "left", "dx": 6, "baseline": "middle"},
            "encoding": {"y": y, "x": {**x, "field": "loss"}, "text": {"field": "total_text", "type": "nominal"}},
        },
    ]
