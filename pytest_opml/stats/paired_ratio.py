"""The ratio of two times that were taken in turn, with its interval."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from .intervals import CONFIDENCE

_BLOCKS, _MOST_CORRELATED = 20, 0.6


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
    """Return the centre of logarithms of paired ratios, with its error from the medians of blocks.

    Neighbouring samples of a disturbed machine are correlated, and counting each as independent would make the interval
    too narrow: samples are grouped into about 20 blocks of neighbours (method of batch means: A. M. Law, Simulation
    Modeling and Analysis, section 9.5.3), and where neighbouring blocks are correlated still, the error is widened as
    that of a first-order autoregression. A block's median keeps single outliers out.

    Args:
        series: samples in the order in which they were taken, at least two in all; a block never spans two series.
    """
    import statistics

    size = max(1, round(sum(map(len, series)) / _BLOCKS))
    grouped = [[statistics.median(block) for block in _blocks(samples, size)] for samples in series]
    blocks = [block for group in grouped for block in group]
    centre, correlation = statistics.fmean(blocks), _autocorrelation(grouped)
    error = statistics.stdev(blocks) * ((1 + correlation) / (1 - correlation) / len(blocks)) ** 0.5
    return Centre(centre, error, len(blocks) - 1)


def _autocorrelation(series: Sequence[Sequence[float]]) -> float:
    """Return the correlation of neighbours, without its bias of one over the count; what lies below zero is chance."""
    import statistics

    values = [value for part in series for value in part]
    centre = statistics.fmean(values)
    squares = sum((value - centre) ** 2 for value in values)
    if squares == 0:
        return 0.0
    products = sum((left - centre) * (right - centre) for part in series for left, right in itertools.pairwise(part))
    return min(max(products / squares + 1 / len(values), 0.0), _MOST_CORRELATED)


def _blocks(samples: Sequence[float], size: int) -> list[Sequence[float]]:
    """Group neighbours in groups of ``size``; the last one takes what is left over."""
    count = max(1, len(samples) // size)
    ends = [size * number for number in range(1, count)] + [len(samples)]
    return [samples[start:end] for start, end in zip([0, *ends], ends, strict=False) if end > start]
