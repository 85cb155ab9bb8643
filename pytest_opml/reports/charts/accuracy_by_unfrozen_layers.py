"""The chart of quality by unfrozen layers (Figure 5 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...records.case_record import CaseRecord, Unfreeze
from ..cases import CaseGroup, RankingRow
from ..formatting import sentence_case
from .chart import Chart, Value
from .labels import distinct_labels
from .ranking_rows import quality_name, ranked_results
from .series import colour, interval_fields, quality_axis, shape, tooltip

_MOST = 8  # series, those of the best cases; there are as many colours and shapes


def accuracy_by_unfrozen_layers_chart(group: CaseGroup, rows: Sequence[RankingRow] | None = None) -> Chart | None:
    """Draw the quality by how many layers were unfrozen; None where no two cases differ in nothing else.

    Args:
        group: of cases on one test set.
        rows: of ``ranked_rows``, where they are there already.
    """
    results = [result for _, result in ranked_results(group, rows)]
    by_series: dict[tuple[str, ...], list[int]] = {}
    for number, result in enumerate(results):
        by_series.setdefault(_series(result.case), []).append(number)
    lines = [series for series, members in by_series.items() if len({results[n].case.unfreeze for n in members}) > 1]
    if not lines:
        return None
    names = _names(lines[:_MOST])
    labels = distinct_labels(names)
    members = [(name, results[n]) for name, series in zip(names, lines, strict=False) for n in by_series[series]]
    numbers = sorted({result.case.unfreeze for _, result in members}, key=_depth)
    points: list[dict[str, Value]] = [
        {
            "case": result.case.id,
            "series": labels[name],
            "layers": str(result.case.unfreeze),
            "place": _depth(result.case.unfreeze),
            **interval_fields(result.quality),
        }
        for name, result in sorted(members, key=lambda member: _depth(member[1].case.unfreeze))
    ]
    quality = quality_name(group)
    left_out = f" Of {len(lines)} lines these are the {_MOST} of the best cases." if len(lines) > _MOST else ""
    summary = (
        f"{sentence_case(quality)} by how many layers were unfrozen and trained, counted from the output, "
        f"with its 95 % interval.{left_out}"
    )
    return Chart(
        name="accuracy-by-unfrozen-layers",
        title=f"{sentence_case(quality)} by unfrozen layers",
        summary=summary,
        spec={
            "description": summary,
            "width": "container",
            "height": 300,
            **_spec([str(number) for number in numbers], list(labels.values()), quality),
        },
        datasets={"unfreezing": points},
    )


def _series(case: CaseRecord) -> tuple[str, ...]:
    return (case.model, case.technique, *case.parts.extras)


def _names(lines: Sequence[tuple[str, ...]]) -> list[str]:
    """Name lines by what they differ in; by the technique where that is nothing."""
    columns = range(max(map(len, lines)))
    differing = [column for column in columns if len({line[column : column + 1] for line in lines}) > 1] or [1]
    return [", ".join(line[column] for column in differing if column < len(line)) or line[1] for line in lines]


def _depth(unfreeze: Unfreeze) -> int:
    return 10**6 if unfreeze == "all" else int(unfreeze)


def _spec(layers: Sequence[str], series: Sequence[str], quality: str) -> dict[str, Any]:
    title = "model, technique"
    place = {
        "x": {
            "field": "layers",
            "type": "ordinal",
            "sort": list(layers),
            "scale": {"domain": list(layers)},
            "axis": {"title": "unfrozen layers, from the output", "labelAngle": 0, "grid": False},
        },
        "color": colour(series, title),
    }
    y = quality_axis(quality)
    offset = {"xOffset": {"field": "series", "type": "nominal", "scale": {"domain": list(series), "paddingOuter": 4}}}
    fields = {"series": "model, technique", "layers": "unfrozen layers", "quality_text": "quality"}
    points = {**place, **offset, "y": y, "shape": shape(series, title), "tooltip": tooltip(fields)}
    intervals = {**place, **offset, "y": {**y, "field": "quality_low"}, "y2": {"field": "quality_high"}}
    order = {"field": "place", "type": "quantitative"}
    return {
        "data": {"name": "unfreezing"},
        "layer": [
            {"mark": {"type": "line", "strokeWidth": 1.6}, "encoding": {**place, **offset, "y": y, "order": order}},
            {"mark": {"type": "rule", "strokeWidth": 1.2, "opacity": 0.6}, "encoding": intervals},
            {"mark": {"type": "point", "filled": True, "size": 60, "opacity": 1}, "encoding": points},
        ],
    }
