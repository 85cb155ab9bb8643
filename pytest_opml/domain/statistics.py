"""Intervals of what is measured, by SciPy's methods."""

from __future__ import annotations

from collections.abc import Sequence

from .records import Estimate

CONFIDENCE = 0.95


def proportion(successes: int, trials: int) -> Estimate:
    """A share with its Wilson score interval.

    Args:
        successes: 0 to ``trials``.
        trials: at least 1.
    """
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(value=successes / trials, low=float(interval.low), high=float(interval.high))


def median(values: Sequence[float]) -> Estimate:
    """The median with the interval that the order statistics give, whatever the distribution.

    Below six values no such interval reaches 95 %: then it is the range of the values.
    """
    import statistics

    from scipy.stats import quantile_test

    interval = quantile_test(values, p=0.5).confidence_interval(CONFIDENCE)
    low, high = (
        (float(interval.low), float(interval.high))
        if interval.low == interval.low and interval.high == interval.high
        else (min(values), max(values))
    )
    return Estimate(value=statistics.median(values), low=low, high=high)
