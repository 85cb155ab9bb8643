"""Intervals of what is measured, by SciPy's methods."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

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


_BLOCKS, _MOST_ALIKE = 20, 0.6


class Centre(NamedTuple):
    """A centre with its standard error and the degrees of freedom of that."""

    value: float
    error: float
    degrees: int

    @property
    def margin(self) -> float:
        """Half of Student's 95 % interval."""
        from scipy.stats import t

        return self.error * float(t.ppf((1 + CONFIDENCE) / 2, self.degrees))

    @property
    def low(self) -> float:
        """The interval's lower end."""
        return self.value - self.margin

    @property
    def high(self) -> float:
        """The interval's upper end."""
        return self.value + self.margin


def paired_ratio(series: Sequence[Sequence[float]]) -> Centre:
    """The centre of logarithms of paired ratios, with its error from the medians of blocks.

    Neighbouring samples of a disturbed machine are alike, and counting each as independent would make the interval too
    narrow: samples are grouped into about 20 blocks of neighbours (method of batch means: A. M. Law, Simulation
    Modeling and Analysis, section 9.5.3), and where neighbouring blocks are still alike, the error is widened as that
    of a first-order autoregression. A block's median keeps single outliers out.

    Args:
        series: samples in the order in which they were taken, at least two in all; a block never spans two series.
    """
    import statistics

    size = max(1, round(sum(map(len, series)) / _BLOCKS))
    grouped = [[statistics.median(block) for block in _blocks(samples, size)] for samples in series]
    blocks = [block for group in grouped for block in group]
    centre, alike = statistics.fmean(blocks), _alike(grouped)
    error = statistics.stdev(blocks) * ((1 + alike) / (1 - alike) / len(blocks)) ** 0.5
    return Centre(centre, error, len(blocks) - 1)


def _alike(series: Sequence[Sequence[float]]) -> float:
    """The correlation of neighbours, without its bias of one over the count; what lies below zero is chance."""
    import statistics

    values = [value for part in series for value in part]
    centre = statistics.fmean(values)
    squares = sum((value - centre) ** 2 for value in values)
    if squares == 0:
        return 0.0
    products = sum((one - centre) * (other - centre) for part in series for one, other in itertools.pairwise(part))
    return min(max(products / squares + 1 / len(values), 0.0), _MOST_ALIKE)


def _blocks(samples: Sequence[float], size: int) -> list[Sequence[float]]:
    """Neighbours in groups of ``size``; the last one takes what is left over."""
    count = max(1, len(samples) // size)
    ends = [size * number for number in range(1, count)] + [len(samples)]
    return [samples[start:end] for start, end in zip([0, *ends], ends, strict=False) if end > start]
