"""The chart of the history of one metric of a case."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ...analysis.trend import Point, Shift
from ...metrics import Metric
from ...printable import clipped
from ..formatting import amount, minute, short_hash
from .chart import Chart, Value
from .labels import distinct_labels
from .series import colour, shape, tooltip

_MOST = 8  # machines; there are as many colours and shapes
_THE_REST = "other machines"


class BudgetLine(NamedTuple):
    """The limit of a budget on the value itself; ``label`` says which budget it is of."""

    value: float
    label: str


def trend_chart(
    case_id: str,
    metric: Metric,
    points: Sequence[Point],
    shifts: Sequence[Shift] = (),
    limits: Sequence[BudgetLine] = (),
) -> Chart | None:
    """Draw the values of a history, the levels between its steps, and the limits of budgets; None without a value.

    Args:
        case_id: whose history it is.
        metric: whose values.
        points: in the order of time. Where a clock was wrong, the axis has their numbers instead of it.
        shifts: the steps among them.
        limits: of budgets, in the unit of the metric.
    """
    if not points:
        return None
    is_in_time = all(before.started <= after.started for before, after in pairwise(points))
    places = {point.run_id: _place(point, number, is_in_time) for number, point in enumerate(points, 1)}
    machines = list(dict.fromkeys(point.machine for point in points))
    labels = distinct_labels(machines[:_MOST] if len(machines) <= _MOST else machines[: _MOST - 1], 60)
    unit = f", {metric.unit}" if metric.unit else ""
    better = f"{metric.name}{unit} ({metric.better} is better)"
    steps = f" {amount(len(shifts), 'lasting step')}: dotted lines, with the first commit after." if shifts else ""
    summary = (
        f"{metric.name} of {clipped(case_id, 200)} in {amount(len(points), 'run')}, the newest "
        f"{metric.format(points[-1].value)}.{steps}"
    )
    layers = _layers(better, is_in_time, list(dict.fromkeys(labels.get(one, _THE_REST) for one in machines)))
    return Chart(
        name="trend",
        title=f"{metric.name} of {clipped(case_id, 200)}",
        summary=summary,
        spec={"description": summary, "width": "container", "height": 280, "layer": layers},
        datasets={
            "points": [
                {
                    "case": case_id,
                    "run": clipped(point.run_id, 40),
                    "at": places[point.run_id],
                    "value": point.value,
                    "machine": labels.get(point.machine, _THE_REST),
                    "commit": short_hash(point.commit),
                    "branch": clipped(point.branch or "", 60),
                    "value_text": metric.format(point.value),
                    "date": f"{minute(point.started)} UTC",
                }
                for point in points
            ],
            "levels": _levels(points, shifts, places),
            "steps": [
                {"at": places[shift.at.run_id], "text": clipped(short_hash(shift.at.commit or shift.at.run_id), 12)}
                for shift in shifts
            ],
            "limits": [{"value": limit.value, "text": clipped(limit.label, 60)} for limit in limits],
        },
    )


def _place(point: Point, number: int, is_in_time: bool) -> float:
    """Return where a point lies: its milliseconds since 1970, or its number."""
    return round(point.started.timestamp() * 1_000) if is_in_time else number


def _levels(points: Sequence[Point], shifts: Sequence[Shift], places: dict[str, float]) -> list[dict[str, Value]]:
    """Return the stretches between the steps of each machine, at the level that the values have there."""
    levels: list[dict[str, Value]] = []
    for machine in dict.fromkeys(shift.machine for shift in shifts):
        own = [point for point in points if machine in ("", point.machine)]
        steps = [shift for shift in shifts if shift.machine == machine]
        ends = [places[point.run_id] for point in (own[0], *(shift.at for shift in steps), own[-1])]
        values = [steps[0].step.before, *(shift.step.after for shift in steps)]
        levels += [
            {"at": start, "end": end, "value": value}
            for (start, end), value in zip(pairwise(ends), values, strict=True)
        ]
    return levels


def _layers(better: str, is_in_time: bool, machines: Sequence[str]) -> list[dict[str, Any]]:
    x: dict[str, Any] = {"field": "at", "type": "quantitative", "scale": {"zero": False}}
    x["axis"] = {"title": "run, the oldest first; a clock was wrong", "grid": False, "tickMinStep": 1, "format": "d"}
    if is_in_time:
        x = {"field": "at", "type": "temporal", "scale": {"type": "utc"}}
        x["axis"] = {"title": "run (UTC)", "grid": False, "tickCount": 8, "labelOverlap": True}
    y = {"field": "value", "type": "quantitative", "scale": {"zero": False}, "axis": {"title": better, "tickCount": 6}}
    fields = {"value_text": "value", "date": "date", "commit": "commit", "branch": "branch", "machine": "machine"}
    legend = {"title": "machine", "orient": "bottom", "columns": 2, "labelLimit": 400}
    dots = {
        "x": x,
        "y": y,
        "color": {**colour(machines, "machine", "machine"), "legend": legend},
        "shape": {**shape(machines, "machine", "machine"), "legend": legend},
        "tooltip": tooltip({**fields, "run": "run"}),
    }
    name = {"align": "right", "angle": 270, "baseline": "bottom", "dx": -3, "dy": -2, "y": 0}
    return [
        {
            "data": {"name": "limits"},
            "mark": {"type": "rule", "style": "limit", "tooltip": False},
            "encoding": {"y": y},
        },
        {
            "data": {"name": "limits"},
            "mark": {"type": "text", "style": "note", "align": "left", "baseline": "bottom", "dx": 4, "dy": -2, "x": 0},
            "encoding": {"y": y, "text": {"field": "text", "type": "nominal"}},
        },
        {
            "data": {"name": "points"},
            "mark": {"type": "point", "filled": True, "opacity": 0.75, "size": 36},
            "encoding": dots,
        },
        {
            "data": {"name": "levels"},
            "mark": {"type": "rule", "style": "level"},
            "encoding": {"x": x, "x2": {"field": "end"}, "y": y},
        },
        {"data": {"name": "steps"}, "mark": {"type": "rule", "style": "step"}, "encoding": {"x": x}},
        {
            "data": {"name": "steps"},
            "mark": {"type": "text", "style": "label", **name},
            "encoding": {"x": x, "text": {"field": "text", "type": "nominal"}},
        },
    ]
