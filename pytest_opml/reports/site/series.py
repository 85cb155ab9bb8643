"""The results of a case on a kind of hardware over all runs: what the index says of them, and their lasting steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ...analysis.trend import Point, find_shifts
from ...history.base import CALL_S
from ...metrics import METRICS, Metric
from .run_document import FIRST, NO_RESULT, SITE_METRICS

READ_ROWS = 500  # the newest, which the index and the steps follow from
_STEP_POINTS, _SPARK_POINTS = 200, 30
_MOST_BRANCHES = 4  # beside the main one, that the index shows a case on
_HEAD = 3  # run, machine and verdict stand before the figures
_CALL = _HEAD + len(SITE_METRICS) - 1
# A case is shown by the first of these that its results have: a benchmark has a time, and not every quality a score.
_SHOWN_METRICS = ("op_score", CALL_S, "inference_s", "quality", "size_mb")
_SHOWN_BY = tuple(_HEAD + SITE_METRICS.index(name) for name in _SHOWN_METRICS)
_NO_TIME = datetime(1970, 1, 1, tzinfo=timezone.utc)
_CALL_METRIC = Metric(CALL_S, lambda _: None, "s", machine_dependent=True)
_STEPPING = (*(METRICS[name] for name in FIRST), _CALL_METRIC)

RowOfSeries = list[Any]


class View(NamedTuple):
    """A case on one branch, or on all: its newest row, the change to the row before, its last values.

    Attributes:
        change: of the metric, since the row before it on the same machine; None for none.
        spark: the last values, the oldest first.
        metric: number of the metric that both are of: the OpScore, where any row has one.
    """

    newest: RowOfSeries
    change: float | None
    spark: list[float]
    metric: int

    def plain(self) -> list[Any]:
        """Return it as the index holds it; of the row run, machine, verdict, the first figures, the time of a call."""
        figures = [figure_at(self.newest, _HEAD + place) for place in range(len(FIRST))]
        call = figure_at(self.newest, _CALL)
        row = [*self.newest[:_HEAD], *figures, *([] if call is None else [call])]
        return [row, self.change, self.spark, self.metric]


def figure_at(row: RowOfSeries, place: int) -> float | None:
    """Return the figure at a place of a row, which may be shorter where its last ones are missing."""
    value: float | None = row[place] if place < len(row) else None
    return value


def in_order(rows: Sequence[RowOfSeries], ranks: Callable[[int], int]) -> list[RowOfSeries]:
    """Return rows from the oldest run to the newest."""
    return sorted(rows, key=lambda row: ranks(row[0]))


def _shown_place(rows: Sequence[RowOfSeries]) -> int:
    """Return where the figure is that a case is shown by: its OpScore, or else the first that any row has."""
    of_any = (place for place in _SHOWN_BY if any(figure_at(row, place) is not None for row in rows))
    return next(of_any, _SHOWN_BY[0])


def view_of(rows: Sequence[RowOfSeries]) -> View:
    """Return what the index says of rows, which are in order; there is at least one."""
    place = _shown_place(rows)
    newest, change = rows[-1], None
    value = figure_at(newest, place)
    if value is not None:
        before = (figure_at(row, place) for row in reversed(rows[:-1]) if row[1] == newest[1])
        earlier = next((one for one in before if one is not None), None)
        change = None if earlier is None else float(f"{value - earlier:.4g}")
    values = [figure for row in rows if (figure := figure_at(row, place)) is not None]
    return View(newest, change, [float(f"{figure:.5g}") for figure in values[-_SPARK_POINTS:]], place - _HEAD)


def views_of(rows: Sequence[RowOfSeries], branch_of: Callable[[int], int], main: int | None) -> list[list[Any]]:
    """Return a view for the main branch and for those with the newest results, each behind its branch's number."""
    newest_first = list(dict.fromkeys(branch_of(row[0]) for row in reversed(rows)))
    others = [branch for branch in newest_first if branch != main][:_MOST_BRANCHES]
    branches = [*([main] if main in newest_first else []), *others]
    return [
        [branch, *view_of([row for row in rows if branch_of(row[0]) == branch]).plain()]
        for branch in branches
        if branch is not None
    ]


def entry_of(rows: Sequence[RowOfSeries], branch_of: Callable[[int], int], main: int | None, steps: Any) -> list[Any]:
    """Return what the index says of a series but for its names: a view of all branches, those of some, its last step.

    Args:
        rows: in order; at least one.
        branch_of: the number of the branch of a run.
        main: that of the main branch; None where there is none.
        steps: as ``steps_of`` returns them.
    """
    shown = SITE_METRICS[_shown_place(rows) - _HEAD]
    last = steps.get(shown, [])[-1:]
    step = [[one[0], float(f"{one[4] - one[3]:.4g}")] for one in last]
    return [*view_of(rows).plain(), views_of(rows, branch_of, main), step[0] if step else None]


def steps_of(
    rows: Sequence[RowOfSeries], branch_of: Callable[[int], int], main: int | None
) -> dict[str, list[list[Any]]]:
    """Return the lasting steps of the metrics that are shown first, on the main branch if the case has results there.

    Args:
        rows: in order.
        branch_of: the number of the branch of a run.
        main: that of the main branch; None where there is none.

    Returns:
        By metric, of each step the number of the run where it most likely is, of the last run before it and of the
        first after it, the levels before and after, and the number of the machine (None for a metric that is the same
        on all).
    """
    own = [row for row in rows if row[2] != NO_RESULT]
    on_main = [row for row in own if main is not None and branch_of(row[0]) == main]
    steps = {}
    for metric in _STEPPING:
        place = _HEAD + SITE_METRICS.index(metric.name)
        points = [
            Point(str(row[0]), _NO_TIME, None, None, str(row[1]), figure)
            for row in (on_main or own)[-_STEP_POINTS:]
            if (figure := figure_at(row, place)) is not None
        ]
        shifts = find_shifts(points, metric) if points else ()
        if shifts:
            steps[metric.name] = [
                [
                    *(int(point.run_id) for point in (shift.at, shift.before, shift.after)),
                    *(float(f"{level:.6g}") for level in (shift.step.before, shift.step.after)),
                    int(shift.machine) if shift.machine else None,
                ]
                for shift in shifts
            ]
    return steps
