"""The contract of a history, with what goes in and comes out: the same of a database and of its twin in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from ..metrics import METRICS
from ..records.run import RunRecord
from .order import Ancestry, nothing_known

# Each has a column; what is a place among the cases of a run is worked out from the run.
COLUMNS = tuple(name for name, metric in METRICS.items() if metric.column)
LARGEST_RECORD = 2**27  # bytes; a run of a thousand cases takes a fifth of it
# Of an imported benchmark, which has none of the others.
CALL_S = "call_s"

Order = Literal["newest", "best"]


class Query(NamedTuple):
    """Says which results, or runs, are asked for; a field that is None leaves nothing out.

    Attributes:
        cases: ids of cases, or names of imported benchmarks.
        profile: a kind of hardware: of results the one that each was measured on, of runs that of their session.
        commit: a commit's hash, or the beginning of it.
        since: when the run began, at the earliest.
        before: when the run began, before this moment.
        older_than: the whole id of a run of the history, that those asked for are older than.
        released: whether the run was promoted; the release that was promoted last comes first.
        accepted: whether nothing keeps the run from being a baseline: nothing failed or is missing, and no file was
            changed.
        other_than: a commit's hash, which is not that of the run.
    """

    cases: tuple[str, ...] | None = None
    profile: str | None = None
    branch: str | None = None
    commit: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    released: bool = False
    accepted: bool = False
    other_than: str | None = None
    older_than: str | None = None


class Row(NamedTuple):
    """The figures of one result or imported benchmark, without its record.

    Attributes:
        position: among the parts of its run, from 0: the results first, then the imported benchmarks.
        machine: what changes times, in words; see ``Device.machine``.
        started: when its run began, in UTC.
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
    """A run in one line.

    Attributes:
        started: when it began, in UTC.
        profile, machine: of the session's device; a result may have been measured on another one.
        dirty: whether tracked files differed from the commit; None where that is not known.
        results, failures, timings: how many cases have a result, how many have none, how many benchmarks were imported.
        passed, failed, inconclusive, not_judged: how many of its checks have each verdict; of failures those that no
            waiver lets pass.
        rejected_for: why it may be no baseline that nobody named, in words; empty for an accepted run.
        interrupted: whether it was stopped before its end.
    """

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
    rejected_for: str
    interrupted: bool

    @property
    def is_accepted(self) -> bool:
        """Whether the run may be a baseline that nobody named."""
        return not (self.rejected_for or self.dirty)


class Release(NamedTuple):
    """A run that was promoted to be the released one.

    Attributes:
        run_id: the whole id; where a history is given one, the only id that begins so is taken for it.
        promoted: when that was, in UTC.
        label: what the user calls it, such as ``v1.2``; may be empty.
        overrode: why it was refused at first, where it was forced; else empty.
    """

    run_id: str
    promoted: datetime
    label: str = ""
    overrode: str = ""


class Removal(NamedTuple):
    """A run that was removed from a history, and why.

    Attributes:
        run_id: the whole id; where a history is given one, the only id that begins so is taken for it.
        removed: when that was, in UTC.
        reason: in the words of whoever removed it.
        removed_by: who that was, as the system calls them.
    """

    run_id: str
    removed: datetime
    reason: str
    removed_by: str


class Added(NamedTuple):
    """How much was added to a history.

    Attributes:
        runs: that were not there before.
        same: runs that were there already, with the same content.
        releases: marks that were not there before, or were older.
        removed: runs that were left out, since they were removed from the history.
    """

    runs: int
    same: int
    releases: int
    removed: int = 0


class StoredResult(NamedTuple):
    """One result of a history, with its run.

    Attributes:
        run: the record of the run; of its results it has this one alone, and none of its timings.
        position: of the result among the parts of the whole run, from 0.
    """

    run: RunRecord
    position: int


class Outline(NamedTuple):
    """A run without what is large in it: what pages over a whole history are made of.

    Attributes:
        run: the record of the run, without its results, its timings and what it was compared with.
        rows: the figures of its results and, after them, of its imported benchmarks, by their positions.
    """

    summary: Summary
    run: RunRecord
    rows: tuple[Row, ...]


