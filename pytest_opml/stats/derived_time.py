"""A candidate's time as it follows from its reference's: times the ratio of the two, which were timed in turn."""

from __future__ import annotations

import math

from ..records.result import Estimate, Ratio, Sampling, Score
from .evidence import WIDEST, Evidence, Interval, ScaledInterval
from .intervals import CONFIDENCE


class DerivedTime(Evidence):
    """The reference's time, or the rate by it, times the ratio to it, by MOVER on the logarithms.

    The two are independent, so the distances of the logarithms to the ends of their intervals add up as squares
    (G. Y. Zou and A. Donner, Statistics in Medicine 27, 2008).

    Args:
        reference: the reference's figure, above 0.
        ratio: of the candidate's to it.
    """

    def __init__(self, reference: Evidence, ratio: Evidence) -> None:
        self._parts = reference, ratio
        self.value = reference.value * ratio.value
        if any(part.repeat is not None for part in self._parts):
            self.repeat = math.prod(part.value if part.repeat is None else part.repeat for part in self._parts)

    def interval(self, error: float) -> Interval:
        """Return the ends of the product."""
        ends = [(part.value, *part.interval(error)) for part in self._parts]
        below = math.hypot(*(_logarithm(value, low) for value, low, _ in ends))
        above = math.hypot(*(_logarithm(high, value) for value, _, high in ends))
        return Interval(self.value * math.exp(-below), self.value * math.exp(above))

    def is_out_of_reach(self, limit: float, error: float) -> bool:
        """Return whether no ratio within its interval, were it exact, would leave a limit out of the time's interval.

        The reference's own interval is then too wide for the limit, whatever more is known of the ratio.

        Args:
            limit: in the unit of the time.
            error: at which the intervals are taken.
        """
        reference, ratio = (part.interval(error) for part in self._parts)
        return reference.low * ratio.high < limit < reference.high * ratio.low


class RecordedTime(ScaledInterval):
    """A time that follows from its reference's, by its recorded interval, where nothing else is known of that.

    Args:
        estimate: the time.
        sampling: what the interim analysis that ended it spent of alpha, and the time sampled anew.
    """

    def __init__(self, estimate: Estimate | Score, sampling: Sampling) -> None:
        super().__init__(estimate)
        self._spent, self.repeat = sampling.alpha_share, sampling.repeat

    def interval(self, error: float) -> Interval:
        """Return the interval that is rescaled to what was spent of the error."""
        return super().interval(error * self._spent)


def _logarithm(high: float, low: float) -> float:
    """Return the natural logarithm of ``high / low``, at most that of a factor that stands for any."""
    if low <= 0 or high == math.inf:
        return WIDEST
    return min(max(math.log(high / low), 0.0), WIDEST)


def derive_estimate(reference: Estimate, ratio: Ratio) -> Estimate:
    """Return a candidate's time, with its 95 % interval, from its reference's and the ratio of the two."""
    time = DerivedTime(ScaledInterval(reference), ScaledInterval(ratio))
    low, high = time.interval(1 - CONFIDENCE)
    return Estimate(value=time.value, low=low, high=high)


def derive_sampling(reference: float, reference_sampling: Sampling, ratio: Ratio) -> Sampling:
    """Say how a time was sampled that follows from two: by the analysis that spent less, and anew where one was.

    Args:
        reference: the reference's time.
        reference_sampling: how that was sampled.
        ratio: of the candidate's to it.
    """
    repeat = None
    if reference_sampling.repeat is not None or ratio.repeat is not None:
        repeat = (reference_sampling.repeat or reference) * (ratio.repeat or ratio.value)
    return Sampling(alpha_share=min(reference_sampling.alpha_share, ratio.alpha_share), repeat=repeat)
