"""What a history is asked for: the same of a database and of its twin in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from ..metrics import METRICS
from ..records.run import RunRecord

# Each has a column; what is a place among the cases of a run is worked out from the run.
COLUMNS = tuple(name for name, metric in METRICS.items() if metric.column)
# Of an imported benchmark, which has none of the others.
CALL_S = "call_s"

Order = Literal["newest", "best"]


class Query(NamedTuple):
    """Which results, or runs, are meant; None: whichever.

    Attributes:
        cases: ids of cases, or names of imported benchmarks.
        profile: a kind of hardware: of results the one that each was measured on, of runs that of their session.
        commit: a commit's hash, or the beginning of it.
        since: when the run began, at the earliest.
        before: when the run began, before this moment.
        released: whether the run was promoted; the release that was promoted last comes first.
    """

    cases: tuple[str, ...] | None = None
    profile: str | None = None
    branch: str | None = None
    commit: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    released: bool = False


class Row(NamedTuple):
    """The figures of one result, without its record.

    Attributes:
        machine: what changes times, in words; see ``Device.machine``.
        figures: by metric (``COLUMNS``, and ``CALL_S``); None for what was not measured.
    """

    run_id: str
    position: int
    case_id: str
    profile: str
    machine: str
    started: datetime
    commit: str | None
    branch: str | None
    figures: Mapping[str, float | None]


class Summary(NamedTuple):
    """A run in one line: how many results it has, and how many of its checks came out how."""

    run_id: str
    started: datetime
    profile: str
    machine: str
    commit: str | None
    branch: str | None
    dirty: bool | None
    results: int
    failures: int
    timings: int
    passed: int
    failed: int
    inconclusive: int
    not_judged: int


class Release(NamedTuple):
    """A run that was promoted to be the released one.

    Attributes:
        label: what the user calls it, such as ``v1.2``; may be empty.
    """

    run_id: str
    promoted: datetime
    label: str = ""


class Added(NamedTuple):
    """What came of adding runs.

    Attributes:
        runs: that were not there before.
        same: runs that were there already, with the same content.
        releases: marks that were not there before, or were older.
    """

    runs: int
    same: int
    releases: int


class StoredResult(NamedTuple):
    """One result with the run that it is from, whose other results were left out."""

    run: RunRecord
    position: int


class History(ABC):
    """All runs. Whatever is written is written whole or not at all.

    Raises:
        StorageError: from every method, where the store cannot be read or written, or holds what is no valid record.
    """

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Let go of it."""

    # --- writing

    def append(self, record: RunRecord) -> None:
        """Add a run with its results.

        Raises:
            StorageError: the run is there already.
        """
        self.extend([record])

    @abstractmethod
    def extend(self, records: Iterable[RunRecord], releases: Iterable[Release] = (), *, merge: bool = False) -> Added:
        """Add many runs in one transaction, and after them mark releases.

        Args:
            records: taken one by one; what they raise undoes everything.
            releases: asked for when the last record was taken.
            merge: leave a run as it is that is there already with the same content, and a mark that is not older.

        Raises:
            StorageError: one of the runs is there already; with ``merge``, with another content.
        """

    @abstractmethod
    def promote(self, release: Release) -> None:
        """Mark a run as a released one, or give the mark a new moment and label."""

    @abstractmethod
    def withdraw(self, run_id: str) -> None:
        """Take the mark of a release away."""

    # --- reading

    @abstractmethod
    def known(self, run_ids: Iterable[str]) -> set[str]:
        """Which of these runs are there."""

    @abstractmethod
    def run(self, run_id: str) -> RunRecord:
        """The run of an id, or of the only id that begins so.

        Raises:
            StorageError: there is none, or more than one.
        """

    @abstractmethod
    def newest(self, query: Query, limit: int) -> list[RunRecord]:
        """Whole runs, the newest first; ``cases`` of the query are not looked at."""

    @abstractmethod
    def summaries(self, query: Query, limit: int) -> list[Summary]:
        """Runs in short, the newest first; ``cases`` of the query are not looked at."""

    @abstractmethod
    def rows(self, query: Query, limit: int, order: Order = "newest") -> list[Row]:
        """Results in short, the newest or those of the lowest OpScore first.

        Those of the lowest OpScore must have one, and ``released`` orders before either.
        """

    @abstractmethod
    def find(self, query: Query, order: Order = "newest") -> StoredResult | None:
        """The first of ``rows`` with its record; only what is a case's result is found, no imported benchmark."""

    @abstractmethod
    def case_ids(self) -> list[str]:
        """Ids of all cases and names of all imported benchmarks, in order."""

    @abstractmethod
    def profiles(self, case_id: str) -> list[str]:
        """The kinds of hardware that a case has results on, in order."""

    @abstractmethod
    def releases(self) -> list[Release]:
        """All, the one that was promoted last first."""

    @abstractmethod
    def records(self) -> Iterator[RunRecord]:
        """Every run, in the order in which they were added; not all in memory at once."""

    @abstractmethod
    def count(self) -> int:
        """How many runs there are."""
