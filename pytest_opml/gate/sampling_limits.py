"""Which limits the times of a case are to be measured against, and so for how long."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..analysis.figures import PAIRED_TIMES
from ..metrics import Metric
from ..records.result import Result
from ..records.run import Rule
from ..stats.sequential import TimeLimit
from .budgets import Budget
from .verdict import bound


def ratio_limits(
    budgets: Sequence[Budget], reference: Result, rules: Collection[Rule] = ("max_drop", "max_increase")
) -> dict[str, tuple[TimeLimit, ...]]:
    """Return the limits that relative budgets set on the ratio of times, by scenario: ``offline`` and ``single``.

    Args:
        budgets: those that apply to the case.
        reference: what the case is compared with.
        rules: of the budgets that compare with it.
    """
    limits: dict[str, list[TimeLimit]] = {"offline": [], "single": []}
    for budget in budgets:
        metric = budget.metric
        if metric.paired_ratio is None or budget.rule not in rules:
            continue
        value = metric.read(reference)
        if value:
            limits[metric.scenario or "offline"] += _on_time(metric, bound(budget, value) / value, 1.0, budget.below)
    return {scenario: tuple(its_limits) for scenario, its_limits in limits.items()}


def time_limits(budgets: Sequence[Budget], reference_samples: int) -> dict[str, tuple[TimeLimit, ...]]:
    """Return the absolute limits on times, by the metric that is sampled: ``inference_s`` in seconds, and latencies.

    Args:
        budgets: those that apply to the case.
        reference_samples: examples that ``inference_s`` is scaled to.
    """
    limits: dict[str, list[TimeLimit]] = {}
    for budget in budgets:
        time = budget.metric.sampled_time
        if time is not None and budget.rule in ("min", "max"):
            limits.setdefault(time, []).extend(_on_time(budget.metric, budget.limit, reference_samples, budget.below))
    return {time: tuple(its_limits) for time, its_limits in limits.items() if its_limits}


def paired_limits(limits: Mapping[str, tuple[TimeLimit, ...]]) -> dict[str, tuple[TimeLimit, ...]]:
    """Return those of the absolute limits on times that follow from the reference's and the ratio to it."""
    names = {metric.name for metric in PAIRED_TIMES.values()}
    return {name: its_limits for name, its_limits in limits.items() if name in names}


def _on_time(metric: Metric, limit: float, examples: float, below: bool) -> list[TimeLimit]:
    """Turn the limit on a metric into one on the time; none where it is on a rate that no time can fail.

    Args:
        metric: a time, or the rate of so many ``examples`` by it.
        limit: on the metric.
        examples: in whose time the rate is.
        below: whether too low a value of the metric fails the budget.
    """
    if metric.inverse:
        return [TimeLimit(examples / limit, above=below)] if limit > 0 else []
    return [TimeLimit(limit, above=not below)]
