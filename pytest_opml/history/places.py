"""The places of runs and releases in a database: whole numbers that rise from the oldest to the newest.

Those of runs are so far apart that one fits between any two; where none fits any more, all are numbered anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select, update

from ..records.run import RunRecord
from . import checksums
from .base import Release
from .order import MOST_COMPARED, Ancestry, RunOrder, Standing, standing_of, utc_now
from .tables import RELEASE, RESULT, RUN

_GAP = 2**40  # eight million runs, and forty between two that are each put into the middle
_STEP = 2**10  # so much of a gap is left below a run that the next is to follow


class Place(NamedTuple):
    """The columns of a run that say where it stands."""

    place: int
    place_digest: str
    set_back: bool


class Places:
    """Gives runs that are added their places, within the transaction of a connection that nobody else writes in.

    Args:
        connection: of the transaction.
        ancestry: of the runs' commits.
    """

    def __init__(self, connection: Connection, ancestry: Ancestry) -> None:
        self._connection, self._ancestry, self._now = connection, ancestry, utc_now()
        latest = connection.scalar(select(func.max(RUN.c.started)).where(RUN.c.started <= self._now))
        self._order, self._places = self._read(latest, MOST_COMPARED + 1)
        self._is_whole, self._last = len(self._places) <= MOST_COMPARED, -1

    def _read(self, latest: datetime | None, most: int | None = None) -> tuple[RunOrder, list[int]]:
        """Read the newest runs, or all."""
        columns = (RUN.c.place, RUN.c.started, RUN.c.commit_hash, RUN.c.dirty)
        newest = select(*columns).order_by(RUN.c.place.desc()).limit(most)
        rows = self._connection.execute(newest).all()[::-1]
        standings = [Standing(row.started, row.commit_hash, not row.dirty) for row in rows]
        return RunOrder(standings, self._ancestry, latest, self._now), [row.place for row in rows]

    def next(self, record: RunRecord) -> Place:
        """Return the place of a run that is added now."""
        standing = standing_of(record)
        if not self._is_whole and not self._order.is_latest(standing):
            self._order, self._places = self._read(self._order.latest)
            self._is_whole = True
        slot = self._order.insert(standing)
        place = self._between(slot.at)
        self._places.insert(slot.at, place)
        self._last = slot.at
        return Place(place, checksums.of_place(record.run_id, place), slot.is_set_back)

    def _between(self, index: int) -> int:
        """Return a place before that of an index; the last run that was put somewhere is often followed by the next."""
        if not self._places:
            return _GAP
        if index == len(self._places):
            return self._places[-1] + _GAP
        if index == 0 and self._is_whole:
            return self._places[0] - _GAP
        low, high = self._places[index - 1], self._places[index]
        if high - low < 2:
            self._renumber()
            low, high = self._places[index - 1], self._places[index]
        return low + max(1, (high - low) // (_STEP if index == self._last + 1 else 2))

    def _renumber(self) -> None:
        """Give every run a new place, in the order that they have."""
        runs = self._connection.execute(select(RUN.c.key, RUN.c.run_id).order_by(RUN.c.place)).all()
        for number, run in enumerate(runs, 1):
            place = number * _GAP
            values = {"place": place, "place_digest": checksums.of_place(run.run_id, place)}
            self._connection.execute(update(RUN).where(RUN.c.key == run.key).values(values))
        its_run = select(RUN.c.place).where(RUN.c.key == RESULT.c.run_key).scalar_subquery()
        self._connection.execute(update(RESULT).values(place=its_run))
        self._places = [(len(runs) - len(self._places) + number) * _GAP for number in range(1, len(self._places) + 1)]


def check_place(run_id: str, place: int, digest: str) -> None:
    """Refuse a place that was changed after it was written.

    Raises:
        ValueError: so it is.
    """
    if checksums.of_place(run_id, place) != digest:
        raise ValueError(f"the place of run {run_id} was changed after it was written")


def write_release_places(connection: Connection, releases: Sequence[tuple[int, Release]]) -> None:
    """Number the releases anew.

    Args:
        connection: of the transaction.
        releases: each with the key of its run, in their order.
    """
    for place, (key, release) in enumerate(releases):
        values = {"place": place, "digest": checksums.of_columns(release, str(place))}
        connection.execute(update(RELEASE).where(RELEASE.c.run_key == key).values(values))
