"""The chart of clustering (Figure 8 and Table 7 of the paper): quality, size and preparation by number of clusters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ...records.result import Result
from ..cases import CaseGroup, RankingRow
from ..formatting import sentence_case, three_digits
from .chart import Chart, Value
from .labels import distinct_labels
from .ranking_rows import quality_name, ranked_results
from .series import colour, interval_fields, quality_axis, shape, tooltip

_MOST = 8  # series, those of the best cases; there are as many colours and shapes
_PANEL = 230  # pixels across
# What a step of a chain says: so many weights a layer, or so many bits of an index.
_CLUSTERS = re.compile(r"(?P<name>cluster|tfmot-cluster)-(?P<number>\d{1,6})(?:,.*)?", re.ASCII | re.DOTALL)
_BITS = re.compile(r"(?P<name>palettize)-(?P<number>\d{1,2})(?:,.*)?", re.ASCII | re.DOTALL)


def clusters_of(technique: str) -> tuple[str, int] | None:
    """Return the name of a technique without its number of clusters, and that number; None for one without clusters.

    Args:
        technique: a chain of steps; the first that says a number of clusters counts.
    """
    steps = technique.split("+")
    for place, step in enumerate(steps):
        for pattern in (_CLUSTERS, _BITS):
            if match := pattern.fullmatch(step):
                number = int(match["number"])
                name = "+".join([*steps[:place], match["name"], *steps[place + 1 :]])
                return name, number if pattern is _CLUSTERS else 2 ** min(number, 32)
    return None


def clustered(group: CaseGroup, rows: Sequence[RankingRow] | None = None) -> list[tuple[str, int, Result]]:
    """Return the name of its series and the number of clusters of each clustered case, by series and number.

    Args:
        group: of cases on one test set.
        rows: of ``ranked_rows``, where they are there already.
    """
    series: dict[tuple[object, ...], list[tuple[int, Result]]] = {}
    for _, result in ranked_results(group, rows):
        if (clusters := clusters_of(result.case.technique)) and clusters[1] > 0:
            parts = result.case.parts
            series.setdefault((parts.model, parts.top, clusters[0], *parts.extras), []).append((clusters[1], result))
    if not series:
        return []
    width = max(map(len, series))
    padded = {key: (*map(str, key), *[""] * (width - len(key))) for key in series}
    differing = [column for column in range(width) if len({text[column] for text in padded.values()}) > 1] or [2]
    names = {key: "/".join(filter(None, (text[column] for column in differing))) for key, text in padded.items()}
    return [
        (names[key], number, result)
        for key, members in series.items()
        for number, result in sorted(members, key=lambda member: member[0])
    ]


def clusters_chart(group: CaseGroup, rows: Sequence[RankingRow] | None = None) -> Chart | None:
    """Draw quality, size and preparation by number of clusters; None where all clustered cases have the same number.

    It has three panels of a fixed width, one beside the other.

    Args:
        group: of cases on one test set.
        rows: of ``ranked_rows``, where they are there already.
    """
    members = clustered(group, rows)
    if len({number for _, number, _ in members}) < 2:
        return None
    series = list(dict.fromkeys(name for name, _, _ in members))
    labels = distinct_labels(series[:_MOST])
    points: list[dict[str, Value]] = [
        {
            "case": result.case.id,
            "series": labels[name],
            "clusters": number,
            "megabytes": result.size_mb,
            "preparation": result.preparation_s,
            "size_text": f"{three_digits(result.size_mb)} MB",
            "preparation_text": f"{three_digits(result.preparation_s)} s",
            **interval_fields(result.quality),
        }
        for name, number, result in members
        if name in labels
    ]
    quality = quality_name(group)
    left_out = f" Of {len(series)} lines these are the {_MOST} of the best cases." if len(series) > _MOST else ""
    summary = (
        f"{sentence_case(quality)}, size and preparation time by the number of clusters, that is of distinct "
        f"weights in a layer.{left_out}"
    )
    return Chart(
        name="clusters",
        title="Number of clusters",
        summary=summary,
        spec={"description": summary, **_spec(sorted({n for _, n, _ in members}), list(labels.values()), quality)},
        datasets={"clusters": points},
    )


def _spec(numbers: Sequence[int], series: Sequence[str], quality: str) -> dict[str, Any]:
    ticks = numbers if len(numbers) <= 8 else numbers[:: -(-len(numbers) // 8)]
    x = {
        "field": "clusters",
        "type": "quantitative",
        "scale": {"type": "log", "base": 2, "nice": False},
        "axis": {"title": "clusters K", "values": list(ticks), "format": "d", "labelOverlap": True, "grid": False},
    }
    title = "cases"
    place: dict[str, Any] = {"x": x, "color": colour(series, title)}
    if len(series) == 1:
        place["color"]["legend"] = None
    size = {"title": "size, MB (lower is better)", "tickCount": 6}
    seconds = {"title": "preparation, s (lower is better)", "tickCount": 6}
    heights = {
        "quality": quality_axis(quality),
        "megabytes": {"field": "megabytes", "type": "quantitative", "scale": {"zero": True}, "axis": size},
        "preparation": {"field": "preparation", "type": "quantitative", "scale": {"zero": True}, "axis": seconds},
    }
    fields = {
        "series": "cases",
        "clusters": "clusters K",
        "quality_text": "quality",
        "size_text": "size",
        "preparation_text": "preparation",
    }
    panels = []
    for name, y in heights.items():
        points = {**place, "y": y, "tooltip": tooltip(fields)}
        if len(series) > 1:
            points["shape"] = shape(series, title)
        layers: list[dict[str, Any]] = [
            {"mark": {"type": "line", "strokeWidth": 1.6}, "encoding": {**place, "y": y}},
            {"mark": {"type": "point", "filled": True, "size": 50, "opacity": 1}, "encoding": points},
        ]
        if name == "quality":
            ends = {**place, "y": {**y, "field": "quality_low"}, "y2": {"field": "quality_high"}}
            layers.append({"mark": {"type": "rule", "strokeWidth": 1.2, "opacity": 0.6}, "encoding": ends})
        panels.append({"width": _PANEL, "height": 220, "layer": layers})
    return {"data": {"name": "clusters"}, "hconcat": panels}
