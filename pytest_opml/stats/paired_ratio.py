"""The ratio of two times that were taken in turn, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .intervals import CONFIDENCE

Values = NDArray[np.float64]

_BLOCKS, _MOST_CORRELATED, _FEWEST_OPENINGS = 20, 0.95, 4
_FURTHEST, _STEPS = 1.5, 100
_OPENING_ERROR = 0.0015  # of an opening: the file that was opened first was 0.3 % slower, half of it on each side


class Centre(NamedTuple):
    """A centre with its standard error and the degrees of freedom of that."""

    value: float
    error: float
    degrees: int

    @property
    def margin(self) -> float:
        """Half of Student's 95 % interval."""
        from scipy.special import stdtrit  # scipy.stats takes a second to import

        return self.error * float(stdtrit(self.degrees, (1 + CONFIDENCE) / 2))

    @property
    def low(self) -> float:
        """The interval's lower end."""
        return self.value - self.margin

    @property
    def high(self) -> float:
        """The interval's upper end."""
        return self.value + self.margin


def paired_ratio(series: Sequence[Sequence[float]]) -> Centre:
    """Return the centre of logarithms of paired ratios, with its error from the means of blocks.

    The centre is Huber's, at every length: a mean in which nothing counts as further away than 1.5 deviations (P. J.
    Huber, Ann. Math. Statist. 35, 1964), so that single outliers do no harm. It is the mean of the samples so drawn in,
    and its error is worked out from them.

    Neighbouring samples of a disturbed machine are correlated, and counting each as independent would make the interval
    too narrow: samples are grouped into about 20 blocks of neighbours (method of batch means: A. M. Law, Simulation
    Modeling and Analysis, section 9.5.3), and where neighbouring blocks are correlated still, the error is widened as
    that of a first-order autoregression, and has fewer degrees of freedom. From four openings on, the error is at least
    that which the openings, as clusters, differ by. And each opening is off by some chance that its own samples do not
    show.

    Args:
        series: samples of each opening, in the order in which they were taken, at least two in all; a block never spans
            two openings.
    """
    openings = _drawn_in([np.asarray(samples, dtype=float) for samples in series if len(samples)])
    samples = np.concatenate(openings)
    size = max(1, round(len(samples) / _BLOCKS))
    grouped = [np.asarray([block.mean() for block in _blocks(values, size)]) for values in openings]
    blocks, correlation = np.concatenate(grouped), _autocorrelation(grouped)
    excess = (1 + correlation) / (1 - correlation)
    variance = float(blocks.var(ddof=1)) * excess / len(blocks)
    # between those of the blocks and those of as many independent ones as they are worth, which the correlation of few
    # blocks, itself by chance high or low, would often make far too few
    degrees = max(1, round(len(blocks) / math.sqrt(excess)) - 1)
    if len(openings) >= _FEWEST_OPENINGS:
        between, count = _between(openings)
        if between > variance:
            variance, degrees = between, max(1, min(degrees, round(count) - 1))
    return Centre(float(samples.mean()), math.sqrt(variance + _OPENING_ERROR**2 / len(openings)), degrees)


def _drawn_in(series: Sequence[Values]) -> list[Values]:
    """Return Huber's centre plus the influence of each sample on it: the mean of all is the centre."""
    samples = np.concatenate(series)
    centre = float(np.median(samples))
    # the median distance of a normal distribution is 0.6745 deviations; where it is 0, most samples are the same
    furthest = _FURTHEST * (float(np.median(abs(samples - centre))) / 0.6745 or float(samples.std()))
    for _ in range(_STEPS):
        step = float(np.clip(samples - centre, -furthest, furthest).mean())
        centre += step
        if abs(step) <= 1e-12 * furthest:
            break
    inside = float((abs(samples - centre) <= furthest).mean())
    return [centre + np.clip(values - centre, -furthest, furthest) / inside for values in series]


def _between(openings: Sequence[Values]) -> tuple[float, float]:
    """Return the variance of the centre by the means of openings, and as how many of the same length they count."""
    weights = np.asarray([len(values) for values in openings]) / sum(map(len, openings))
    means = np.asarray([values.mean() for values in openings])
    count = 1 / float(weights @ weights)
    return float(weights @ (means - weights @ means) ** 2) / (count - 1), count


def _autocorrelation(series: Sequence[Values]) -> float:
    """Return the correlation of neighbours, without the bias that few have; what lies below zero is chance."""
    values = np.concatenate(series)
    centre = values.mean()
    squares = float(((values - centre) ** 2).sum())
    if squares == 0:
        return 0.0
    products = sum(float((part[1:] - centre) @ (part[:-1] - centre)) for part in series)
    seen = products / squares
    return min(max(seen + (1 + 4 * max(seen, 0.0)) / len(values), 0.0), _MOST_CORRELATED)


def _blocks(samples: Values, size: int) -> list[Values]:
    """Group neighbours in groups of ``size``; the last one takes what is left over."""
    count = max(1, len(samples) // size)
    ends = [size * number for number in range(1, count)] + [len(samples)]
    return [samples[start:end] for start, end in zip([0, *ends], ends, strict=False) if end > start]
