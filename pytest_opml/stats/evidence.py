"""Evidence of a figure: its value, and the confidence interval at any level.

A budget needs more than one interval: the confidence of a verdict is the level at which the interval just leaves the
limit out. So each kind of evidence gives its interval for any error alpha.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

from ..records.result import Estimate, Ratio, Score
from .intervals import CONFIDENCE, binomial_ends

_NORMAL = NormalDist()
_LEAST_ERROR = 1e-9  # below it no claim of confidence is worth its digits
_Z_TOLERANCE, _SLOW_STEPS = 1e-10, 3
WIDEST = 50.0  # natural logarithm of a factor that stands for "any"
UNBOUNDED = math.exp(WIDEST - 1)  # times a value: what lies beyond is no bound


class Interval(NamedTuple):
    """The low and the high end of an interval."""

    low: float
    high: float


class Evidence(ABC):
    """A measured value and its confidence interval at any level alpha.

    Attributes:
        value: the figure itself.
        repeat: the same figure sampled anew, where a budget on it seemed to fail; None where it was not.
    """

    value: float
    repeat: float | None = None

    @abstractmethod
    def interval(self, error: float) -> Interval:
        """Return the interval that misses the truth with probability ``error``, both sides together."""

    def error_at(self, limit: float, *, below: bool) -> float:
        """Return the least error at which the interval lies wholly on one side of a limit: 1 where it never does.

        Args:
            limit: in the figure's unit.
            below: whether the interval is to lie below it; else above.
        """

        def room(error: float) -> float:
            """Return how far the interval lies beyond the limit."""
            low, high = self.interval(error)
            return limit - high if below else low - limit

        narrow, wide = room(1 - _LEAST_ERROR), room(_LEAST_ERROR)
        if wide > 0:
            return _LEAST_ERROR
        if not narrow > 0:
            return 1.0
        return _two_sided(_last_positive(lambda z: room(_two_sided(z)), 0.0, _quantile(_LEAST_ERROR), narrow, wide))


class Exact(Evidence):
    """A figure without an interval: a size, or what was measured once."""

    def __init__(self, value: float) -> None:
        self.value = value

    def interval(self, error: float) -> Interval:  # noqa: ARG002 - the same for all
        """Return the value as both ends."""
        return Interval(self.value, self.value)


class Proportion(Evidence):
    """A share of independent samples, with the exact interval, which never errs more often than it says."""

    def __init__(self, successes: float, trials: int) -> None:
        self.value, self._counts = successes / trials, (successes, trials)

    def interval(self, error: float) -> Interval:
        """Return Clopper and Pearson's interval."""
        return Interval(*binomial_ends(*self._counts, error))


class Normal(Evidence):
    """A figure with a standard error, normally distributed."""

    def __init__(self, value: float, error: float) -> None:
        self.value, self._error = value, error

    def interval(self, error: float) -> Interval:
        """Return the value and as many standard errors on each side as the normal distribution asks for."""
        margin = _quantile(error) * self._error
        return Interval(self.value - margin, self.value + margin)


class ScaledInterval(Evidence):
    """Rescales a stored 95 % interval to another level, assuming normality on each side of the value.

    Of a figure that is positive, as times are, it is the logarithm that is taken as normal.

    Args:
        estimate: the figure.
    """

    def __init__(self, estimate: Estimate | Score) -> None:
        self.value, self._estimate = estimate.value, estimate

    def interval(self, error: float) -> Interval:
        """Rescale each side's distance from the value, by the quantiles of the normal distribution."""
        factor = _quantile(error) / _quantile(1 - CONFIDENCE)
        value, low, high = self.value, self._estimate.low, self._estimate.high
        if low > 0 and not isinstance(self._estimate, Score):
            below, above = (min(math.log(ratio) * factor, WIDEST) for ratio in (value / low, high / value))
            return Interval(value * math.exp(-below), value * math.exp(above))
        return Interval(value - (value - low) * factor, value + (high - value) * factor)


