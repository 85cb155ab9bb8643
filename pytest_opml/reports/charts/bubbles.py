"""The bubble chart: quality against time, where the area of a bubble is the size of a case.

A page's script may use three selections of it, and two of its data. The interval ``brush`` and the points ``pick``
(by ``case``) tell which cases the reader chose; ``hover`` is the case under the pointer. A row of ``cases`` whose
``shown`` is false is dimmed: the script changes the rows of that data and nothing else. For a logarithmic axis of time
it sets ``layer[i].encoding.x.scale.type`` to ``log`` in each layer: the ends of the scale are above 0 for
that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..cases import CaseGroup, RankingRow
from ..formatting import amount, sentence_case, three_digits
from .bubble_rows import (
    HEIGHT,
    LARGEST_AREA,
    MOST_NUMBERED,
    PlotRange,
    case_labels,
    case_rows,
    equal_score_rows,
    front_rows,
    key_text,
    model_labels,
    range_of,
    technique_labels,
    typical_size,
)
from .chart import Chart
from .ranking_rows import Ranked, quality_name, ranked_results

_MOST_IN_KEY = 25  # cases that the key beneath the chart names


def bubble_chart(group: CaseGroup, rows: Sequence[RankingRow] | None = None) -> Chart | None:
    """Draw the cases of a group by time, quality and size; None where none has all three.

    Args:
        group: of cases whose scores may be compared.
        rows: of ``ranked_rows``, where they are there already.
    """
    ranked = [
        (row, result) for row, result in ranked_results(group, rows) if min(row.entry.seconds, row.entry.megabytes) > 0
    ]
    if not ranked:
        return None
    cases = case_rows(ranked, group)
    shown, megabytes, quality = range_of(ranked), typical_size(ranked), quality_name(group)
    scores, step = equal_score_rows(shown, megabytes)
    size = f"{three_digits(megabytes)} MB"
    lines = ""
    if scores:
        lines = f" Dotted lines join equal OpScores of a model of {size}; from one to the next is a factor of {step}."
    best = ranked[0][0]
    summary = (
        f"{sentence_case(quality)} against time of {amount(len(ranked), 'case')}; the area of a bubble is "
        "the size. Filled bubbles are on the Pareto front; the solid line joins those that none beats in both time and "
        f"quality.{lines} The best OpScore, {best.entry.score:.3f}, has {case_labels(ranked, group)[best.entry.name]}."
    )
    return Chart(
        name="bubbles",
        title=f"{sentence_case(quality)}, time and size",
        summary=summary,
        spec={
            "description": summary,
            "width": "container",
            "height": HEIGHT,
            "params": _params(),
            "layer": _layers(ranked, group, shown),
            "resolve": {"legend": {"size": "independent"}},
        },
        datasets={"cases": cases, "equal_scores": scores, "front": front_rows(cases)},
    )


# --- the specification


def _params() -> list[dict[str, Any]]:
    views = ["bubbles"]
    return [
        {"name": "brush", "select": {"type": "interval", "encodings": ["x", "y"]}, "views": views},
        {
            "name": "pick",
            "select": {"type": "point", "fields": ["case"], "on": "click", "toggle": "true"},
            "views": views,
        },
        {
            "name": "hover",
            "select": {"type": "point", "fields": ["case"], "on": "pointerover", "clear": "pointerout"},
            "views": views,
        },
    ]


def _layers(ranked: Ranked, group: CaseGroup, shown: PlotRange) -> list[dict[str, Any]]:
    x = {
        "field": "seconds",
        "type": "quantitative",
        "scale": {"type": "linear", "domain": list(shown.seconds), "nice": False},
        "axis": {"title": "time, s (lower is better)", "grid": True, "tickCount": 8},
    }
    y = {
        "field": "quality",
        "type": "quantitative",
        "scale": {"domain": list(shown.quality), "nice": False, "zero": False},
        "axis": {"title": f"{quality_name(group)} (higher is better)", "grid": True, "tickCount": 6},
    }
    place = {"x": x, "y": y}
    layers = [
        {
            "data": {"name": "equal_scores"},
            "mark": {"type": "line", "style": "equal-score", "clip": True, "tooltip": False},
            "encoding": {**place, "detail": {"field": "score", "type": "nominal"}},
        },
        {
            "data": {"name": "equal_scores"},
            "mark": {"type": "text", "style": "note", "align": "right", "dx": -2, "dy": -5},
            "encoding": {**place, "text": {"field": "text", "type": "nominal"}},
        },
        {
            "data": {"name": "front"},
            "mark": {"type": "line", "style": "front", "interpolate": "step-after"},
            "encoding": place,
        },
        *_intervals(place),
        _bubbles(ranked, place),
    ]
    return [*layers, _places(ranked, group, place)] if len(ranked) <= MOST_NUMBERED else layers


def _intervals(place: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Draw the intervals of the case under the pointer."""
    seen = {"condition": {"param": "hover", "empty": False, "value": 1}, "value": 0}
    across = {**place, "x": {**place["x"], "field": "seconds_low"}, "x2": {"field": "seconds_high"}, "opacity": seen}
    along = {**place, "y": {**place["y"], "field": "quality_low"}, "y2": {"field": "quality_high"}, "opacity": seen}
    return [
        {
            "data": {"name": "cases"},
            "mark": {"type": "rule", "style": "interval", "clip": True, "tooltip": False},
            "encoding": encoding,
        }
        for encoding in (across, along)
    ]


