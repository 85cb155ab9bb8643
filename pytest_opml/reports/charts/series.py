"""The encodings that charts of several series share: a colour and a shape for each, intervals, and axes of quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...records.result import Estimate
from .chart import Value
from .ranking_rows import interval_text


def colour(labels: Sequence[str], title: str, field: str = "series") -> dict[str, Any]:
    """Return the encoding of a colour for each label, which has a place in the legend as it comes."""
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(labels), "range": "category"},
        "legend": {"title": title, "symbolOpacity": 1},
    }


def shape(labels: Sequence[str], title: str, field: str = "series") -> dict[str, Any]:
    """Return the encoding of a shape for each label, whose legend is that of the colours."""
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(labels), "range": "symbol"},
        "legend": {"title": title, "symbolOpacity": 1},
    }


def quality_axis(name: str, field: str = "quality") -> dict[str, Any]:
    """Return the encoding of a quality on an axis that need not begin at 0."""
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"zero": False},
        "axis": {"title": f"{name} (higher is better)", "grid": True, "tickCount": 6},
    }


def names_axis(field: str, labels: Sequence[str], title: str | None = None) -> dict[str, Any]:
    """Return the encoding of names on an axis, in their order."""
    names = list(labels)
    axis = {"title": title, "grid": False, "labelLimit": 260}
    return {"field": field, "type": "nominal", "sort": names, "scale": {"domain": names}, "axis": axis}


def tooltip(fields: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the encoding of a tooltip, whose texts are fields of the rows.

    Args:
        fields: the title of each, by the name of the field.
    """
    return [{"field": field, "type": "nominal", "title": title} for field, title in fields.items()]


def interval_fields(value: Estimate) -> dict[str, Value]:
    """Return a quality with its 95 % interval as fields of a row, and in words."""
    text = interval_text(value, 4)
    return {"quality": value.value, "quality_low": value.low, "quality_high": value.high, "quality_text": text}


def interval_dots(
    data: str,
    field: str,
    names: Sequence[str],
    series: Sequence[str],
    quality: str,
    *,
    series_title: str,
    fields: Mapping[str, str],
) -> dict[str, Any]:
    """Return the specification of qualities with their intervals: a band for each name, in it a place for each series.

    Args:
        data: name of the rows, which have ``interval_fields``, ``series`` and the name.
        field: of the name in a row.
        names: in their order.
        series: in their order; one alone has no legend.
        quality: what it is.
        series_title: of the legend.
        fields: of the tooltip, as ``tooltip`` takes them.
    """
    place: dict[str, Any] = {"y": names_axis(field, names), "color": colour(series, series_title)}
    points: dict[str, Any] = {}
    if len(series) > 1:
        place["yOffset"] = {"field": "series", "type": "nominal", "scale": {"domain": list(series)}}
        points["shape"] = shape(series, series_title)
    else:
        place["color"]["legend"] = None
    x = quality_axis(quality)
    points |= {**place, "x": x, "tooltip": tooltip(fields)}
    intervals = {**place, "x": {**x, "field": "quality_low"}, "x2": {"field": "quality_high"}}
    # Vega-Lite would work the height out of a step, but remarks on each such chart that is as wide as its page
    step = 20 if len(series) == 1 else 9 if len(names) * len(series) < 100 else 6
    return {
        "data": {"name": data},
        "width": "container",
        "height": max(60, round(1.25 * len(names) * len(series) * step)),
        "layer": [
            {"mark": {"type": "rule", "strokeWidth": 1.4}, "encoding": intervals},
            {"mark": {"type": "point", "filled": True, "size": 40, "opacity": 1}, "encoding": points},
        ],
    }
