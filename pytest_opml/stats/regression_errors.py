"""Evidence of a regression: squared errors relative to those of guessing the mean.

The figure is 1 - error: 1 for a model that is never off, 0 for one that is no better than guessing. It is a ratio of
two sums, so its logarithm is judged, by the jackknife and Student's distribution (R. G. Miller, Biometrika 61, 1974).
Of two models on the same examples what guessing costs cancels, and the ratio of their errors is left. Squared errors
have no bound: an error that none of the test examples shows is in no interval.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .evidence import WIDEST, Evidence, Interval
from .example_figures import Floats
from .intervals import binomial_ends


class SquaredErrors(NamedTuple):
    """The squared error of each example (n,), and what guessing the mean of all costs; of several targets the means.

    Both are divided by what guessing costs on average over all test examples.
    """

    own: Floats
    guessed: Floats

    @property
    def ratio(self) -> float:
        """The whole error over that of guessing."""
        return float(self.own.sum() / self.guessed.sum())


class ExplainedShare(Evidence):
    """1 - squared error relative to guessing the mean, cut at 0.

    Args:
        errors: of a model, of at least two examples and not all equal to the mean.
    """

    def __init__(self, errors: SquaredErrors) -> None:
        self._errors, self._ratio = errors, errors.ratio
        self.value = _cut(1 - self._ratio)

    def interval(self, error: float) -> Interval:
        """Return the interval, within 0 to 1; where no example is off, that of as many right answers."""
        examples = len(self._errors.own)
        if self._ratio == 0:
            return Interval(*binomial_ends(examples, examples, error))
        return _explained(self._ratio, _factor(_spread(*self._errors), examples, error))


class PairedExplainedShare(Evidence):
    """The same figure of a candidate, given that of its reference on the same examples, which is taken as exact.

    Args:
        candidate: its errors, not all 0.
        reference: those of the reference, not all 0.
    """

    def __init__(self, candidate: SquaredErrors, reference: SquaredErrors) -> None:
        self._pair = candidate.own, reference.own
        self._ratio = candidate.ratio
        self.value = _cut(1 - self._ratio)

    def interval(self, error: float) -> Interval:
        """Return the interval, within 0 to 1."""
        return _explained(self._ratio, _factor(_spread(*self._pair), len(self._pair[0]), error))


class LogExplainedRatio(Evidence):
    """The base-10 logarithm of the ratio of two models' errors on the same examples, candidate to reference.

    Each error is at least half of what one example of guessing costs and at most that of guessing, as in OpScore.

    Args:
        candidate: its errors, not all 0.
        reference: those of the reference, not all 0.
    """

    def __init__(self, candidate: SquaredErrors, reference: SquaredErrors) -> None:
        self._paired, self._floor = PairedExplainedShare(candidate, reference), 1 / (2 * len(candidate.own))
        self._reference = max(1 - _cut(1 - reference.ratio), self._floor)
        self.value = self._logarithm(self._paired.value)

    def _logarithm(self, figure: float) -> float:
        return math.log10(max(1 - figure, self._floor) / self._reference)

    def interval(self, error: float) -> Interval:
        """Return the ends of the logarithm."""
        low, high = self._paired.interval(error)
        return Interval(self._logarithm(high), self._logarithm(low))


def _cut(figure: float) -> float:
    return min(max(figure, 0.0), 1.0)


def _explained(ratio: float, factor: float) -> Interval:
    """Return the interval of 1 - error, given the error and the factor by which it may be off either way."""
    return Interval(_cut(1 - ratio * factor), _cut(1 - ratio / factor))


def _spread(above: Floats, below: Floats) -> float:
    """Return the standard error of the logarithm of a ratio of two sums, by the jackknife; any if one part is all."""
    examples = len(above)
    rest_above, rest_below = above.sum() - above, below.sum() - below
    if examples < 2 or min(rest_above.min(), rest_below.min()) <= 0:
        return math.inf
    left_out = np.log(rest_above) - np.log(rest_below)
    return float(np.sqrt((examples - 1) / examples * ((left_out - left_out.mean()) ** 2).sum()))


def _factor(spread: float, examples: int, error: float) -> float:
    return math.exp(min(_student(error, examples - 1) * spread, WIDEST)) if math.isfinite(spread) else math.exp(WIDEST)


@lru_cache(maxsize=4096)
def _student(error: float, degrees: int) -> float:
    from scipy.special import stdtrit  # scipy.stats takes a second to import

    return -float(stdtrit(degrees, error / 2))
