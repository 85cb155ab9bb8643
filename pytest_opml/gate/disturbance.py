"""What disturbed the machine while the figure was taken that a limit is held against."""

from __future__ import annotations

from ..analysis.figures import times_inference
from ..metrics import Metric
from ..records.result import Result, Section
from .budgets import Budget


def disturbance(metric: Metric, result: Result, reference: Result | None) -> str:
    """Say what disturbed the machine while a figure was taken; empty where it was quiet, or where that changes nothing.

    A time that was taken in turn with its reference's is that of the reference times their ratio, and disturbances
    change the ratio of neighbours little: what counts is what disturbed the reference's own time.

    Args:
        metric: whose figure.
        result: that has it.
        reference: the result of its reference case; None for a reference, and where it has none.
    """
    section = metric.timed_in
    if section is None:
        return ""
    times = result.vs_reference
    by_ratio = metric.paired_ratio is not None or metric.evidence == "score"
    derived = by_ratio and times and reference and times.reference == reference.case.id
    timed = reference if derived and reference else result
    sections: tuple[Section, ...] = (section,)
    if metric.evidence == "score" and not times_inference(result):
        sections = (section, "training")
    texts = [timed.conditions.disturbed.get(part, "") for part in sections]
    return "; ".join(dict.fromkeys(filter(None, texts)))


def could_excuse(budget: Budget) -> bool:
    """Return whether a disturbance could make a figure fail a budget: an absolute limit on times that are too long."""
    return budget.rule in ("min", "max") and budget.below == (budget.metric.better == "higher")
