"""What a run's own history says of its figures: the lasting steps that the newest runs show."""

from __future__ import annotations

from ..analysis.trend import FreshShift, Point, find_fresh_shift
from ..history.base import History, Query
from ..metrics import METRICS
from ..records.run import RunRecord

_METRICS = ("inference_s", "size_mb", "quality")
_NEWEST = 60  # runs of a case that are looked at: one query for each case, whatever the history holds
_FALSE_ALARMS = 0.01


def fresh_shifts(record: RunRecord, history: History) -> list[FreshShift]:
    """Return the steps that are at most five runs old, of the figures of a run's cases on its branch.

    All searches of a run together find a step in less than a hundredth of runs where there is none, if the noise is
    independent.

    Args:
        record: of the run, which the history holds already.
        history: in which it is the newest.

    Raises:
        StorageError: the history cannot be read.
    """
    branch, shifts = record.commit.branch if record.commit else None, []
    for result in record.results:
        query = Query(cases=(result.case.id,), profile=result.device.profile, branch=branch)
        rows = history.rows(query, _NEWEST)[::-1]
        for name in _METRICS:
            points = [
                Point(row.run_id, row.started, row.commit, row.branch, row.machine, value)
                for row in rows
                if (value := row.figures[name]) is not None
            ]
            error = _FALSE_ALARMS / (len(_METRICS) * len(record.results))
            if points and (shift := find_fresh_shift(result.case.id, points, METRICS[name], error)):
                shifts.append(shift)
    return shifts
