"""The chart of confusions: how often a result answered each class with which, as a heat map."""

from __future__ import annotations

from typing import Any

from ...records.result import ConfusionMatrix, Result
from .chart import Chart, Value
from .labels import distinct_labels
from .series import tooltip

_MOST = 100  # classes
_MOST_COUNTED = 20  # classes of a map whose squares have room for a count
_SIDES = (10, 40), (_MOST_COUNTED, 26), (50, 14)  # of a square in pixels, by the most classes
_LONGEST = 24  # characters of a class


def confusion_chart(result: Result, name: str) -> Chart | None:
    """Draw the confusions of a result; None where it has no matrix of at most 100 classes.

    Args:
        result: of a classification.
        name: of its case.
    """
    confusion = result.confusion
    if confusion is None or not 2 <= len(confusion.labels) <= _MOST or len(confusion.answers) > _MOST + 1:
        return None
    label = distinct_labels([name])[name]
    right = sum(
        count
        for own, counts in zip(confusion.labels, confusion.counts, strict=True)
        for answer, count in zip(confusion.answers, counts, strict=True)
        if own == answer
    )
    total = sum(map(sum, confusion.counts))
    summary = (
        f"What {label} answered for the test examples of each class: {right:,} of {total:,} answers are on the "
        "diagonal, which is right. The stronger a square, the larger is its share of the examples of its class."
    )
    return Chart(
        name="confusion",
        title=f"Confusions of {label}",
        summary=summary,
        spec={"description": summary, **_spec(confusion)},
        datasets={"confusion": _squares(result.case.id, confusion)},
    )


def _squares(case: str, confusion: ConfusionMatrix) -> list[dict[str, Value]]:
    names = _names(confusion)
    rows: list[dict[str, Value]] = []
    for label, counts in zip(confusion.labels, confusion.counts, strict=True):
        examples = sum(counts)
        for answer, count in zip(confusion.answers, counts, strict=True):
            share = count / examples if examples else 0.0
            rows.append(
                {
                    "case": case,
                    "class": names[label],
                    "answer": names[answer],
                    "count": count,
                    "share": share,
                    "text": f"{count:,}" if count else "",
                    "is_strong": share > 0.5,
                    "share_text": f"{count:,} of {examples:,} ({100 * share:.1f} %)",
                }
            )
    return rows


def _names(confusion: ConfusionMatrix) -> dict[str, str]:
    return distinct_labels([*confusion.labels, *confusion.answers], _LONGEST)


def _spec(confusion: ConfusionMatrix) -> dict[str, Any]:
    names = _names(confusion)
    labels, answers = [names[one] for one in confusion.labels], [names[one] for one in confusion.answers]
    side = next((side for most, side in _SIDES if len(labels) <= most), 8)
    axis = {"grid": False, "labelFontSize": 11 if side > 10 else 7, "labelOverlap": False, "ticks": False}
    place = {
        "x": {
            "field": "answer",
            "type": "nominal",
            "sort": answers,
            "axis": {**axis, "title": "answer", "labelAngle": -60, "orient": "top"},
        },
        "y": {"field": "class", "type": "nominal", "sort": labels, "axis": {**axis, "title": "class"}},
    }
    share = {"title": "share of the class", "format": ".0%"}
    squares = {
        **place,
        "color": {
            "field": "share",
            "type": "quantitative",
            "scale": {"domain": [0, 1], "range": "heatmap"},
            "legend": share,
        },
        "tooltip": tooltip({"class": "class", "answer": "answered", "share_text": "examples"}),
    }
    layers: list[dict[str, Any]] = [{"mark": {"type": "rect"}, "encoding": squares}]
    if len(labels) <= _MOST_COUNTED:
        for is_strong, style in ((False, "label"), (True, "on-strong")):
            layers.append(
                {
                    "transform": [{"filter": f"datum.is_strong === {str(is_strong).lower()}"}],
                    "mark": {"type": "text", "style": style, "fontSize": 10},
                    "encoding": {**place, "text": {"field": "text", "type": "nominal"}},
                }
            )
    return {"data": {"name": "confusion"}, "width": {"step": side}, "height": {"step": side}, "layer": layers}