class PairedTime(Evidence):
    """A time that was taken in turn with its reference's: Student's interval of the logarithm of their ratio.

    Sampling may have ended at one of several interim analyses. The error alpha is spent across them: the one at which
    it ended had only its ``alpha_share``, so the chance of a wrong verdict at any of them stays below the gate's
    (K. K. G. Lan and D. L. DeMets, Biometrika 70, 1983).

    Args:
        ratio: of candidate to reference.
        reference: the reference's figure, which is taken as exact, and in whose unit the interval is.
    """

    def __init__(self, ratio: Ratio, reference: float = 1.0) -> None:
        self._ratio = ratio
        self.value = ratio.value * reference
        self.repeat = None if ratio.repeat is None else ratio.repeat * reference

    def interval(self, error: float) -> Interval:
        """Return Student's interval, with the error of the analysis at which sampling ended."""
        ratio = self._ratio
        # few samples allow any ratio at all, which no float could hold
        factor = math.exp(min(_student(error * ratio.alpha_share, ratio.degrees) * ratio.error, WIDEST))
        return Interval(self.value / factor, self.value * factor)


class PairedProportion(Evidence):
    """The difference between two shares on the same samples, candidate minus reference.

    The interval is the widest of three on each side: Tango's score interval (T. Tango, Statistics in Medicine 17,
    1998); the one that the exact McNemar test gives, in which only the samples count that one of the two got wrong; and
    the exact intervals of both kinds of such samples, combined as ``SumOf`` does. McNemar's test is right where there
    is no difference, the last of them where there is one and few samples show it.

    Args:
        counts: worse, better and all samples, as ``predictions.Discordant`` has them; effective numbers need not be
            whole.
    """

    def __init__(self, counts: tuple[float, float, float]) -> None:
        worse, better, examples = counts
        self.value, self._worse, self._better, self._examples = (better - worse) / examples, worse, better, examples

    def interval(self, error: float) -> Interval:
        """Return the widest of the three on each side."""
        counts = self._better, self._worse, self._examples
        ends = [_tango(*counts, error), _mcnemar(*counts, error), _separate(*counts, error)]
        return Interval(min(low for low, _ in ends), max(high for _, high in ends))


class SumOf(Evidence):
    """A sum of independent figures, by MOVER (G. Y. Zou and A. Donner, Statistics in Medicine 27, 2008).

    Args:
        parts: the figures; their distances to the ends of their intervals add up as squares.
        constant: added to the sum.
    """

    def __init__(self, *parts: Evidence, constant: float = 0.0) -> None:
        self._parts = parts
        self.value = sum(part.value for part in parts) + constant
        if any(part.repeat is not None for part in parts):
            self.repeat = sum(part.value if part.repeat is None else part.repeat for part in parts) + constant

    def interval(self, error: float) -> Interval:
        """Return the ends of the sum: square roots of the summed squares of the distances."""
        parts = [(part.value, *part.interval(error)) for part in self._parts]
        below = math.hypot(*(value - low for value, low, _ in parts))
        above = math.hypot(*(high - value for value, _, high in parts))
        return Interval(self.value - below, self.value + above)


class Negative(Evidence):
    """A figure with the other sign."""

    def __init__(self, of: Evidence) -> None:
        self._of, self.value = of, -of.value

    def interval(self, error: float) -> Interval:
        """Return the interval with both ends negated and swapped."""
        low, high = self._of.interval(error)
        return Interval(-high, -low)


class LogTime(Evidence):
    """The base-10 logarithm of a time, or of a ratio of times."""

    def __init__(self, time: Evidence) -> None:
        self._time, self.value = time, math.log10(time.value)
        self.repeat = None if time.repeat is None else math.log10(time.repeat)

    def interval(self, error: float) -> Interval:
        """Return the base-10 logarithms of the ends."""
        return Interval(*map(math.log10, self._time.interval(error)))


