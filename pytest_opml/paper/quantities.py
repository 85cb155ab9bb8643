"""Differences and ratios between results, each with its 95 % interval.

What two models did with the same test examples is paired, and so are times that were taken in turn. A time that was
taken once has no interval of its own: it is taken to be known to 10 %, and where other work ran on the machine to a
factor of two. These two figures are an assumption, not measured; they keep one reading from deciding a claim.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from ..analysis import figures
from ..metrics import INFERENCE, METRICS
from ..records.result import Estimate, Result, Section
from ..stats.evidence import Evidence, LogTime, Negative, PairedTime, Proportion, SumOf
from ..stats.intervals import CONFIDENCE

_ERROR = 1 - CONFIDENCE
_ONCE, _ONCE_DISTURBED = math.log(1.1), math.log(2.0)
_FEWEST_REPEATS = 3
NOT_IN_TURN = "not timed side by side"
ONCE = "timed once"
BUSY = "the machine was busy"


class Quantity(NamedTuple):
    """A value with its 95 % interval; an exact one has all three the same.

    Attributes:
        note: what is to be known of it; empty for nothing.
    """

    value: float
    low: float
    high: float
    note: str = ""

    def with_note(self, note: str) -> Quantity:
        """Return it with one more note."""
        return self._replace(note="; ".join(filter(None, (self.note, note))))


def exact(value: float) -> Quantity:
    """Return a value without an interval, such as a ratio of sizes."""
    return Quantity(value, value, value)


def of_estimate(estimate: Estimate) -> Quantity:
    """Return a value with the interval that it has."""
    return Quantity(estimate.value, estimate.low, estimate.high)


def figure(metric_name: str, result: Result) -> Quantity | None:
    """Return a figure of a result; None where it was not measured."""
    metric = METRICS[metric_name]
    value = metric.read(result)
    return None if value is None else _of(figures.of_value(metric, result, value))


def difference(metric_name: str, result: Result, reference: Result) -> Quantity | None:
    """Return a figure minus the reference's, paired on the test examples where they are the same; None without both."""
    metric = METRICS[metric_name]
    value, subtracted = metric.read(result), metric.read(reference)
    if value is None or subtracted is None:
        return None
    times = figures.times_beside(result, reference)
    quantity = _of(figures.of_difference(metric, result, value, reference, subtracted, times))
    return Quantity(quantity.value - subtracted, quantity.low - subtracted, quantity.high - subtracted)


def inference_ratio(result: Result, reference: Result) -> Quantity:
    """Return the time of inference by the reference's.

    Where both were timed in turn with a third, their model as trained, it is the ratio of the two ratios.
    """
    times = figures.times_beside(result, reference)
    if times:
        return _of(PairedTime(times.offline))
    own, its = result.vs_reference, reference.vs_reference
    if own and its and own.reference == its.reference and result.device.machine == reference.device.machine:
        parts = (LogTime(PairedTime(own.offline)), Negative(LogTime(PairedTime(its.offline))))
        return _powers(SumOf(*parts)).with_note("each timed beside the reference")
    metric = METRICS[INFERENCE]
    seconds = [LogTime(figures.of_value(metric, one, one.inference_s.value)) for one in (result, reference)]
    quantity = _powers(SumOf(seconds[0], Negative(seconds[1]))).with_note(NOT_IN_TURN)
    if any("offline" in one.conditions.disturbed for one in (result, reference)):
        return _widened(quantity, _ONCE_DISTURBED).with_note(BUSY)
    return quantity


def once_ratio(pairs: Sequence[tuple[float, float]], *, is_busy: bool) -> Quantity:
    """Return the ratio of two times that were taken once, the geometric mean of several such pairs.

    Args:
        pairs: seconds, and the seconds that they are divided by; at least one, each above 0.
        is_busy: whether other work ran on the machine at any of them.
    """
    logs = [math.log(one / another) for one, another in pairs]
    margin = math.sqrt(2 / len(pairs)) * (_ONCE_DISTURBED if is_busy else _ONCE)
    if len(pairs) >= _FEWEST_REPEATS:
        from scipy.special import stdtrit

        student = float(stdtrit(len(pairs) - 1, 1 - _ERROR / 2)) * stdev(logs) / math.sqrt(len(pairs))
        margin = max(margin, student)
    mean = fmean(logs)
    count = f"{ONCE}, {len(pairs)} pairs" if len(pairs) > 1 else ONCE
    quantity = Quantity(math.exp(mean), math.exp(mean - margin), math.exp(mean + margin), count)
    return quantity.with_note(BUSY) if is_busy else quantity


