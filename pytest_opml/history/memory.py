"""The history in memory: the twin of the database in tests, and what the record in a file is queried through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..errors import StorageError
from ..records.result import Result
from ..records.run import RunRecord
from .base import Added, History, Order, Outline, Query, Release, Removal, Row, StoredResult, Summary
from .columns import Part, is_same, matches, parts, still_released, summary, the_only, without_large_parts
from .order import Ancestry, RunOrder, index_by_time, nothing_known, standing_of, utc_now


class MemoryHistory(History):
    """A history that ends with its process, or earlier; see ``History``.

    Args:
        records: what it holds at first.
        name: of the store, for messages.
    """

    def __init__(self, records: Iterable[RunRecord] = (), name: str = "memory") -> None:
        self._runs: dict[str, RunRecord] = {}
        self._order: list[str] = []  # from the oldest
        self._set_back: set[str] = set()
        self._releases: dict[str, Release] = {}  # the first that was promoted first
        self._removed: dict[str, tuple[Removal, RunRecord]] = {}
        self._name = name
        self.extend(records)

    def close(self) -> None:
        """Do nothing: it holds nothing of the system."""

    def extend(
        self,
        records: Iterable[RunRecord],
        releases: Iterable[Release] = (),
        *,
        merge: bool = False,
        ancestry: Ancestry = nothing_known,
    ) -> Added:
        """Add many runs, and after them mark releases; all or nothing."""
        before = (dict(self._runs), list(self._order), set(self._set_back), dict(self._releases))
        try:
            return self._extend(records, releases, merge=merge, ancestry=ancestry)
        except BaseException:
            self._runs, self._order, self._set_back, self._releases = before
            raise

    def _extend(
        self, records: Iterable[RunRecord], releases: Iterable[Release], *, merge: bool, ancestry: Ancestry
    ) -> Added:
        runs = same = marks = removed = 0
        order = self._run_order(ancestry)
        for record in records:
            if record.run_id in self._removed:
                if not merge:
                    raise StorageError(f"{self._name}: run {record.run_id} was removed")
                removed += 1
            elif record.run_id in self._runs:
                if not merge:
                    raise StorageError(f"{self._name}: run {record.run_id} is there already")
                if not is_same(self._runs[record.run_id], record):
                    raise StorageError(f"{self._name}: run {record.run_id} is there already with another content")
                same += 1
            else:
                slot = order.insert(standing_of(record))
                self._runs[record.run_id] = record
                self._order.insert(slot.at, record.run_id)
                self._set_back |= {record.run_id} if slot.is_set_back and not merge else set()
                runs += 1
        for release in releases:
            marks += not (merge and release.run_id in self._removed) and self._mark(release, merge=merge)
        return Added(runs, same, marks, removed)

    def _run_order(self, ancestry: Ancestry) -> RunOrder:
        standings, now = [standing_of(self._runs[run_id]) for run_id in self._order], utc_now()
        latest = max((run.started for run in standings if run.started <= now), default=None)
        return RunOrder(standings, ancestry, latest, now)

    def _mark(self, release: Release, *, merge: bool) -> bool:
        run_id = self._id(release.run_id)
        if merge and run_id in self._releases and self._releases[run_id].promoted >= release.promoted:
            return False
        marked = [one for one in self._releases.values() if one.run_id != run_id]
        index = index_by_time([one.promoted for one in marked], release.promoted, utc_now())
        marked.insert(index, release._replace(run_id=run_id))
        self._releases = {one.run_id: one for one in marked}
        return True

    def promote(self, release: Release) -> None:
        """Mark a run as a released one, or give the mark a new moment and label."""
        self.extend([], [release])

    def withdraw(self, run_id: str) -> None:
        """Take the mark of a release away."""
        if self._releases.pop(self._id(run_id), None) is None:
            raise StorageError(f"{self._name}: run {run_id} is no release")

    def remove(self, removal: Removal) -> None:
        """Take a run out of every answer, and store why."""
        run_id = self._id(removal.run_id)
        if run_id in self._releases:
            raise StorageError(still_released(self._name, self._releases[run_id]))
        self._removed[run_id] = (removal._replace(run_id=run_id), self._runs.pop(run_id))
        self._order.remove(run_id)
        self._set_back.discard(run_id)

    def restore(self, run_id: str) -> str:
        """Bring a removed run back."""
        whole = the_only(self._name, run_id, self._removed, "removed run")
        _, record = self._removed.pop(whole)
        self.extend([record], merge=True)
        return whole

    def removals(self) -> list[Removal]:
        """Return what was removed, the last first."""
        return [removal for removal, _ in self._removed.values()][::-1]

    def known(self, run_ids: Iterable[str]) -> set[str]:
        """Return those of the ids whose runs are there."""
        return self._runs.keys() & set(run_ids)

    def _id(self, run_id: str) -> str:
        return the_only(self._name, run_id, self._runs, "run")

    def run(self, run_id: str) -> RunRecord:
        """Return the run of an id, or of the only id that begins so."""
        return self._runs[self._id(run_id)]

    def _asked(self, query: Query) -> list[RunRecord]:
        """Return the runs that a query asks for, the newest first; with ``released``, those promoted last first."""
        order = self._order
        if query.older_than is not None:
            order = order[: order.index(query.older_than)] if query.older_than in self._runs else []
        newest = [self._runs[run_id] for run_id in reversed(order)]
        asked = [run for run in newest if matches(run, query, self._releases)]
        if query.released:
            asked.sort(key=self._promoted, reverse=True)
        return asked

    def _promoted(self, run: RunRecord) -> int:
        return list(self._releases).index(run.run_id)

    def last_added(self) -> RunRecord | None:
        """Return the run that a command is about which names none."""
        added = [run_id for run_id in self._runs if run_id in self._set_back or run_id == self._order[-1]]
        return self._runs[added[-1]] if added else None

    def newest(self, query: Query, limit: int) -> list[RunRecord]:
        """Return whole runs, the newest first."""
        return self._asked(query)[:limit]

    def summaries(self, query: Query, limit: int) -> list[Summary]:
        """Return runs in short, the newest first."""
        return [summary(run) for run in self.newest(query, limit)]

    def _parts(self, query: Query, order: Order) -> list[tuple[RunRecord, Part]]:
        asked = [
            (run, part)
            for run in self._asked(query._replace(profile=None))
            for part in reversed(parts(run))
            if query.cases is None or part.row.case_id in query.cases
            if query.profile is None or part.row.profile == query.profile
        ]
        if order == "best":
            scored = [(run, part) for run, part in asked if part.row.figures["op_score"] is not None]
            scored.sort(key=lambda pair: pair[1].row.figures["op_score"] or 0.0)
            if query.released:
                scored.sort(key=lambda pair: self._promoted(pair[0]), reverse=True)
            return scored
        return asked

    def rows(self, query: Query, limit: int, order: Order = "newest") -> list[Row]:
        """Return results in short, the newest or those of the lowest OpScore first."""
        return [part.row for _, part in self._parts(query, order)[:limit]]

    def find(self, query: Query, order: Order = "newest") -> StoredResult | None:
        """Return the first of ``rows`` that is the result of a case, with its record."""
        for run, part in self._parts(query, order):
            if isinstance(part.content, Result):
                alone = {"results": (part.content,), "timings": ()}
                return StoredResult(run.model_copy(update=alone), part.row.position)
        return None

    def run_ids(self) -> list[str]:
        """Return the ids of all runs, from the oldest to the newest."""
        return list(self._order)

    def outlines(self, run_ids: Iterable[str]) -> Iterator[Outline]:
        """Yield runs in outline, in the order of their ids."""
        for run in filter(None, map(self._runs.get, run_ids)):
            yield Outline(summary(run), without_large_parts(run), tuple(part.row for part in parts(run)))

    def case_ids(self) -> list[str]:
        """Return the ids of all cases and the names of all imported benchmarks, in order."""
        return sorted({part.row.case_id for _, part in self._parts(Query(), "newest")})

    def profiles(self, case_id: str) -> list[str]:
        """Return the kinds of hardware that a case has results on, in order."""
        return sorted({part.row.profile for _, part in self._parts(Query(cases=(case_id,)), "newest")})

    def releases(self) -> list[Release]:
        """Return all releases, the one that was promoted last first."""
        return list(self._releases.values())[::-1]

    def records(self) -> Iterator[RunRecord]:
        """Yield every run in the order in which they were added."""
        yield from self._runs.values()

    def count(self) -> int:
        """Return how many runs there are."""
        return len(self._runs)
