"""Evidence of how right the predictions are: averages over the classes, areas under the ROC curve, ratios of errors."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from .evidence import Evidence, Interval, PairedProportion
from .intervals import binomial_ends
from .macro_averages import MacroAverage, effective_pair

_NORMAL = NormalDist()
LEAST_ADDED = 0.5


class MacroShare(Evidence):
    """A macro average of recall, precision or F1.

    The interval is Clopper and Pearson's of the effective number of examples, at least as wide as the class alone makes
    it of which least is known, and moved out by the bias of a ratio.

    Args:
        average: of what a model answered.
    """

    def __init__(self, average: MacroAverage) -> None:
        self.value, self._average = average.value, average

    def interval(self, error: float) -> Interval:
        """Return the interval, within 0 to 1."""
        average = self._average
        # of both, so that less error never makes the interval narrower
        trials = min(average.effective(added).trials for added in (LEAST_ADDED, added_examples(error)))
        low, high = binomial_ends(self.value * trials, trials, error)
        below, above = self._widest_class(error)
        rarely_below, rarely_above = average.rare_ends(error)
        low = min(low, self.value - below, self.value + rarely_below) - max(average.bias, 0.0)
        high = max(high, self.value + above, self.value + rarely_above) - min(average.bias, 0.0) + average.unpredicted
        return Interval(max(low, 0.0), min(high, 1.0))

    def _widest_class(self, error: float) -> tuple[float, float]:
        """Return how far the average may lie from the value on each side, were one class alone unsure."""
        from scipy.special import betaincinv

        average, classes = self._average, len(self._average.rates)
        right, examples = average.class_counts
        wrong = examples - right
        with np.errstate(invalid="ignore"):
            low = np.where(right > 0, betaincinv(np.maximum(right, 1), wrong + 1, error / 2), 0.0)
            high = np.where(wrong > 0, 1 - betaincinv(np.maximum(wrong, 1), right + 1, error / 2), 1.0)
        below = average.rates - average.class_rates(low)
        above = average.class_rates(high) - average.rates
        return float(below.max()) / classes, float(above.max()) / classes


class PairedMacroShare(Evidence):
    """The difference between two models in a macro average on the same examples, candidate minus reference.

    Args:
        candidate: the average of what it answered.
        reference: that of what it answered to the same examples, over as many classes.
    """

    def __init__(self, candidate: MacroAverage, reference: MacroAverage) -> None:
        self._own, self._its = candidate, reference
        self.value = self._own.value - self._its.value

    def interval(self, error: float) -> Interval:
        """Return the interval of the discordant answers, in effective numbers."""
        pair = effective_pair(self._own, self._its, added_examples(error))
        low, high = PairedProportion(pair).interval(error)
        below, above = self._own.rare_ends(error, self._its)
        return Interval(min(low, self.value + below), max(high, self.value + above))


class Area(Evidence):
    """A macro average of areas under the ROC curve, each class against the rest.

    The interval is Clopper and Pearson's of the effective number of examples. DeLong's variance is 0 where the classes
    are apart, so examples are added to each class as in macro averages. One that is ranked wholly wrong takes from the
    areas what all examples of its class share, and what those not of the class share that it is taken for.

    Args:
        value: 0 to 1.
        standard_error: DeLong's.
        counts: of the test examples of each class or label (k,).
        examples: in all; with several labels each they are fewer than the counts together.
    """

    def __init__(self, value: float, standard_error: float, counts: npt.NDArray[np.intp], examples: int) -> None:
        self.value, self._variance = value, standard_error**2
        self._counts = counts[(counts > 0) & (counts < examples)].astype(float)
        if len(self._counts) < 2:  # of which there is no area; a record may say so all the same
            return
        others = 1 / (examples - self._counts)
        order = np.argsort(others)
        largest = np.full(len(others), others[order[-1]])
        largest[order[-1]] = others[order[-2]]  # of the others
        self._weights = (1 / self._counts + largest) / len(self._counts)

    @classmethod
    def of_labels(cls, value: float, standard_error: float, labels: npt.NDArray[Any]) -> Area:
        """Return the evidence from labels (n,); where an example may have several, whether it has each (n, labels)."""
        counts = np.bincount(labels) if labels.ndim == 1 else labels.sum(axis=0)
        return cls(value, standard_error, counts, len(labels))

    @classmethod
    def of_equal_classes(cls, value: float, standard_error: float, examples: int, classes: int) -> Area:
        """Return the evidence from so many examples in classes of the same size, as near as they can be."""
        size, more = divmod(examples, classes)
        return cls(value, standard_error, size + (np.arange(classes) < more), examples)

    def interval(self, error: float) -> Interval:
        """Return the interval, within 0 to 1."""
        if len(self._counts) < 2:
            return Interval(0.0, 1.0)
        trials = min(self._trials(added) for added in (LEAST_ADDED, added_examples(error)))
        return Interval(*binomial_ends(self.value * trials, trials, error))

    def _trials(self, added: float) -> float:
        """Return the effective number of examples."""
        weights, extra = self._weights, added * self._weights.sum()
        smoothed = (self.value + extra) / (1 + 2 * extra)
        of_added = added * (weights @ weights) * (smoothed**2 + (1 - smoothed) ** 2)
        moved = (self._counts @ weights**2) / (self._counts @ weights) * (self.value - smoothed) ** 2
        variance = (self._variance + moved + of_added) / (1 + 2 * extra)
        return float(min(max(smoothed * (1 - smoothed) / variance, 1.0), self._counts.sum()))


class ErrorRatio(Evidence):
    """The base-10 logarithm of the ratio of two models' errors on the same examples, candidate to reference.

    What both, what only the candidate, and what only the reference lost are three shares, each with its exact
    interval; what each does to the logarithm adds up as squares (MOVER). An error counts as half an example at least,
    as in OpScore.

    Args:
        candidate: what it lost of each example (n,): 1 where it was wrong, and between where it was partly right.
        reference: what it lost of the same examples.
    """

    def __init__(self, candidate: npt.NDArray[Any], reference: npt.NDArray[Any]) -> None:
        own, its = (losses.astype(float) for losses in (candidate, reference))
        both = np.minimum(own, its)
        self._examples = len(own)
        self._counts = float(both.sum()), float((own - both).sum()), float((its - both).sum())
        self.value = self._logarithm(*self._counts)

    @staticmethod
    def _logarithm(both: float, worse: float, better: float) -> float:
        return math.log10(max(both + worse, LEAST_ADDED) / max(both + better, LEAST_ADDED))

    def interval(self, error: float) -> Interval:
        """Return the ends of the logarithm."""
        below = above = 0.0
        both, worse, better = self._counts
        turns = [
            LEAST_ADDED - worse,
            LEAST_ADDED - better,
        ]  # where more that both got wrong turn the ratio
        for place, count in enumerate(self._counts):
            low, high = (share * self._examples for share in binomial_ends(count, self._examples, error))
            distances = [0.0]
            for end in [low, high, *(turn for turn in turns if place == 0 and low < turn < high)]:
                counts = [both, worse, better]
                counts[place] = end
                distances.append(self._logarithm(*counts) - self.value)
            below, above = math.hypot(below, min(distances)), math.hypot(above, max(distances))
        return Interval(self.value - below, self.value + above)


def added_examples(error: float) -> float:
    """Return how many right and how many wrong examples stand for what was not seen, as Wilson's interval has them."""
    return max(LEAST_ADDED, _NORMAL.inv_cdf(error / 2) ** 2 / 2) if error < 1 else LEAST_ADDED
