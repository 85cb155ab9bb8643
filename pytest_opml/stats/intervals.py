"""Intervals of what is measured, by SciPy's methods."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ..records.result import Estimate

CONFIDENCE = 0.95


def proportion(successes: int, trials: int, *, confidence: float = CONFIDENCE) -> Estimate:
    """A share with its Wilson score interval.

    Args:
        successes: 0 to ``trials``.
        trials: at least 1.
        confidence: of the interval.
    """
    interval = _binomial(successes, trials).proportion_ci(confidence, method="wilson")
    return Estimate(value=successes / trials, low=float(interval.low), high=float(interval.high))


@lru_cache(maxsize=256)
def _binomial(successes: int, trials: int) -> Any:
    """Kept, since a verdict asks for dozens of intervals of one share, and SciPy tests a hypothesis first each time."""
    from scipy.stats import binomtest

    return binomtest(successes, trials)


def median(values: Sequence[float]) -> Estimate:
    """The median with the interval that the order statistics give, whatever the distribution.

    Below six values no such interval reaches 95 %: then it is the range of the values.
    """
    import statistics

    low, high = quantile_interval(values, 0.5)
    return Estimate(value=statistics.median(values), low=low, high=high)


def quantile_interval(values: Sequence[float], share: float) -> tuple[float, float]:
    """The 95 % interval that the order statistics give a quantile.

    An end that they do not reach is the outermost value.

    Args:
        values: at least one.
        share: of the values below the quantile.
    """
    from scipy.stats import quantile_test

    found = quantile_test(values, p=share).confidence_interval(CONFIDENCE)
    low, high = float(found.low), float(found.high)
    return (low if low == low else min(values)), (high if high == high else max(values))
