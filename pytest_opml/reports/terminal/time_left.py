"""How long a run may still take, from what its tests have taken so far and in earlier runs.

Tests are of two kinds: a case whose artifact has to be built, training included, and one whose artifact the cache
holds, or that needs none. The kinds differ by much more than the tests within one, so each has an average of its own.
Which one a test will be follows from those before it with the same past: what earlier runs have built is in the cache
if that of the others was, and a new test is built if the other new ones were.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

# The share of its length by which the length of a test is taken to vary before there are several to tell, and as how
# many further tests this counts: two tests that happen to be alike do not make the third one certain.
_PRIOR_SPREAD, _PRIOR_WEIGHT = 0.3, 2
_FIRST_SPREAD = 1.0  # as long as one test is all there is: the first one often has more to do than those behind it
_WIDTH = 1.5  # standard deviations on each side of what is expected: of runs that vary, 8 of 10 lie within
_MOST_PACE = 5.0  # times as fast or slow as in the earlier run
_OVERRUN = 2.0  # standard deviations behind what is expected
# A range of less than the one factor is said as one number, and of more than the other by its end.
_NARROW, _WIDE = 1.5, 5.0
_MINUTE_FROM, _HOUR_FROM = 90, 5400  # seconds


class Durations(NamedTuple):
    """What a test took in an earlier run, in seconds; None where it was not of that kind.

    Attributes:
        built: with an artifact that was built.
        loaded: with an artifact of the cache, or with none to be built.
    """

    built: float | None = None
    loaded: float | None = None

    def of(self, *, is_built: bool) -> float | None:
        """Return the seconds of one kind."""
        return self.built if is_built else self.loaded


class FinishedTest(NamedTuple):
    """A test of this run that is over, with its seconds and its kind."""

    name: str
    seconds: float
    is_built: bool


class RunningTest(NamedTuple):
    """The test of this run that is running, with its seconds so far, and whether something is known to be built."""

    seconds: float
    is_built: bool


class TimeLeft(NamedTuple):
    """The seconds that a run may still take.

    Attributes:
        low: of 10 runs, about 1 takes less.
        high: of 10 runs, about 1 takes more; None where nothing tells.
        is_overrun: whether the running test takes much longer than such tests do, so that nobody knows its end; the
            seconds are those of the tests behind it.
        running_s: of the running test so far.
    """

    low: float
    high: float | None
    is_overrun: bool
    running_s: float = 0.0

    def __str__(self) -> str:
        least = f"at least {_rounded(self.low)}" if self.low >= 1 else ""
        if self.is_overrun:
            return f"longer than expected ({_rounded(self.running_s)}){f', then {least}' if least else ''}"
        if self.high is None:
            return f"{least} left" if least else ""
        high = _rounded(self.high)
        low = _rounded(self.low, minute_from=60 if self.high >= _MINUTE_FROM else _MINUTE_FROM)
        if low == high or self.high <= _NARROW * self.low:
            return f"about {_rounded((self.low + self.high) / 2)} left"
        if self.low < min(self.high / _WIDE, _MINUTE_FROM):
            return f"up to {high} left"
        number, _, unit = low.partition(" ")
        return f"{number if high.endswith(unit) else low} to {high} left"


class _Guess(NamedTuple):
    """What a test is expected to take, in seconds.

    Attributes:
        mean: expected.
        spread: the standard deviation of one test.
        error: the standard deviation of the mean, which all tests of one pool have in common.
        pool: of which it is.
        is_bounded: whether it is more than a lower bound.
    """

    mean: float
    spread: float
    error: float
    pool: str
    is_bounded: bool = True


def time_left(
    tests: Sequence[str], finished: Sequence[FinishedTest], running: RunningTest, earlier: Mapping[str, Durations]
) -> TimeLeft | None:
    """Estimate how long a run may still take.

    Args:
        tests: the names of all, in the order in which they run.
        finished: those that are over: as many of the first ones.
        running: the next one.
        earlier: what tests took in earlier runs, by name.

    Returns:
        The estimate; None before a test is over, and where no test is left.
    """
    pending = tests[len(finished) :]
    if not finished or not pending:
        return None
    run = _RunSoFar(finished, earlier, pending[0] if running.is_built else None)
    first, *others = map(run.guess, pending)
    is_overrun = first.is_bounded and running.seconds > first.mean + _OVERRUN * math.hypot(first.spread, first.error)
    mean = sum(guess.mean for guess in others)
    guesses = others if is_overrun else [first, *others]
    if not is_overrun:
        mean += max(first.mean - running.seconds, 0.0)
    by_pool: dict[str, float] = {}
    for guess in guesses:
        by_pool[guess.pool] = by_pool.get(guess.pool, 0.0) + guess.error
    variance = sum(guess.spread**2 for guess in guesses) + sum(error**2 for error in by_pool.values())
    width = _WIDTH * math.sqrt(variance)
    is_bounded = all(guess.is_bounded for guess in guesses)
    return TimeLeft(max(mean - width, 0.0), mean + width if is_bounded else None, is_overrun, running.seconds)


class _RunSoFar:
    """The tests that are over, and what they say of the others."""

    def __init__(
        self, finished: Sequence[FinishedTest], earlier: Mapping[str, Durations], building: str | None
    ) -> None:
        self._finished, self._earlier, self._building = finished, earlier, building
        pairs = [
            (test.seconds, before)
            for test in finished
            if test.name in earlier and (before := earlier[test.name].of(is_built=test.is_built))
        ]
        # This machine, or what else runs on it, may be faster or slower than it was; beyond some factor it is no longer
        # that, but a test that has changed.
        ratio = sum(now for now, _ in pairs) / sum(before for _, before in pairs) if pairs else 1.0
        self._pace = min(max(ratio, 1 / _MOST_PACE), _MOST_PACE)
        self._pace_error = _PRIOR_SPREAD / math.sqrt(len(pairs) + _PRIOR_WEIGHT)
        self._kinds: dict[str, set[bool]] = {}
        for test in finished:
            self._kinds.setdefault(self._past(test.name), set()).add(test.is_built)
        if building is not None:
            self._kinds.setdefault(self._past(building), set()).add(True)

    def guess(self, name: str) -> _Guess:
        """Say what a test is expected to take."""
        past = self._past(name)
        kinds = {True} if name == self._building else self._kinds.get(past) or self._first_kinds(past)
        before = self._earlier.get(name, Durations()).of(is_built=True in kinds) if len(kinds) == 1 else None
        if before is None:
            return self._guess_of_kinds(kinds)
        mean = before * self._pace
        return _Guess(mean, _PRIOR_SPREAD * mean, self._pace_error * mean, "own")

    def _first_kinds(self, past: str) -> set[bool]:
        """Return the kinds that tests of a past may be of, as long as none of them is over."""
        if past != "new":
            return {False}
        were_built = any(durations.built is not None for durations in self._earlier.values())
        return {True} if were_built else {True, False}

    def _past(self, name: str) -> str:
        """Return what earlier runs have done for a test: tests of one past are taken for one kind in this run."""
        if name not in self._earlier:
            return "new"
        return "loaded" if self._earlier[name].built is None else "built"

    def _guess_of_kinds(self, kinds: Set[bool]) -> _Guess:
        by_kind = {kind: self._pool(is_built=kind) for kind in kinds}
        pool = [seconds for of_kind in by_kind.values() for seconds in of_kind]
        if not pool:
            pool = [test.seconds for test in self._finished]  # of the other kind: better than nothing
        count, mean = len(pool), statistics.fmean(pool)
        deviations = sum((seconds - mean) ** 2 for seconds in pool)
        share = _FIRST_SPREAD if count == len(self._finished) == 1 else _PRIOR_SPREAD
        prior = _PRIOR_WEIGHT * (share * mean) ** 2
        spread = math.sqrt((deviations + prior) / (count - 1 + _PRIOR_WEIGHT))
        # a build takes longer than what is known of the others, and nobody knows by how much
        is_bounded = bool(by_kind.get(True, True))
        return _Guess(mean, spread, spread / math.sqrt(count), "+".join(sorted(map(str, kinds))), is_bounded)

    def _pool(self, *, is_built: bool) -> list[float]:
        """Return the seconds of tests of a kind: of this run, or where it has none, of earlier runs."""
        own = [test.seconds for test in self._finished if test.is_built is is_built]
        before = (durations.of(is_built=is_built) for durations in self._earlier.values())
        return own or [seconds * self._pace for seconds in before if seconds is not None]


def _rounded(seconds: float, *, minute_from: float = _MINUTE_FROM) -> str:
    """Return a time as people say it: ``5 s``, ``40 s``, ``3 min``, ``2.5 h``."""
    if seconds < 10:
        return f"{max(math.ceil(seconds), 1)} s"
    if seconds < minute_from:
        return f"{5 * round(seconds / 5)} s"
    if seconds < _HOUR_FROM:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
