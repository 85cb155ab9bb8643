"""The interval of a quantile at any level, from the samples themselves, where neighbours may be alike.

How many samples lie below the true quantile follows from nothing but their number, as long as they are independent: a
binomial count. Passes and single examples are not quite, since a machine is slower for a while. So the count is that of
a chain of two states, below and above, in which a sample is the more likely where its neighbour was. How much more
follows from the correlation of neighbours' ranks; of few samples nobody knows that, and it is taken as 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..records.result import Estimate, Ladder, Sampling
from .evidence import WIDEST, Evidence, Interval
from .intervals import CONFIDENCE

# At which both ends of an interval are noted: close together where gates ask, and a step to 1e-9.
ERRORS = (
    *(0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.035, 0.025, 0.02, 0.014, 0.01, 0.007, 0.005, 0.0035, 0.0025, 0.0015),
    *(1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9),
)
# The correlation of neighbours that few samples are taken to have, and as how many samples that belief counts.
_BELIEVED, _BELIEF, _VERY_FEW = 0.5, 30, 20
_MOST_ALIKE, _LAGS, _GRID = 0.95, 200, 50
_ROUNDING = 1e-9
_NORMAL = NormalDist()
_ONCE = Sampling()
_DEGREES = 9  # of ten passes


class Ranks(NamedTuple):
    """Which samples, counted from 1 in order of size, are the ends of the interval at each of ``ERRORS``.

    Attributes:
        low: 0 where the samples cannot say so much.
        high: one more than there are samples where they cannot.
        least_low: the least error at which there is a low end, the smallest sample.
        least_high: likewise the high end.
    """

    low: tuple[int, ...]
    high: tuple[int, ...]
    least_low: float
    least_high: float


class OrderStatistics(Evidence):
    """A quantile of positive times, with the interval that the order statistics of its samples give.

    Sampling may have ended at one of several interim analyses, which had only its ``alpha_share`` of the error. Ten
    passes cannot say so much of themselves. So beyond the outermost sample the interval goes on by the logarithmic
    distance between that sample and the value, as many times as Student's distribution asks for; but never where the
    samples could not even have their outermost one as an end at the whole error. There any time is possible.

    Args:
        ladder: of the samples.
        sampling: what the interim analysis that ended it spent of alpha, and the figure sampled anew.
        factor: from the samples' unit to that of the figure.
    """

    def __init__(self, ladder: Ladder, sampling: Sampling = _ONCE, factor: float = 1.0) -> None:
        self.value, self.repeat = ladder.value * factor, sampling.repeat
        self._ladder, self._share, self._factor = ladder, sampling.alpha_share, factor

    def interval(self, error: float) -> Interval:
        """Return the order statistics at the error of the analysis at which sampling ended, or what lies beyond."""
        ladder, spent = self._ladder, error * self._share
        low, high = next((ends for level, *ends in ladder.rungs if level <= spent), (None, None))
        if low is None:
            low = ladder.lowest / self._beyond(ladder.lowest, error, ladder.least_low)
        if high is None:
            high = ladder.highest * self._beyond(ladder.highest, error, ladder.least_high)
        return Interval(min(low, ladder.value) * self._factor, max(high, ladder.value) * self._factor)

    def _beyond(self, outermost: float, error: float, least: float) -> float:
        """Return the factor by which the interval goes beyond the outermost sample, the end at the error ``least``."""
        spent = error * self._share
        if spent >= least:
            return 1.0
        if error < least or outermost <= 0:
            return math.exp(WIDEST)
        further = _student(spent) / _student(least) - 1
        return math.exp(min(abs(math.log(outermost / self._ladder.value)) * further, WIDEST))


class Inverse(Evidence):
    """What falls as a positive figure rises, such as a rate by a time.

    Args:
        of: the figure.
        product: of the two.
    """

    def __init__(self, of: Evidence, product: float) -> None:
        self._of, self._product = of, product
        self.value = product / of.value
        self.repeat = None if of.repeat is None else product / of.repeat

    def interval(self, error: float) -> Interval:
        """Return the inverses of the ends, swapped."""
        low, high = self._of.interval(error)
        return Interval(self._product / high, self._product / low)


def median(samples: Sequence[float]) -> Estimate:
    """Return the median with its 95 % interval, or with the range of the samples where they cannot say so much."""
    return estimate(ladder(samples, 0.5))


def estimate(ladder: Ladder) -> Estimate:
    """Return the quantile with its 95 % interval; an end that the samples cannot tell is the outermost of them."""
    low, high = next((ends for level, *ends in ladder.rungs if level <= 1 - CONFIDENCE + _ROUNDING), (None, None))
    low, high = ladder.lowest if low is None else low, ladder.highest if high is None else high
    return Estimate(value=ladder.value, low=min(low, ladder.value), high=max(high, ladder.value))


@lru_cache(maxsize=128)
def fewest_samples(share: float, error: float) -> int:
    """Return the fewest samples of which the interval of a quantile has two ends, alike as few are taken to be."""
    count, chain = 2, _on_grid(chain_of(_BELIEVED, share))
    while max(find_ranks(count, share, chain)[2:]) > error:
        count += 1
    return count


def ladder(samples: Sequence[float], share: float) -> Ladder:
    """Return the interval of a quantile at each of ``ERRORS``.

    Args:
        samples: at least one, in the order in which they were taken.
        share: of the values below the quantile, between 0 and 1.
    """
    values = np.asarray(samples, dtype=float)
    correlation = math.ceil(autocorrelation(values) * _GRID - _ROUNDING) / _GRID
    ranks = find_ranks(len(values), share, _on_grid(chain_of(correlation, share)))
    ordered = [None, *sorted(values.tolist()), None]
    rungs = [
        (error, ordered[low], ordered[high]) for error, low, high in zip(ERRORS, ranks.low, ranks.high, strict=True)
    ]
    return Ladder(
        value=float(np.quantile(values, share)),
        rungs=tuple(rung for rung in rungs if rung[1:] != (None, None)),
        lowest=float(values.min()),
        highest=float(values.max()),
        least_low=ranks.least_low,
        least_high=ranks.least_high,
    )


def autocorrelation(values: NDArray[np.float64]) -> float:
    """Return the correlation of neighbours: that of their ranks, as of a normal distribution, without its bias.

    Few samples tell little of it: then it is between what they say and 0.5, and of the very few at most that.
    """
    count, ordered = len(values), np.sort(values)
    # the middle of those that are equal, less the middle of all
    ranks = (np.searchsorted(ordered, values) + np.searchsorted(ordered, values, side="right") - count) / 2
    squares = float(ranks @ ranks)
    if count <= 2 or squares == 0:
        return _BELIEVED
    seen = 2 * math.sin(math.pi / 6 * float(ranks[1:] @ ranks[:-1]) / squares)
    seen = min(max(seen + (1 + 4 * max(seen, 0.0)) / count, 0.0), _MOST_ALIKE)
    correlation = (count * seen + _BELIEF * _BELIEVED) / (count + _BELIEF)
    return min(correlation, _BELIEVED) if count <= _VERY_FEW else correlation


def _on_grid(chain: float) -> float:
    """Return the correlation rounded up, so that few are worked out."""
    return math.ceil(chain * _GRID - _ROUNDING) / _GRID


@lru_cache(maxsize=512)
def chain_of(correlation: float, share: float) -> float:
    """Return the correlation of a two-state chain whose counts below a quantile vary as those of normal values do.

    Args:
        correlation: of neighbours in a first-order autoregression.
        share: of the values below the quantile.
    """
    nodes, weights = np.polynomial.legendre.leggauss(24)
    squared, excess = _NORMAL.inv_cdf(share) ** 2, 0.0
    for lag in range(1, _LAGS):
        upper = correlation**lag
        if upper < 1e-6:
            break
        at = np.arcsin(upper) * (nodes + 1) / 2  # over the angle, in which nothing is steep
        joint = float(weights @ np.exp(-squared / (1 + np.sin(at)))) * math.asin(upper) / 2 / (2 * math.pi)
        excess += 2 * joint / (share * (1 - share))
    return excess / (2 + excess)


@lru_cache(maxsize=4096)
def find_ranks(count: int, share: float, chain: float) -> Ranks:
    """Return the ranks of the ends of a quantile's intervals.

    Args:
        count: of samples.
        share: of the values below the quantile.
        chain: correlation of neighbours being below it.
    """
    at_most = np.cumsum(_count_below(count, share, chain))
    at_least = 1 - np.concatenate([[0.0], at_most[:-1]])
    errors = np.asarray(ERRORS) / 2
    # P(fewer than k below) for k = 1, 2, ...; the k-th smallest lies above the quantile where fewer than k lie below
    low = np.searchsorted(at_most, errors, side="right")
    high = count + 1 - np.searchsorted(at_least[::-1], errors, side="right")
    return Ranks(
        low=tuple(np.minimum(low, count).tolist()),
        high=tuple(np.clip(high, 1, count + 1).tolist()),
        least_low=2 * float(max(at_most[0], 0.0)),
        least_high=2 * float(max(at_least[count], 0.0)),
    )


def _count_below(count: int, share: float, chain: float) -> NDArray[np.float64]:
    """Return the chance of 0, 1, ... samples below the quantile: from its generating function on the unit circle."""
    size = count + 1
    z = np.exp(-2j * np.pi * np.arange(size) / size)
    stay, enter = share + (1 - share) * chain, share * (1 - chain)
    step = np.empty((size, 2, 2), dtype=complex)
    step[:, 0, 0], step[:, 0, 1] = stay * z, 1 - stay
    step[:, 1, 0], step[:, 1, 1] = enter * z, 1 - enter
    row = np.stack([share * z, np.full(size, 1 - share, dtype=complex)], axis=1)[:, None, :]
    power = count - 1
    while power:
        if power & 1:
            row = row @ step
        step, power = step @ step, power >> 1
    chances = np.fft.ifft(row.sum(axis=(1, 2))).real
    return np.clip(chances, 0.0, None)


@lru_cache(maxsize=4096)
def _student(error: float) -> float:
    from scipy.special import stdtrit

    return -float(stdtrit(_DEGREES, error / 2))
