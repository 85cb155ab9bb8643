"""Group sequential sampling of a time: interim analyses at planned moments, until the budgets on it are decided.

Who tests again and again and stops at the first verdict is wrong more often than the interval says. So the analyses are
planned as shares of the longest sampling, and the error alpha that the gate allows is spent across them: at the share t
of the time, t to the third power of it has been spent (K. K. G. Lan and D. L. DeMets, Biometrika 70, 1983; the powers
are those of K. Kim and D. L. DeMets, Biometrika 74, 1987). Early analyses end only what is clear; the last one keeps
most of the error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .evidence import Evidence

POWER = 3
# Of the longest sampling: what the planned analyses may take; the rest is for repeating what seems to fail.
FIRST = 0.75
_SHORTEST_REPEAT_S = 2.0


class TimeLimit(NamedTuple):
    """A limit on a time that sampling is to decide.

    Attributes:
        limit: on the ratio to the reference, in seconds or in milliseconds.
        above: whether a time above it fails the budget.
    """

    limit: float
    above: bool

    def is_decided(self, time: Evidence, error: float) -> bool:
        """Return whether the interval at ``error`` lies on one side of the limit."""
        low, high = time.interval(error)
        return high <= self.limit or low > self.limit if self.above else low >= self.limit or high < self.limit

    def is_failed(self, time: Evidence, error: float) -> bool:
        """Return whether the interval at ``error`` lies wholly on the wrong side of the limit."""
        low, high = time.interval(error)
        return low > self.limit if self.above else high < self.limit


def all_decided(limits: Iterable[TimeLimit], time: Evidence, error: float) -> bool:
    """Return whether all limits are decided."""
    return all(limit.is_decided(time, error) for limit in limits)


def any_failed(limits: Iterable[TimeLimit], time: Evidence, error: float) -> bool:
    """Return whether a limit seems to fail, so that the time is to be sampled again."""
    return any(limit.is_failed(time, error) for limit in limits)


@dataclass(frozen=True, kw_only=True)
class SamplingPlan:
    """How long to sample times, and the limits that sampling is to decide.

    Attributes:
        seconds: of sampling where no limit asks for more; 0: not at all. Passes and single examples have a length of
            their own.
        precision: half-width of the interval of a ratio, as a share of the ratio, at which that ends early; 0: never.
            Of passes, that until which more are taken than limits need; 0: none.
        others: limits on times of other cases that follow from the passes, in seconds; more passes are taken than
            limits need only where one of these may be near. None: always.
        limits: by the time that they are on: a scenario's ratio (``offline``, ``single``), or a metric (``inference_s``
            in seconds, ``latency_ms.p99`` in milliseconds).
        max_seconds: of sampling a time with limits, at most, what is sampled anew included.
        error: alpha, the share of intervals that the gate allows to miss the truth.
    """

    seconds: float = 0.0
    precision: float = 0.0
    others: tuple[TimeLimit, ...] | None = None
    limits: Mapping[str, tuple[TimeLimit, ...]] = field(default_factory=dict)
    max_seconds: float = 0.0
    error: float = 0.05

    def limits_on(self, *times: str) -> dict[str, tuple[TimeLimit, ...]]:
        """Return those of the limits that are on these times; without any where there is no time to decide them in."""
        if self.max_seconds <= 0:
            return {}
        return {time: self.limits[time] for time in times if self.limits.get(time)}


NO_SAMPLING = SamplingPlan()


class AlphaSpending:
    """The share of the error alpha that each interim analysis of one sampling may spend.

    Args:
        seconds: of the longest sampling.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._spent = seconds, 0.0
        self.share = 1.0

    def analyse(self, seconds: float) -> None:
        """Analyse after so many seconds; ``share`` is then what this analysis may err, of the gate's error."""
        spent = min(1.0, seconds / self._seconds) ** POWER if self._seconds > 0 else 1.0
        self.share = max(spent - self._spent, 1e-9)
        self._spent = max(spent, self._spent)


class SequentialSampler:
    """Says at each interim analysis of times that are sampled together whether sampling goes on.

    Attributes:
        longest_s: seconds of sampling up to the last analysis.
        done: whether sampling has ended, since all limits are decided or the time is over; at once without limits.
        alpha_share: of the error, what the last analysis spent; 1 where there are no limits.
        repeat_s: seconds for which to sample anew, since a limit seems to fail; 0 where none does.

    Args:
        limits: by the name of the time.
        max_seconds: of sampling, that which is sampled anew included.
        error: that the gate allows.
    """

    def __init__(self, limits: Mapping[str, Sequence[TimeLimit]], max_seconds: float, error: float) -> None:
        self._limits, self._max_seconds, self._error = limits, max_seconds, error
        self.longest_s = max_seconds * FIRST
        self._spending = AlphaSpending(self.longest_s)
        self.done, self.repeat_s = not any(limits.values()), 0.0

    @property
    def alpha_share(self) -> float:
        """Of the error, what the last analysis spent."""
        return self._spending.share

    def analyse(self, seconds: float, times: Callable[[float], Mapping[str, Evidence]]) -> None:
        """Compare what was sampled with the limits, unless sampling has ended.

        Args:
            seconds: of sampling so far.
            times: gives what is known of each time, by name, from the share of alpha that this analysis may spend; a
                time that nothing is known of yet is left out.
        """
        if self.done:
            return
        self._spending.analyse(seconds)
        asked = [(self._limits.get(name, ()), time) for name, time in times(self.alpha_share).items()]
        if seconds < self.longest_s and not all(all_decided(limits, time, self._error) for limits, time in asked):
            return
        self.done = True
        if any(any_failed(limits, time, self._error) for limits, time in asked):
            self.repeat_s = repeat_seconds(seconds, self._max_seconds)


def repeat_seconds(first: float, longest: float) -> float:
    """Return how long to sample anew after ``first`` seconds: a third, at least 2 s, at most ``longest`` / 4."""
    return min(max(first / 3, _SHORTEST_REPEAT_S), max(longest * (1 - FIRST), 0.0))


def plan_openings(seconds: float) -> Sequence[tuple[float, bool]]:
    """Return when both files are to be opened anew, in seconds of sampling, and whether there is an analysis then.

    Analyses are at a sixteenth, an eighth, a quarter, half and the end; from the third on two openings lie between
    them, so that each of the two files has been opened first for as long as the other.
    """
    sixteenths = ((1, True), (2, True), (3, False), (4, True), (6, False), (8, True), (12, False), (16, True))
    return [(seconds * part / 16, analysis) for part, analysis in sixteenths]