def is_busy(results: Sequence[Result], section: Section) -> bool:
    """Tell whether other work ran while a part of any of the results was timed."""
    if section == "training":
        return any(one.training.disturbed or "training" in one.conditions.disturbed for one in results)
    return any(section in one.conditions.disturbed for one in results)


def share_difference(share: tuple[float, int], reference: tuple[float, int]) -> Quantity:
    """Return a difference between two shares, each with its number of examples, as if they were independent."""
    own, its = (Proportion(part * examples, examples) for part, examples in (share, reference))
    return _of(SumOf(own, Negative(its)))


def sum_of(*quantities: Quantity) -> Quantity:
    """Return the sum of independent quantities, by MOVER; see ``stats.evidence.SumOf``."""
    value = sum(quantity.value for quantity in quantities)
    below = math.hypot(*(quantity.value - quantity.low for quantity in quantities))
    above = math.hypot(*(quantity.high - quantity.value for quantity in quantities))
    return Quantity(value, value - below, value + above)


def negative(quantity: Quantity) -> Quantity:
    """Return a quantity with the other sign."""
    return Quantity(-quantity.value, -quantity.high, -quantity.low, quantity.note)


def absolute(quantity: Quantity) -> Quantity:
    """Return the distance of a quantity from 0."""
    low, high = sorted(map(abs, quantity[1:3]))
    return Quantity(abs(quantity.value), 0.0 if quantity.low <= 0 <= quantity.high else low, high, quantity.note)


def slope(points: Sequence[tuple[float, float]]) -> Quantity | None:
    """Return the slope of the straight line through points, by least squares; None for fewer than three."""
    if len(points) < _FEWEST_REPEATS:
        return None
    from scipy.stats import linregress

    fit = linregress(*zip(*points, strict=True))
    from scipy.special import stdtrit

    margin = float(stdtrit(len(points) - 2, 1 - _ERROR / 2)) * float(fit.stderr)
    return Quantity(float(fit.slope), float(fit.slope) - margin, float(fit.slope) + margin)


def rank_correlation(values: Sequence[float], others: Sequence[float]) -> Quantity | None:
    """Return Spearman's rank correlation; None for fewer than five pairs, or where all values are alike.

    The interval is that of D. G. Bonett and T. A. Wright (Psychometrika 65, 2000), by Fisher's transformation.
    """
    if len(values) < 5 or len(set(values)) == 1 or len(set(others)) == 1:
        return None
    from scipy.stats import spearmanr

    rho = float(spearmanr(values, others).statistic)
    bounded = max(min(rho, 1 - 1e-6), -1 + 1e-6)
    margin = 1.96 * math.sqrt((1 + bounded**2 / 2) / (len(values) - 3))
    middle = math.atanh(bounded)
    return Quantity(rho, min(math.tanh(middle - margin), rho), max(math.tanh(middle + margin), rho))


def _of(evidence: Evidence) -> Quantity:
    low, high = evidence.interval(_ERROR)
    return Quantity(evidence.value, low, high)


def _powers(log10: Evidence) -> Quantity:
    low, high = log10.interval(_ERROR)
    return Quantity(10**log10.value, 10**low, 10**high)


def _widened(ratio: Quantity, margin: float) -> Quantity:
    """Return a ratio of which a further error of the logarithm is known."""
    middle = math.log(ratio.value)
    below, above = math.hypot(middle - math.log(ratio.low), margin), math.hypot(math.log(ratio.high) - middle, margin)
    return ratio._replace(low=math.exp(middle - below), high=math.exp(middle + above))
