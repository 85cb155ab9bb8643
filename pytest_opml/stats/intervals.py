"""Intervals of what is measured, by SciPy's methods."""

from __future__ import annotations

from functools import lru_cache

from ..records.result import Estimate

CONFIDENCE = 0.95
_STOPPING_CONFIDENCE = 0.99


def proportion(successes: int, trials: int) -> Estimate:
    """Return a share with its 95 % interval, which misses the truth on either side at most 2.5 % of the time.

    Args:
        successes: 0 to ``trials``.
        trials: at least 1.
    """
    low, high = binomial_ends(successes, trials, 1 - CONFIDENCE)
    return Estimate(value=successes / trials, low=low, high=high)


@lru_cache(maxsize=4096)
def binomial_ends(successes: float, trials: float, error: float) -> tuple[float, float]:
    """Return the ends of the exact interval of a share (C. J. Clopper and E. S. Pearson, Biometrika 26, 1934).

    Args:
        successes: 0 to ``trials``; effective numbers need not be whole.
        trials: more than 0.
        error: how often it misses the truth at most, both sides together.
    """
    from scipy.special import betaincinv

    failures = max(trials - successes, 0.0)
    low = float(betaincinv(successes, failures + 1, error / 2)) if successes > 0 else 0.0
    high = 1 - float(betaincinv(failures, successes + 1, error / 2)) if failures > 0 else 1.0
    return low, high


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
