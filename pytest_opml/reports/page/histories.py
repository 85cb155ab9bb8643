"""The histories of the cases of a run: each metric that people choose by, as a chart with the run's own budgets."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.trend import Point, find_shifts
from ...history.base import History, Query, Row
from ...metrics import METRICS
from ...records.result import Result
from ...records.run import RunRecord
from ..cases import short_names
from ..charts.trend import BudgetLine, trend_chart
from .model import CaseHistory

_METRICS = ("op_score", "quality", "inference_s", "latency_ms.p50", "size_mb", "peak_memory_mb")
_MOST_CASES = 20
_MOST_RUNS = 200


def case_histories(history: History, record: RunRecord) -> tuple[CaseHistory, ...]:
    """Return the histories of the cases of a run, on the kind of hardware that each was measured on.

    Args:
        history: that the run is compared with; it may hold the run itself.
        record: of the run, with its checks. Of many cases those that did not pass come first, then the best ones.

    Returns:
        A chart for each metric of each case that has at least two values.
    """
    names = short_names(record)
    is_of_several = len({device.profile for device in record.devices}) > 1

    def name(result: Result) -> str:
        return f"{names[result.case.id]} on {result.device.profile}" if is_of_several else names[result.case.id]

    return tuple(chart for result in _chosen(record) for chart in _charts(history, result, name(result), record))


def _chosen(record: RunRecord) -> list[Result]:
    lacking = {(check.case_id, check.profile) for check in record.checks if check.verdict != "pass"}

    def is_needed(result: Result) -> bool:
        return not lacking.isdisjoint([(result.case.id, None), result.key])

    by_need = sorted(record.results, key=lambda result: (not is_needed(result), result.op_score.value))
    return by_need[:_MOST_CASES]


def _charts(history: History, result: Result, name: str, record: RunRecord) -> Iterator[CaseHistory]:
    rows = history.rows(Query(cases=(result.case.id,), profile=result.device.profile), _MOST_RUNS)[::-1]
    for metric_name in _METRICS:
        metric = METRICS[metric_name]
        points = list(_points(rows, metric_name))
        if len(points) < 2:
            continue
        limits = [
            BudgetLine(check.limit, check.budget)
            for check in record.checks
            if check.is_of(result) and check.metric == metric_name and not check.slice and check.rule != "case"
        ]
        if chart := trend_chart(result.case.id, metric, points, find_shifts(points, metric), limits):
            yield CaseHistory(name, metric_name, chart)


def _points(rows: list[Row], metric: str) -> Iterator[Point]:
    for row in rows:
        value = row.figures[metric]
        if value is not None:
            yield Point(row.run_id, row.started, row.commit, row.branch, row.machine, value)
