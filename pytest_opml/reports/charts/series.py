"""The encodings that charts of several series share: a colour and a shape for each, intervals, and axes of quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...records.result import Estimate
from .chart import Value


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


def band_height(names: int, series: int) -> int:
    """Return the height of a chart in pixels that has a band for each name, and in it a place for each series."""
    # Vega-Lite would work it out of a step, but remarks on each such chart that is as wide as its page
    place = 20 if series == 1 else 9 if names * series < 100 else 6
    return max(60, round(1.25 * names * series * place))


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
    text = f"{value.value:.4f} ({value.low:.4f} to {value.high:.4f})"
    return {"quality": value.value, "quality_low": value.low, "quality_high": value.high, "quality_text": text}
