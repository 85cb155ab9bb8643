"""From results to what a search goes by: differences of scores with their intervals, and how far budgets are kept."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

from .. import metrics
from ..analysis import figures
from ..analysis.examples import answer_sheet, same_examples
from ..gate.budgets import Budget
from ..metrics import METRICS, Metric
from ..records.result import Result
from ..records.run import Check
from ..reports.phrases import fails_below
from ..stats.evidence import Evidence, Interval, LogTime, Negative, PairedTime, SumOf

_LEAST = 1e-6  # of an error, whose logarithm is taken


def score_difference(one: Result, beside: Result) -> Evidence:
    """Return the evidence of the score of one result minus that of another, of chains on the same examples.

    The errors are paired on the examples. The times are paired too, in turn with one another or with those of the
    baseline that both were timed beside; the sizes are exact.

    Args:
        one: of a chain.
        beside: of another one, or of the baseline.
    """
    if figures.times_beside(beside, one):
        return Negative(score_difference(beside, one))
    metric = METRICS["op_score"]
    score, its = one.op_score.value, beside.op_score.value
    if times := figures.times_beside(one, beside):
        given = figures.of_difference(metric, one, score, beside, its, times)
        return SumOf(given, constant=-its)
    pair = one.vs_reference, beside.vs_reference
    inferences = figures.times_inference(one) and figures.times_inference(beside)
    if not (pair[0] and pair[1] and pair[0].reference == pair[1].reference and inferences):
        return SumOf(figures.of_value(metric, one, score), Negative(figures.of_value(metric, beside, its)))
    errors = None
    if one.quality.name == beside.quality.name and same_examples(one, beside):
        errors = answer_sheet(one).error_ratio(one.quality.kind, answer_sheet(beside))
    if errors is None:
        return SumOf(figures.of_value(metric, one, score), Negative(figures.of_value(metric, beside, its)))
    own, other_times = (LogTime(PairedTime(times.offline)) for times in pair if times)
    size = one.op_score.log_megabytes - beside.op_score.log_megabytes
    return SumOf(errors, own, Negative(other_times), constant=size)


def interval_of(one: Result, beside: Result, error: float) -> Interval:
    """Return the interval of ``score_difference``, which misses the truth with probability ``error``."""
    if one.case == beside.case:
        return Interval(0.0, 0.0)
    return score_difference(one, beside).interval(error)


def gain_of(result: Result, baseline: Result) -> tuple[float, float, float]:
    """Return the score of a chain minus that of the baseline, with the ends of its 95 % interval."""
    value = result.op_score.value - baseline.op_score.value
    low, high = interval_of(result, baseline, 0.05)
    return value, min(low, value), max(high, value)


def lasting(budgets: Sequence[Budget]) -> list[Budget]:
    """Return the budgets whose verdict more examples hardly change: relative ones, and those on times and sizes."""
    return [
        budget
        for budget in budgets
        if budget.rule != "max_regression"
        and (budget.rule in ("max_drop", "max_increase") or not budget.metric.data_dependent)
    ]


def margins_of(checks: Iterable[Check], *, of_reference: bool = False) -> dict[str, float]:
    """Return how far beyond its limit each figure is, by budget, as a base-10 logarithm: below 0 it is kept.

    Of a share it is the error that counts. What was not judged is left out.

    Args:
        checks: on a chain.
        of_reference: return those of the figures of the baseline instead, for budgets that are relative to it.
    """
    margins = {}
    for check in checks:
        metric = metrics.get(check.metric)
        value = check.reference_value if of_reference else check.value
        if metric is None or value is None or check.verdict == "not_judged":
            continue
        margin = _margin(metric, value, check.limit, below=fails_below(check))
        if math.isfinite(margin):
            margins[f"{check.figure_name} {check.rule}"] = margin
    return margins


def _margin(metric: Metric, value: float, limit: float, *, below: bool) -> float:
    if metric.evidence in ("proportion", "macro", "area", "quality"):
        error = math.log10(max(1 - value, _LEAST) / max(1 - limit, _LEAST))
        return error if below else -error
    is_ratio = value > 0 and limit > 0 and metric.name != "op_score"
    beyond = math.log10(value / limit) if is_ratio else value - limit
    return -beyond if below else beyond


def counted(checks: Iterable[Check]) -> list[Check]:
    """Return checks that block as a search counts them: what is inconclusive does where its figure is beyond the limit.

    Whoever chooses among many would else choose those that are beyond it by chance. That nothing earlier is there to
    be compared with does not block.
    """
    strict = []
    for check in checks:
        beyond = margins_of([check]).get(f"{check.figure_name} {check.rule}", 0.0) > 0
        blocks = check.blocking or (check.verdict == "inconclusive" and beyond and not check.waived)
        strict.append(check.model_copy(update={"blocking": blocks and not check.is_first}))
    return strict


def broken_by(checks: Iterable[Check]) -> tuple[str, ...]:
    """Return the budgets that keep a chain from being chosen."""
    return tuple(f"{check.figure_name} {check.rule}" for check in counted(checks) if check.blocking)


def steps_bought(chain: Sequence[str], results: Mapping[str, Result]) -> list[tuple[tuple[str, ...], Result, Result]]:
    """Return what is known of the steps of a chain one after the other, as pairs of results before and after.

    Args:
        chain: its steps.
        results: of chains on the same examples, by chain; that of the baseline and of the whole chain are there.

    Returns:
        The steps, several together where what is between them was not measured, and the results before and after them.
    """
    from .search_space import chain_of

    measured_counts = [count for count in range(len(chain) + 1) if chain_of(chain[:count]) in results]
    return [
        (tuple(chain[before:after]), results[chain_of(chain[:before])], results[chain_of(chain[:after])])
        for before, after in itertools.pairwise(measured_counts)
    ]
