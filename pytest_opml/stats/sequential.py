"""Planned looks at a time that is being sampled: when a budget on it is decided, and what each look may err.

Who looks again and again and stops at the first verdict is wrong more often than the interval says. So the looks are
planned as shares of the longest sampling, and the error that the gate allows is spent across them: at the share t of
the time, t to the third power of it has been spent (K. K. G. Lan and D. L. DeMets, Biometrika 70, 1983; the powers are
those of K. Kim and D. L. DeMets, Biometrika 74, 1987). Early looks end only what is clear; the last one keeps most of
the error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .evidence import Evidence

POWER = 3
# Of the longest sampling: what the first looks may take; the rest is for a second look at what seems broken.
FIRST = 0.75


class TimeLimit(NamedTuple):
    """A limit on a time that sampling is to decide.

    Attributes:
        limit: on the ratio to the reference, or in seconds.
        above: whether a time above it breaks the budget.
    """

    limit: float
    above: bool

    def is_decided(self, known: Evidence, error: float) -> bool:
        """Whether the interval lies on one side of the limit."""
        low, high = known.interval(error)
        return high <= self.limit or low > self.limit if self.above else low >= self.limit or high < self.limit

    def is_broken(self, known: Evidence, error: float) -> bool:
        """Whether the interval lies wholly on the wrong side of the limit."""
        low, high = known.interval(error)
        return low > self.limit if self.above else high < self.limit


def all_decided(questions: Iterable[TimeLimit], known: Evidence, error: float) -> bool:
    """Whether nothing is left to find out."""
    return all(question.is_decided(known, error) for question in questions)


def any_broken(questions: Iterable[TimeLimit], known: Evidence, error: float) -> bool:
    """Whether something needs a second look."""
    return any(question.is_broken(known, error) for question in questions)


class AlphaSpending:
    """The error spent across the looks at one time.

    Args:
        seconds: of the longest sampling.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._spent = seconds, 0.0
        self.share = 1.0

    def look(self, seconds: float) -> None:
        """Look after so many seconds; ``share`` is then what this look may err, of the gate's error."""
        spent = min(1.0, seconds / self._seconds) ** POWER if self._seconds > 0 else 1.0
        self.share = max(spent - self._spent, 1e-9)
        self._spent = max(spent, self._spent)


def second_seconds(first: float, longest: float) -> float:
    """How long a second look takes after a first one of so many seconds: a third of it, but two seconds."""
    return min(max(first / 3, 2.0), max(longest * (1 - FIRST), 0.0))


def plan_openings(seconds: float) -> Sequence[tuple[float, bool]]:
    """When both files are to be opened anew, in seconds of sampling, and whether there is a look at that moment.

    Looks at a sixteenth, an eighth, a quarter, half and the end; from the third on two openings lie between looks, so
    that each of the two files has been opened first for as long as the other.
    """
    sixteenths = ((1, True), (2, True), (3, False), (4, True), (6, False), (8, True), (12, False), (16, True))
    return [(seconds * part / 16, look) for part, look in sixteenths]
