"""The history of one metric of one case, and what lasting steps in it can be tied to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from ..metrics import Metric
from ..stats.change_points import Step, find_steps

# Of a longer history only so many, the newest, are searched: the work grows with the square.
MOST_POINTS = 1_000


class Point(NamedTuple):
    """One value of the history."""

    run_id: str
    started: datetime
    commit: str | None
    branch: str | None
    machine: str
    value: float


class Shift(NamedTuple):
    """A lasting step, and the points between which it lies with about 95 % confidence.

    Attributes:
        machine: that the points were measured on; empty where the metric does not depend on it.
        before: the last point that has the old level.
        at: the first point after the step, where it most likely lies.
        after: the first point that has the new level.
    """

    step: Step
    machine: str
    before: Point
    at: Point
    after: Point


class FreshShift(NamedTuple):
    """A lasting step that the newest runs of a case show.

    Attributes:
        runs: how many have the new level, the newest included.
    """

    case_id: str
    metric: Metric
    shift: Shift
    runs: int


def find_fresh_shift(
    case_id: str, points: Sequence[Point], metric: Metric, false_alarms: float, within: int = 5
) -> FreshShift | None:
    """Return the step since which the newest runs have their level; None where there is none, or it is older.

    Args:
        case_id: whose history it is.
        points: in the order of time; the machine of the newest is searched.
        metric: whose values they are.
        false_alarms: as ``find_steps`` has it.
        within: how many runs old it may be.
    """
    own = [point for point in points if not metric.machine_dependent or point.machine == points[-1].machine]
    shifts = find_shifts(own, metric, false_alarms)
    if not shifts:
        return None
    runs = len(own) - own.index(shifts[-1].at)
    return FreshShift(case_id, metric, shifts[-1], runs) if runs <= within else None


def find_shifts(points: Sequence[Point], metric: Metric, false_alarms: float = 0.01) -> tuple[Shift, ...]:
    """Find the lasting steps of a history, in the order of time.

    Times are searched on each machine by itself, since another machine is a step that no commit made.

    Args:
        points: in the order of time; of more than ``MOST_POINTS`` the newest are searched.
        metric: whose values they are.
        false_alarms: as ``find_steps`` has it, over all machines.
    """
    points = points[-MOST_POINTS:]
    machines = list(dict.fromkeys(point.machine for point in points)) if metric.machine_dependent else [""]
    shifts = []
    for machine in machines:
        own = [point for point in points if not machine or point.machine == machine]
        # many machines are many histories, of which chance would find a step in each hundredth
        steps = find_steps(
            [point.value for point in own], false_alarms=false_alarms / len(machines), exact=metric.exact
        )
        shifts += [Shift(step, machine, own[step.low - 1], own[step.at], own[step.high]) for step in steps]
    return tuple(sorted(shifts, key=lambda shift: points.index(shift.at)))