class History(ABC):
    """A store of runs: the contract of ``SqlHistory`` and ``MemoryHistory``, and of any other kind.

    A kind of store has every method below but ``append``, ``__enter__`` and ``__exit__``, which follow from the others.

    **What is in it.** A run is written whole or not at all, and never changed. A case counts on the kind of hardware
    that its result was measured on, a run as a whole on that of its session. A run that is removed is in no answer but
    ``removals``.

    **Their order.** Of two runs the one that began later is the newer, and of one moment the one that was added last;
    but where git says that the commit of one led to that of the other, that counts. A run whose clock was wrong, since
    it began after the moment at which the next was added, is older than that one. A run has its place from when it is
    added: see ``order.py``.

    **Ownership.** Whoever opened a history closes it, by ``close`` or a ``with`` statement, and does not use it
    afterwards. Records go in and come out by value: they are frozen, and nothing that is done to the history later
    changes one that was handed out.

    **Processes and threads.** Several processes may have the same database open and write to it: they wait for one
    another, and each read is of one moment. One object is for one thread at a time.

    Raises:
        StorageError: from every method, where the store cannot be read or written, or holds what is no valid record;
            its text is one line that names the store.
    """

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Give back what the history holds of the system: its connection, or nothing. A second time does nothing."""

    # --- writing

    def append(self, record: RunRecord, *, ancestry: Ancestry = nothing_known) -> None:
        """Add a run with its results.

        Args:
            record: of the run, which has just ended.
            ancestry: what git knows of its commit and of others.

        Raises:
            StorageError: the run is there already, or was removed.
        """
        self.extend([record], ancestry=ancestry)

    @abstractmethod
    def extend(
        self,
        records: Iterable[RunRecord],
        releases: Iterable[Release] = (),
        *,
        merge: bool = False,
        ancestry: Ancestry = nothing_known,
    ) -> Added:
        """Add many runs in one transaction, and after them mark releases.

        Args:
            records: taken one by one; what they raise undoes everything.
            releases: asked for when the last record was taken.
            merge: leave a run as it is that is there already with the same content, and a mark that is not older; leave
                out what was removed.
            ancestry: what git knows of the runs' commits.

        Returns:
            How many of them are new.

        Raises:
            StorageError: one of the runs is there already, or was removed; with ``merge``, has another content there.
        """

    @abstractmethod
    def promote(self, release: Release) -> None:
        """Mark a run as a released one, or give its mark another moment and label.

        Raises:
            StorageError: there is no such run, or its id begins more than one.
        """

    @abstractmethod
    def withdraw(self, run_id: str) -> None:
        """Take the mark of a release away; the run stays.

        Raises:
            StorageError: there is no such run, its id begins more than one, or it is no release.
        """

    @abstractmethod
    def remove(self, removal: Removal) -> None:
        """Take a run out of every answer, and store why; its record stays, for ``restore``.

        Raises:
            StorageError: there is no such run, its id begins more than one, or it is a release.
        """

    @abstractmethod
    def restore(self, run_id: str) -> str:
        """Bring a removed run back, to a place as if it were added now, and return its whole id.

        Raises:
            StorageError: no such run was removed, or its id begins more than one.
        """

    # --- reading

    @abstractmethod
    def removals(self) -> list[Removal]:
        """Return what was removed, the last first."""

    @abstractmethod
    def known(self, run_ids: Iterable[str]) -> set[str]:
        """Return those of the ids whose runs are there; each is a whole id."""

    @abstractmethod
    def run(self, run_id: str) -> RunRecord:
        """Return the run of an id, or of the only id that begins so.

        Raises:
            StorageError: there is none, or more than one.
        """

    @abstractmethod
    def last_added(self) -> RunRecord | None:
        """Return the run that a command is about which names none; None in an empty history.

        That is the newest, or the one that was added since by ``append`` and is not the newest for its commit alone.
        """

    @abstractmethod
    def newest(self, query: Query, limit: int) -> list[RunRecord]:
        """Return whole runs, the newest first, ``limit`` at most; ``cases`` of the query do not count."""

    @abstractmethod
    def summaries(self, query: Query, limit: int) -> list[Summary]:
        """Return runs in short, the newest first, ``limit`` at most; ``cases`` of the query do not count."""

    @abstractmethod
    def rows(self, query: Query, limit: int, order: Order = "newest") -> list[Row]:
        """Return results and imported benchmarks in short, ``limit`` at most.

        Args:
            query: which of them.
            limit: how many at most.
            order: the newest first, or those of the lowest OpScore, which leaves out what has none. With ``released``
                of the query, those of the release that was promoted last come first, and this orders within one.
        """

    @abstractmethod
    def find(self, query: Query, order: Order = "newest") -> StoredResult | None:
        """Return the first of ``rows`` that is the result of a case, with its record; None where there is none."""

    @abstractmethod
    def run_ids(self) -> list[str]:
        """Return the ids of all runs, from the oldest to the newest."""

    @abstractmethod
    def outlines(self, run_ids: Iterable[str]) -> Iterator[Outline]:
        """Yield runs in outline, in the order of their ids, not all in memory at once.

        Args:
            run_ids: whole ids; a run that is not there, or not any more, is left out.
        """

    @abstractmethod
    def case_ids(self) -> list[str]:
        """Return the ids of all cases and the names of all imported benchmarks, by their code points."""

    @abstractmethod
    def profiles(self, case_id: str) -> list[str]:
        """Return the kinds of hardware that a case has results on, by their code points."""

    @abstractmethod
    def releases(self) -> list[Release]:
        """Return all releases, the one that was promoted last first."""

    @abstractmethod
    def records(self) -> Iterator[RunRecord]:
        """Yield every run in the order in which they were added, not all in memory at once.

        What is added meanwhile may come along.
        """

    @abstractmethod
    def count(self) -> int:
        """Return how many runs there are."""
