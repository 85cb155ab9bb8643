"""What disturbed the machine while the figure was taken that a limit is held against."""

from __future__ import annotations

import math

from ..analysis.figures import times_inference
from ..metrics import Metric
from ..records.result import Result
from .budgets import Budget

# The 99th percentile of a fast model was 45 times as long beside a process that took 1.5 of 2 cores.
_MOST_TIMES = 1000.0


def taken_with(metric: Metric, result: Result, reference: Result | None) -> Result:
    """Return the result with whose own times a figure was taken: the reference's, where both were timed in turn.

    Such a time is that of the reference times their ratio, and disturbances change the ratio of neighbours little.

    Args:
        metric: whose figure.
        result: that has it.
        reference: the result of its reference case; None for a reference, and where it has none.
    """
    times = result.vs_reference
    by_ratio = metric.paired_ratio is not None or metric.evidence == "score"
    if by_ratio and times and reference and times.reference == reference.case.id:
        return reference
    return result


def disturbance(metric: Metric, result: Result, reference: Result | None) -> str:
    """Say what disturbed the machine while a figure was taken; empty where it was quiet, or where that changes nothing.

    Args:
        metric: whose figure.
        result: that has it.
        reference: see ``taken_with``.
    """
    if metric.timed_in is None:
        return ""
    texts = [taken_with(metric, result, reference).conditions.disturbed.get(metric.timed_in, "")]
    if metric.evidence == "score" and not times_inference(result):
        texts.append(result.conditions.disturbed.get("training", ""))
    return "; ".join(dict.fromkeys(filter(None, texts)))


def is_excusable(budget: Budget) -> bool:
    """Return whether other work could make a figure fail a budget: an absolute limit on times that are too long."""
    return budget.rule in ("min", "max") and budget.below == (budget.metric.better == "higher")


def could_explain(budget: Budget, value: float) -> bool:
    """Return whether other work could be why a value fails a budget.

    Args:
        budget: that it fails.
        value: in the metric's unit; one that is a thousand times too slow is so on any machine, as under a limit that
            was written in another unit.
    """
    if not is_excusable(budget):
        return False
    if budget.metric.evidence == "score":  # a sum of base-10 logarithms
        return value - budget.limit <= math.log10(_MOST_TIMES)
    slow, fast = (budget.limit, value) if budget.below else (value, budget.limit)
    return slow <= _MOST_TIMES * fast