@lru_cache(maxsize=1024)
def _quantile(error: float) -> float:
    return -_NORMAL.inv_cdf(error / 2) if error < 1 else 0.0


def _two_sided(z: float) -> float:
    """Return the error alpha whose quantile is ``z``."""
    return math.erfc(z / math.sqrt(2))


def _last_positive(room: Callable[[float], float], first: float, last: float, at_first: float, at_last: float) -> float:
    """Return the last place at which a falling function is still above 0.

    The width of an interval is nearly a straight line over the quantiles of the normal distribution, so the regula
    falsi needs few steps (in the Illinois form of M. Dowell and P. Jarratt, BIT 11, 1971). Where it does not halve what
    is left in a few steps, as beside an interval without bounds, the next step does.

    Args:
        room: the function.
        first: where it is above 0.
        last: where it is not.
        at_first: its value there.
        at_last: its value there.
    """
    slow_steps, side = 0, 0
    for _ in range(200):
        width = last - first
        if width <= _Z_TOLERANCE:
            break
        share = at_first / (at_first - at_last) if slow_steps < _SLOW_STEPS else 0.5
        # beside an end that is nearly there, a step beyond it ends the search
        edge = 0.4 * _Z_TOLERANCE
        middle = min(max(first + width * share, first + edge), last - edge)
        value = room(middle)
        if value > 0:
            first, at_first, at_last, side = middle, value, at_last / 2 if side > 0 else at_last, 1
        else:
            last, at_last, at_first, side = middle, value, at_first / 2 if side < 0 else at_first, -1
        slow_steps = slow_steps + 1 if last - first > width / 2 and slow_steps < _SLOW_STEPS else 0
    return first


@lru_cache(maxsize=4096)
def _student(error: float, degrees: int) -> float:
    from scipy.special import stdtrit  # scipy.stats takes a second to import

    return -float(stdtrit(degrees, error / 2))


@lru_cache(maxsize=4096)
def _tango(better: float, worse: float, examples: float, error: float) -> Interval:
    """Return the differences that a score test at ``error`` does not reject."""
    if error >= 1:
        return Interval((better - worse) / examples, (better - worse) / examples)
    z = _quantile(error)

    def statistic(delta: float) -> float:
        # the most likely share of samples that only the reference got right, were delta the difference
        first, second = 2 * examples, -(better + worse) + (2 * examples - better + worse) * delta
        third = -worse * delta * (1 - delta)
        share = (math.sqrt(max(second**2 - 4 * first * third, 0.0)) - second) / (2 * first)
        variance = examples * (2 * share + delta * (1 - delta))
        gap = better - worse - examples * delta
        return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap) if gap else 0.0

    def end(low: float, high: float, level: float) -> float:
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if statistic(middle) > level else (low, middle)
        return (low + high) / 2

    value = (better - worse) / examples
    return Interval(end(-1.0, value, z), end(value, 1.0, -z))


def _mcnemar(better: float, worse: float, examples: float, error: float) -> Interval:
    """Return the exact interval of the share of the better ones among the discordant, as a difference."""
    count = better + worse
    if count == 0 or error >= 1:
        return Interval((better - worse) / examples, (better - worse) / examples)
    low, high = binomial_ends(better, count, error)
    return Interval((2 * low - 1) * count / examples, (2 * high - 1) * count / examples)


def _separate(better: float, worse: float, examples: float, error: float) -> Interval:
    """Return the difference of the shares of the better and the worse ones among all, as if independent."""
    gains, losses = better / examples, worse / examples
    gains_low, gains_high = binomial_ends(better, examples, error)
    losses_low, losses_high = binomial_ends(worse, examples, error)
    below = math.hypot(gains - gains_low, losses_high - losses)
    above = math.hypot(gains_high - gains, losses - losses_low)
    return Interval(gains - losses - below, gains - losses + above)
