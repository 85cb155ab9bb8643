"""The history in memory: the twin of the database in tests, and what the record in a file is queried through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import StorageError
from ..records.result import Result
from ..records.run import RunRecord
from .base import Added, History, Order, Query, Release, Row, StoredResult, Summary
from .columns import Part, is_same, matches, parts, summary


class MemoryHistory(History):
    """A history that ends with its process, or earlier; see ``History``.

    Args:
        records: what it holds at first.
        name: of the store, for messages.
    """

    def __init__(self, records: Iterable[RunRecord] = (), name: str = "memory") -> None:
        self._runs: dict[str, RunRecord] = {}
        self._releases: dict[str, Release] = {}
        self._name = name
        self.extend(records)

    def close(self) -> None:
        """Do nothing: it holds nothing of the system."""

    def extend(self, records: Iterable[RunRecord], releases: Iterable[Release] = (), *, merge: bool = False) -> Added:
        """Add many runs, and after them mark releases; all or nothing."""
        runs, marked, same, marks = dict(self._runs), dict(self._releases), 0, 0
        for record in records:
            if record.run_id in runs:
                if not merge:
                    raise StorageError(f"{self._name}: run {record.run_id} is there already")
                if not is_same(runs[record.run_id], record):
                    raise StorageError(f"{self._name}: run {record.run_id} is there already with another content")
                same += 1
            else:
                runs[record.run_id] = record
        for release in releases:
            run_id = self._id(release.run_id, runs)
            if merge and run_id in marked and marked[run_id].promoted >= release.promoted:
                continue
            marked[run_id] = release._replace(run_id=run_id)
            marks += 1
        added = Added(len(runs) - len(self._runs), same, marks)
        self._runs, self._releases = runs, marked
        return added

    def promote(self, release: Release) -> None:
        """Mark a run as a released one, or give the mark a new moment and label."""
        self.extend([], [release])

    def withdraw(self, run_id: str) -> None:
        """Take the mark of a release away."""
        if self._releases.pop(self._id(run_id, self._runs), None) is None:
            raise StorageError(f"{self._name}: run {run_id} is no release")

    def known(self, run_ids: Iterable[str]) -> set[str]:
        """Return those of the ids whose runs are there."""
        return self._runs.keys() & set(run_ids)

    def _id(self, run_id: str, runs: dict[str, RunRecord]) -> str:
        if run_id in runs:
            return run_id
        ids = sorted(name for name in runs if name.startswith(run_id))[:3]
        if not ids:
            raise StorageError(f"{self._name}: no run {run_id!r}; `opml history` lists them")
        if len(ids) > 1:
            raise StorageError(f"{self._name}: {run_id!r} begins more than one run: {', '.join(ids)}")
        return ids[0]

    def run(self, run_id: str) -> RunRecord:
        """Return the run of an id, or of the only id that begins so."""
        return self._runs[self._id(run_id, self._runs)]

    def _asked(self, query: Query) -> list[RunRecord]:
        """Return the runs that a query asks for, the newest first; with ``released``, those promoted last first."""
        last_added_first = list(self._runs.values())[::-1]
        newest = sorted(last_added_first, key=lambda run: run.started, reverse=True)
        asked = [run for run in newest if matches(run, query, self._releases)]
        if query.released:
            asked.sort(key=self._promoted, reverse=True)
        return asked

    def _promoted(self, run: RunRecord) -> Any:
        return self._releases[run.run_id].promoted

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

    def case_ids(self) -> list[str]:
        """Return the ids of all cases and the names of all imported benchmarks, in order."""
        return sorted({part.row.case_id for _, part in self._parts(Query(), "newest")})

    def profiles(self, case_id: str) -> list[str]:
        """Return the kinds of hardware that a case has results on, in order."""
        return sorted({part.row.profile for _, part in self._parts(Query(cases=(case_id,)), "newest")})

    def releases(self) -> list[Release]:
        """Return all releases, the one that was promoted last first."""
        places = {run_id: number for number, run_id in enumerate(self._runs)}
        last_added_first = sorted(self._releases.values(), key=lambda release: places[release.run_id], reverse=True)
        return sorted(last_added_first, key=lambda release: release.promoted, reverse=True)

    def records(self) -> Iterator[RunRecord]:
        """Yield every run in the order in which they were added."""
        yield from self._runs.values()

    def count(self) -> int:
        """Return how many runs there are."""
        return len(self._runs)