def _bubbles(ranked: Ranked, place: Mapping[str, Any]) -> dict[str, Any]:
    techniques = list(dict.fromkeys(technique_labels(ranked).values()))
    models = list(dict.fromkeys(model_labels(ranked).values()))
    colour = {
        "field": "technique",
        "type": "nominal",
        "scale": {"domain": techniques, "range": "category"},
        "legend": {"title": "technique (filled: Pareto front)", "symbolType": "circle"},
    }
    encoding = {
        **place,
        "size": {
            "field": "megabytes",
            "type": "quantitative",
            "scale": {"domain": [0, max(row.entry.megabytes for row, _ in ranked)], "range": [0, LARGEST_AREA]},
            "legend": {"title": "size, MB", "tickCount": 3},
        },
        "stroke": colour,
        "fill": colour,
        "fillOpacity": {"condition": {"test": "datum.front", "value": 0.75}, "value": 0},
        "opacity": {"condition": {"test": "datum.shown", "value": 1}, "value": 0.12},
        "tooltip": [
            {"field": field, "type": "nominal", "title": title}
            for field, title in (
                ("name", "case"),
                ("place", "place"),
                ("quality_text", "quality"),
                ("seconds_text", "time"),
                ("size_text", "size"),
                ("score_text", "OpScore"),
            )
        ],
    }
    shape: dict[str, Any] = {"type": "point", "strokeWidth": 1.8, "cursor": "pointer"}
    if len(models) > 1:
        scale = {"domain": models, "range": "symbol"}
        encoding["shape"] = {"field": "model", "type": "nominal", "scale": scale, "legend": {"title": "model"}}
    else:
        shape["shape"] = "circle"
    return {"name": "bubbles", "data": {"name": "cases"}, "mark": shape, "encoding": encoding}


def _places(ranked: Ranked, group: CaseGroup, place: Mapping[str, Any]) -> dict[str, Any]:
    """Write the places beside the bubbles; few are explained by a key, so that a print needs no colours."""
    encoding = {
        **place,
        "text": {"field": "label", "type": "nominal"},
        "opacity": {"condition": {"test": "datum.shown", "value": 1}, "value": 0.12},
    }
    if len(ranked) <= _MOST_IN_KEY:
        names = case_labels(ranked, group)
        keys = [key_text(row, names[result.case.id]) for row, result in ranked]
        # A scale that changes nothing has a legend all the same, which lays the key out in columns. Of a scale that
        # begins with 0, Vega leaves the first value out.
        encoding["strokeWidth"] = {
            "field": "key",
            "type": "ordinal",
            "sort": None,
            "scale": {"domain": keys, "range": [0.01] * len(keys)},
            "legend": {"title": None, "orient": "bottom", "columns": 3, "symbolSize": 0, "symbolStrokeWidth": 0},
        }
    return {
        "data": {"name": "cases"},
        "mark": {
            "type": "text",
            "style": "label",
            "align": "left",
            "baseline": "bottom",
            "dx": {"expr": "datum.gap"},
            "dy": {"expr": "-datum.gap"},
        },
        "encoding": encoding,
    }
