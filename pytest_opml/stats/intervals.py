"""Intervals of what is measured, by SciPy's methods."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ..records.result import Estimate

CONFIDENCE = 0.95
_STOPPING_CONFIDENCE = 0.99


def proportion(successes: int, trials: int, *, confidence: float = CONFIDENCE) -> Estimate:
    """Return a share with its Wilson score interval (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927).

    Args:
        successes: 0 to ``trials``.
        trials: at least 1.
        confidence: of the interval.
    """
    interval = _binomial(successes, trials).proportion_ci(confidence, method="wilson")
    return Estimate(value=successes / trials, low=float(interval.low), high=float(interval.high))


@lru_cache(maxsize=256)
def _binomial(successes: int, trials: int) -> Any:
    """Return the test of a share; cached, since a verdict asks for dozens of its intervals, and each test is dear."""
    from scipy.stats import binomtest

    return binomtest(successes, trials)


@lru_cache(maxsize=128)
def least_samples(percent: int) -> int:
    """Return the fewest samples that a percentile is given for: the early stopping of MLPerf at 99 % confidence.

    It is the fewest of which all but one lie below the true percentile by chance at most once in a hundred times: the
    smallest n at which a binomial count of n samples, each above with probability 1 - p, is 0 or 1 with at most that
    chance (MLPerf Inference Rules, appendix "Early Stopping Criterion"). That gives 64 for the 90th percentile, 130 for
    the 95th, 662 for the 99th and 11 for the median. A percentile below the median needs what its mirror image needs.

    Args:
        percent: 1 to 99.
    """
    below, samples = max(percent, 100 - percent) / 100, 1
    while below**samples + samples * (1 - below) * below ** (samples - 1) > 1 - _STOPPING_CONFIDENCE:
        samples += 1
    return samples
