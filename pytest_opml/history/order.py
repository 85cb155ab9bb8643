"""Which of two runs is the newer one: by when they began, where clocks can be right; by their commits, where git knows.

A clock that contradicts the order in which runs were added is wrong: a run that began in the future of whoever adds
another was added before it, and so is older. What git says of two commits counts before any clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from ..records.run import RunRecord

# Tells whether the first commit led to the second, and is another one; no where that is not known.
Ancestry = Callable[[str, str], bool]

MOST_COMPARED = 100  # runs whose commits are compared with that of a new one


def nothing_known(first: str, second: str) -> bool:  # noqa: ARG001 - an Ancestry
    """Know of no two commits which of them led to the other."""
    return False


class Standing(NamedTuple):
    """What a run's place in the order follows from.

    Attributes:
        commit: that was checked out.
        is_clean: whether the commit is what it measured: changed files come after their commit, and before nothing.
    """

    started: datetime
    commit: str | None
    is_clean: bool = True


def standing_of(record: RunRecord) -> Standing:
    """Return what a run's place follows from."""
    commit = record.commit
    return Standing(record.started, commit.commit if commit else None, not (commit and commit.dirty))


class Slot(NamedTuple):
    """Where a run goes.

    Attributes:
        at: among the runs, from the oldest, that it is put before.
        is_set_back: whether it would be the newest, were its commit not older than those of others.
    """

    at: int
    is_set_back: bool


def index_by_time(moments: Sequence[datetime], moment: datetime, now: datetime) -> int:
    """Return the place of a moment among others, from the oldest: the first of those that contradict the fewest.

    Args:
        moments: in the order that they are held to be in, whatever they say; those after ``now`` count for nothing, but
            were there before.
        moment: that is added; one after ``now`` comes last.
        now: by the clock of whoever adds it.
    """
    if moment > now:
        return len(moments)
    contradicted = fewest = best = 0
    for index, one in enumerate(moments, 1):
        if one <= now:
            contradicted += 1 if one > moment else -1
        if contradicted < fewest:
            fewest, best = contradicted, index
    while best < len(moments) and moments[best] > now:
        best += 1
    return best


class RunOrder:
    """Runs from the oldest to the newest, and where the next one goes among them.

    Args:
        standings: of the runs in their order; of the newest at least.
        ancestry: of their commits.
        latest: the latest moment that a run began, of those before ``now``; None for none.
        now: by the clock of this machine.

    Attributes:
        latest: likewise, with the runs that were put among them.
    """

    def __init__(
        self, standings: Sequence[Standing], ancestry: Ancestry, latest: datetime | None, now: datetime
    ) -> None:
        self._standings, self._ancestry, self.latest, self._now = list(standings), ancestry, latest, now

    def is_latest(self, standing: Standing) -> bool:
        """Tell whether no clock says that a run is older than another one, so that the newest runs are enough."""
        return standing.started > self._now or self.latest is None or standing.started >= self.latest

    def insert(self, standing: Standing) -> Slot:
        """Put a run into its place, and return it."""
        last = len(self._standings)
        by_time = last
        if not self.is_latest(standing):
            by_time = index_by_time([run.started for run in self._standings], standing.started, self._now)
        index = self._by_commit(by_time, standing)
        self._standings.insert(index, standing)
        if standing.started <= self._now:
            self.latest = max(self.latest or standing.started, standing.started)
        return Slot(index, by_time == last and index < last)

    def _by_commit(self, index: int, standing: Standing) -> int:
        """Return the place that git leaves of one that clocks chose."""
        older = index
        while older > max(0, index - MOST_COMPARED) and self._led(standing, self._standings[older - 1]):
            older -= 1
        if older < index:
            return older
        for newer in range(len(self._standings), max(index, len(self._standings) - MOST_COMPARED), -1):
            if self._led(self._standings[newer - 1], standing):
                return newer
        return index

    def _led(self, first: Standing, second: Standing) -> bool:
        if not (first.is_clean and first.commit and second.commit) or first.commit == second.commit:
            return False
        return self._ancestry(first.commit, second.commit)


def utc_now() -> datetime:
    """Return the moment by the clock of this machine."""
    return datetime.now(timezone.utc)
