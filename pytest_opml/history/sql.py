"""The history in a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby, islice
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    delete,
    func,
    insert,
    inspect,
    select,
    update,
)

from ..errors import StorageError
from ..printable import clipped
from ..records.run import RunRecord
from . import checksums
from .base import Added, History, Order, Outline, Query, Release, Removal, Row, StoredResult, Summary
from .columns import dump, is_same, load, load_outline, parts, still_released, summary, the_only
from .engine import mapped, sound
from .migrations import NEWEST, REVISIONS, add_columns, missing_columns, upgrade
from .order import Ancestry, index_by_time, nothing_known, utc_now
from .places import Place, Places, check_place, write_release_places
from .record_files import json_of, record_of
from .statements import begins, check_order, conditions_of, ordering, row_of, runs_of, skipping
from .tables import METADATA, RELEASE, REMOVED, RESULT, RUN, VERSION, column_of

# One writer at a time, from its first statement to its commit: of two transactions that find no tables and then make
# them, or that read and then write, one would fail instead of waiting for the other.
_WRITE_LOCKS = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(7311706)"}
_READ_LOCKS = {"sqlite": "BEGIN", "postgresql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"}
_PAGE = 50  # runs that an export holds at a time
# A file of SQLite may hold anything in any column, once it is damaged.
_ROWS, _SUMMARIES, _RELEASES = TypeAdapter(list[Row]), TypeAdapter(list[Summary]), TypeAdapter(list[Release])
_REMOVALS = TypeAdapter(list[Removal])
_NAMES = TypeAdapter(list[str])
_ROW_COLUMNS = (RUN.c.run_id, RUN.c.place_digest, *(column for column in RESULT.c if column.name != "record"))


def _sealed(columns: Row | Summary, text: str) -> dict[str, str]:
    """Return the columns of a record and of the digests that are written beside it."""
    content = checksums.of_text(text)
    return {"record": text, "content": content, "digest": checksums.of_columns(columns, content)}


def _check(columns: Row | Summary | Release | Removal, digest: str, content: str = "") -> None:
    """Refuse columns of which one was changed after they were written.

    Raises:
        ValueError: so it is.
    """
    if checksums.of_columns(columns, content) != digest:
        raise ValueError(f"what is known of run {columns.run_id} was changed after it was written")


def _check_records(name: str, *rows: Any) -> None:
    """Refuse records of which one was changed after they were written.

    Raises:
        StorageError: so it is; ``name`` says of which store and run.
    """
    if any(checksums.of_text(row.record) != row.content for row in rows):
        raise StorageError(f"{name}: its record was changed after it was written")


class _Mark(NamedTuple):
    """A release with what its run is looked up by."""

    release: Release
    key: int
    run_place: int


class SqlHistory(History):
    """An open history, made by ``open_store``; see ``History``. Sessions at the same time may share its database.

    Args:
        engine: of the database; it is disposed of by ``close``.
        name: of the store, for messages.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name

    def close(self) -> None:
        """Give the connections to the database back."""
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Give a connection in a transaction that no other writer is in, and that an error undoes."""
        with mapped(self._name, self._engine), sound(self._name), self._engine.begin() as connection:
            if lock := _WRITE_LOCKS.get(connection.dialect.name):
                connection.exec_driver_sql(lock)
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """Give a connection that sees one moment, whatever is written meanwhile."""
        with mapped(self._name, self._engine), sound(self._name), self._engine.connect() as connection:
            if lock := _READ_LOCKS.get(connection.dialect.name):
                connection.exec_driver_sql(lock)
            yield connection

    # --- the tables

    def prepare(self, *, create: bool) -> None:
        """Make the tables or bring them up to date; with ``create``, prove that the store can be written.

        Raises:
            StorageError: as ``open_store``.
        """
        with self._reading() as connection:
            version = self._version(connection)
            lacks_columns = version == NEWEST and bool(missing_columns(connection, self._name))
        if version is None and not create:
            raise StorageError(f"{self._name}: no history yet: run pytest first, or give the record of a run")
        if version != NEWEST or lacks_columns:
            with self._writing() as connection:
                if self._version(connection) != NEWEST:  # another session may have been faster
                    upgrade(connection, self._name)
                add_columns(connection, self._name)
        if create:
            with self._writing() as connection:
                # Only a real write finds a full disk or a folder in which SQLite may not make its journal.
                # The number is left as it is: another session may have brought the tables to a newer one meanwhile.
                connection.execute(update(VERSION).values(version_num=VERSION.c.version_num))

    def _version(self, connection: Connection) -> str | None:
        """Return the version of the tables, which is one of ``REVISIONS``; None where there are no tables.

        Raises:
            StorageError: it is another version, or another program's table has the name of one.
        """
        present = set(inspect(connection).get_table_names())
        if VERSION.name not in present:
            if taken := present & set(METADATA.tables):
                raise StorageError(f"{self._name}: another program's table {min(taken)!r} is in the way")
            return None
        version = connection.scalar(select(VERSION.c.version_num))
        if version in REVISIONS:
            return str(version)
        if isinstance(version, str) and version.isdecimal() and version > NEWEST:
            raise StorageError(
                f"{self._name}: made by a newer version of pytest-opml: "
                f"store version {version}, this one knows {NEWEST}"
            )
        raise StorageError(f"{self._name}: unknown store version {version!r}; this one knows {NEWEST}")

    # --- writing

    def extend(
        self,
        records: Iterable[RunRecord],
        releases: Iterable[Release] = (),
        *,
        merge: bool = False,
        ancestry: Ancestry = nothing_known,
    ) -> Added:
        """Add many runs in one transaction, and after them mark releases."""
        runs = same = marks = removed = 0
        with self._writing() as connection:
            places: Places | None = None
            for record in records:
                key = connection.scalar(select(RUN.c.key).where(RUN.c.run_id == record.run_id))
                if key is None and self._is_removed(connection, record.run_id):
                    if not merge:
                        raise StorageError(f"{self._name}: run {record.run_id} was removed")
                    removed += 1
                elif key is None:
                    places = places or Places(connection, ancestry)
                    self._add(connection, record, places.next(record), is_appended=not merge)
                    runs += 1
                elif not merge:
                    raise StorageError(f"{self._name}: run {record.run_id} is there already")
                elif not self._holds(connection, key, record):
                    raise StorageError(f"{self._name}: run {record.run_id} is there already with another content")
                else:
                    same += 1
            for release in releases:
                if not (merge and self._is_removed(connection, release.run_id)):
                    marks += self._mark(connection, release, merge=merge)
        return Added(runs, same, marks, removed)

    def _holds(self, connection: Connection, key: int, record: RunRecord) -> bool:
        return is_same(self._whole(connection, [key])[0], record)

    @staticmethod
    def _is_removed(connection: Connection, run_id: str) -> bool:
        return connection.scalar(select(REMOVED.c.key).where(REMOVED.c.run_id == run_id)) is not None

    @staticmethod
    def _add(connection: Connection, record: RunRecord, place: Place, *, is_appended: bool) -> None:
        short = summary(record)
        columns = short._asdict() | place._asdict()
        columns["commit_hash"] = columns.pop("commit")
        columns["set_back"] = place.set_back and is_appended
        key = connection.execute(insert(RUN).values(**columns, **_sealed(short, dump(record)))).inserted_primary_key
        rows = [
            {
                "run_key": key[0] if key else None,
                "position": row.position,
                "case_id": row.case_id,
                "profile": row.profile,
                "machine": row.machine,
                "started": row.started,
                "commit_hash": row.commit,
                "branch": row.branch,
                "place": place.place,
            }
            | _sealed(row, dump(content))
            | {column_of(metric): value for metric, value in row.figures.items()}
            for row, content in parts(record)
        ]
        if rows:
            connection.execute(insert(RESULT), rows)

    def promote(self, release: Release) -> None:
        """Mark a run as a released one, or give the mark a new moment and label."""
        with self._writing() as connection:
            self._mark(connection, release)

    def _mark(self, connection: Connection, release: Release, *, merge: bool = False) -> bool:
        """Mark a run, and tell whether the mark was set; with ``merge``, one that is not older stays."""
        key = self._key(connection, release.run_id)
        run_id = connection.scalar(select(RUN.c.run_id).where(RUN.c.key == key))
        release = release._replace(run_id=str(run_id))
        if merge:
            there = connection.scalar(select(RELEASE.c.promoted).where(RELEASE.c.run_key == key))
            if there is not None and there >= release.promoted:
                return False
        marked = [(mark.key, mark.release) for mark in reversed(self._marks(connection)) if mark.key != key]
        index = index_by_time([one.promoted for _, one in marked], release.promoted, utc_now())
        connection.execute(delete(RELEASE).where(RELEASE.c.run_key == key))
        mark = {name: value for name, value in release._asdict().items() if name != "run_id"}
        connection.execute(insert(RELEASE).values(run_key=key, **mark, digest=""))
        write_release_places(connection, [*marked[:index], (key, release), *marked[index:]])
        return True

    def withdraw(self, run_id: str) -> None:
        """Take the mark of a release away."""
        with self._writing() as connection:
            done = connection.execute(delete(RELEASE).where(RELEASE.c.run_key == self._key(connection, run_id)))
        if not done.rowcount:
            raise StorageError(f"{self._name}: run {run_id} is no release")

    def remove(self, removal: Removal) -> None:
        """Take a run out of every answer, and store why."""
        with self._writing() as connection:
            key = self._key(connection, removal.run_id)
            if marks := [mark for mark in self._marks(connection) if mark.key == key]:
                raise StorageError(still_released(self._name, marks[0].release))
            (record,) = self._whole(connection, [key])
            removal = removal._replace(run_id=record.run_id)
            text = record.model_dump_json(round_trip=True)
            content = checksums.of_text(text)
            sealed = {"record": text, "content": content, "digest": checksums.of_columns(removal, content)}
            connection.execute(insert(REMOVED).values(**removal._asdict(), **sealed))
            connection.execute(delete(RESULT).where(RESULT.c.run_key == key))
            connection.execute(delete(RUN).where(RUN.c.key == key))

    def restore(self, run_id: str) -> str:
        """Bring a removed run back."""
        with self._writing() as connection:
            beginning = connection.scalars(select(REMOVED.c.run_id).where(begins(REMOVED.c.run_id, run_id)).limit(3))
            whole = the_only(self._name, run_id, beginning, "removed run")
            removed = connection.execute(select(REMOVED).where(REMOVED.c.run_id == whole)).one()
            name = f"{self._name}: run {clipped(whole)}"
            _check_records(name, removed)
            record = record_of(json_of(removed.record.encode(), name), name)
            connection.execute(delete(REMOVED).where(REMOVED.c.key == removed.key))
            self._add(connection, record, Places(connection, nothing_known).next(record), is_appended=False)
        return whole

    # --- reading runs

    def removals(self) -> list[Removal]:
        """Return what was removed, the last first."""
        columns = [REMOVED.c[name] for name in Removal._fields]
        with self._reading() as connection:
            rows = connection.execute(
                select(*columns, REMOVED.c.content, REMOVED.c.digest).order_by(REMOVED.c.key.desc())
            ).all()
            removals = _REMOVALS.validate_python([Removal(*row[:-2]) for row in rows], strict=True)
            for removal, row in zip(removals, rows, strict=True):
                _check(removal, row.digest, row.content)
            return removals

    def known(self, run_ids: Iterable[str]) -> set[str]:
        """Return those of the ids whose runs are there."""
        wanted, present = list(run_ids), set[str]()
        with self._reading() as connection:
            for start in range(0, len(wanted), 500):  # databases limit how many values a statement may name
                some = select(RUN.c.run_id).where(RUN.c.run_id.in_(wanted[start : start + 500]))
                present.update(connection.scalars(some))
        return present

    def _key(self, connection: Connection, run_id: str) -> int:
        exact = connection.scalar(select(RUN.c.key).where(RUN.c.run_id == run_id))
        if exact is not None:
            return int(exact)
        like = select(RUN.c.key, RUN.c.run_id).where(begins(RUN.c.run_id, run_id)).order_by(RUN.c.run_id).limit(3)
        keys = {row.run_id: row.key for row in connection.execute(like)}
        return int(keys[the_only(self._name, run_id, keys, "run")])

    def run(self, run_id: str) -> RunRecord:
        """Return the run of an id, or of the only id that begins so."""
        with self._reading() as connection:
            return self._whole(connection, [self._key(connection, run_id)])[0]

    def newest(self, query: Query, limit: int) -> list[RunRecord]:
        """Return whole runs, the newest first."""
        with self._reading() as connection:
            return self._whole(connection, [row.key for row in self._runs(connection, query, limit)])

    def last_added(self) -> RunRecord | None:
        """Return the run that a command is about which names none."""
        with self._reading() as connection:
            newest = connection.scalar(select(RUN.c.key).order_by(RUN.c.place.desc()).limit(1))
            if newest is None:
                return None
            later = select(func.max(RUN.c.key)).where(RUN.c.set_back, RUN.c.key > newest)
            return self._whole(connection, [connection.scalar(later) or newest])[0]

    def summaries(self, query: Query, limit: int) -> list[Summary]:
        """Return runs in short, the newest first."""
        named = [RUN.c["commit_hash" if name == "commit" else name].label(name) for name in Summary._fields]
        with self._reading() as connection:
            rows = self._runs(connection, query, limit, *named, RUN.c.content, RUN.c.digest)
            return self._summaries([row[3:-2] for row in rows], rows)

    def run_ids(self) -> list[str]:
        """Return the ids of all runs, from the oldest to the newest.

        Two indexes have all of it, while the rows of the table are as long as the records.
        """
        with self._reading() as connection:
            ids = {row.key: row.run_id for row in connection.execute(select(RUN.c.key, RUN.c.run_id))}
            keys = connection.scalars(select(RUN.c.key).order_by(RUN.c.place)).all()
            return _NAMES.validate_python([ids[key] for key in keys], strict=True)

    def outlines(self, run_ids: Iterable[str]) -> Iterator[Outline]:
        """Yield runs in outline, in the order of their ids."""
        wanted = iter(run_ids)
        while page := list(islice(wanted, _PAGE)):
            with self._reading() as connection:
                outlines = self._outlines(connection, page)
            yield from (outlines[run_id] for run_id in page if run_id in outlines)

    def _outlines(self, connection: Connection, run_ids: Sequence[str]) -> dict[str, Outline]:
        named = [RUN.c["commit_hash" if name == "commit" else name].label(name) for name in Summary._fields]
        columns = [*named, RUN.c.record, RUN.c.place, RUN.c.place_digest, RUN.c.content, RUN.c.digest]
        runs = connection.execute(select(*columns).where(RUN.c.run_id.in_(run_ids))).all()
        summaries = self._summaries([row[: len(named)] for row in runs], runs)
        asked = select(*_ROW_COLUMNS).join_from(RUN, RESULT).where(RUN.c.run_id.in_(run_ids))
        rows = self._checked(connection.execute(asked.order_by(RESULT.c.run_key, RESULT.c.position)).all())
        by_run = {run_id: tuple(group) for run_id, group in groupby(rows, key=lambda row: row.run_id)}
        outlines = {}
        for short, run in zip(summaries, runs, strict=True):
            name = f"{self._name}: run {clipped(short.run_id)}"
            _check_records(name, run)
            its_rows = by_run.get(short.run_id, ())
            if len(its_rows) != short.results + short.timings:
                raise StorageError(f"{name}: {len(its_rows)} of its {short.results + short.timings} results are there")
            outlines[short.run_id] = Outline(short, load_outline(run.record, self._name, short.run_id), its_rows)
        return outlines

    @staticmethod
    def _summaries(values: Sequence[Any], rows: Sequence[Any]) -> list[Summary]:
        """Return the summaries in columns, which nobody changed since they were written."""
        runs = _SUMMARIES.validate_python([Summary(*row) for row in values], strict=True)
        for run, row in zip(runs, rows, strict=True):
            _check(run, row.digest, row.content)
            check_place(run.run_id, row.place, row.place_digest)
        return runs

    def _runs(self, connection: Connection, query: Query, limit: int, *columns: ColumnElement[Any]) -> Sequence[Any]:
        """Return key and place of the runs that a query asks for, and more columns of them, in its order."""
        asked = runs_of(query).with_only_columns(RUN.c.key, RUN.c.place, RUN.c.place_digest, *columns)
        if not query.released:
            return connection.execute(asked.limit(limit)).all()
        keys = [mark.key for mark in self._marks(connection)]
        released = connection.execute(asked.where(RUN.c.key.in_(keys))).all()
        return sorted(released, key=lambda row: keys.index(row.key))[:limit]

    def records(self) -> Iterator[RunRecord]:
        """Yield every run in the order in which they were added."""
        last = 0
        while True:
            page = select(RUN.c.key).where(RUN.c.key > last).order_by(RUN.c.key).limit(_PAGE)
            with self._reading() as connection:
                keys = connection.scalars(page).all()
                check_order([last, *keys])
                runs = self._whole(connection, keys)
            yield from runs
            if not keys:
                return
            last = keys[-1]

    def _whole(self, connection: Connection, keys: Sequence[int]) -> list[RunRecord]:
        """Return the runs of these keys, in their order."""
        runs = {row.key: row for row in connection.execute(select(RUN).where(RUN.c.key.in_(keys)))}
        query = (
            select(RESULT.c.run_key, RESULT.c.record, RESULT.c.content)
            .where(RESULT.c.run_key.in_(keys))
            .order_by(RESULT.c.run_key, RESULT.c.position)
        )
        grouped = groupby(connection.execute(query), key=lambda row: row.run_key)
        texts = {key: list(rows) for key, rows in grouped}
        whole = []
        for run in (runs[key] for key in keys):
            name = f"{self._name}: run {clipped(run.run_id)}"
            rows = texts.get(run.key, [])
            contents = [row.record for row in rows]
            counts = (len(contents), run.results + run.timings)
            if counts[0] != counts[1]:
                raise StorageError(f"{name}: {counts[0]} of its {counts[1]} results are there")
            _check_records(name, run, *rows)
            results, timings = contents[: run.results], contents[run.results :]
            whole.append(load(run.record, results, timings, self._name, run.run_id))
            if whole[-1].run_id != run.run_id:
                raise StorageError(f"{name}: its record is of run {whole[-1].run_id}")
            check_place(run.run_id, run.place, run.place_digest)
        return whole

    def releases(self) -> list[Release]:
        """Return all releases, the one that was promoted last first."""
        with self._reading() as connection:
            return [mark.release for mark in self._marks(connection)]

    @staticmethod
    def _marks(connection: Connection) -> list[_Mark]:
        """Return all releases, the last first; they are few, and what is asked of them is looked up one by one.

        SQLite's planner would rather go through all runs, or all that a case has, and look each up among the releases.
        """
        marks = connection.execute(select(RELEASE).order_by(RELEASE.c.place.desc())).all()
        runs = select(RUN.c.key, RUN.c.run_id, RUN.c.place).where(RUN.c.key.in_([mark.run_key for mark in marks]))
        by_key = {run.key: run for run in connection.execute(runs)}
        if any(mark.run_key not in by_key for mark in marks):
            raise ValueError("it marks a run as released that is not there")
        named = [Release(by_key[mark.run_key].run_id, mark.promoted, mark.label, mark.overrode) for mark in marks]
        releases = _RELEASES.validate_python(named, strict=True)
        for release, mark in zip(releases, marks, strict=True):
            _check(release, mark.digest, str(mark.place))
        return [
            _Mark(release, mark.run_key, by_key[mark.run_key].place)
            for release, mark in zip(releases, marks, strict=True)
        ]

    def count(self) -> int:
        """Return how many runs there are."""
        with self._reading() as connection:
            return connection.scalar(select(func.count()).select_from(RUN)) or 0

    # --- reading results

    def rows(self, query: Query, limit: int, order: Order = "newest") -> list[Row]:
        """Return results in short, the newest or those of the lowest OpScore first."""
        with self._reading() as connection:
            return self._checked(self._first(connection, query, limit, order))

    @staticmethod
    def _checked(raw_rows: Sequence[Any]) -> list[Row]:
        rows = _ROWS.validate_python([row_of(raw) for raw in raw_rows], strict=True)
        for row, raw in zip(rows, raw_rows, strict=True):
            _check(row, raw.digest, raw.content)
            check_place(row.run_id, raw.place, raw.place_digest)
        return rows

    def find(self, query: Query, order: Order = "newest") -> StoredResult | None:
        """Return the first of ``rows`` that is the result of a case, with its record."""
        with self._reading() as connection:
            first = self._first(connection, query, 1, order, results_only=True)
            if not first:
                return None
            (row,) = self._checked(first)
            key = first[0].run_key
            run = connection.execute(select(RUN.c.record, RUN.c.content).where(RUN.c.key == key)).one()
            its_result = select(RESULT.c.record, RESULT.c.content).where(RESULT.c.run_key == key)
            result = connection.execute(its_result.where(RESULT.c.position == row.position)).one()
            _check_records(f"{self._name}: run {clipped(row.run_id)}", run, result)
        return StoredResult(load(run.record, [result.record], [], self._name, row.run_id), row.position)

    def _first(
        self, connection: Connection, query: Query, limit: int, order: Order, *, results_only: bool = False
    ) -> list[Any]:
        """Return the first rows of a query, in its order, as SQLAlchemy gives them.

        Each case and kind of hardware is asked for by itself, where an index gives the answer in its order.
        """
        pairs = [
            (case, profile)
            for case in (self._cases(connection) if query.cases is None else dict.fromkeys(query.cases))
            for profile in (self._profiles(connection, case) if query.profile is None else [query.profile])
        ]
        marks = self._marks(connection) if query.released else None
        rows: list[Any] = []
        for case, profile in pairs:
            asked = select(*_ROW_COLUMNS).join_from(RESULT, RUN)
            asked = asked.where(RESULT.c.case_id == case, RESULT.c.profile == profile, *conditions_of(query, RESULT))
            if order == "best":
                asked = asked.where(RESULT.c.op_score.is_not(None))
            if results_only:  # an imported benchmark may have an OpScore too
                asked = asked.where(RESULT.c.call_s.is_(None))
            asked = asked.order_by(*ordering(order)).limit(limit)
            if marks is None:
                rows += connection.execute(asked)
            else:
                rows += self._of_releases(connection, asked, marks, limit)
        rows.sort(key=lambda row: (row.place, row.position), reverse=True)
        if order == "best":
            rows.sort(key=lambda row: row.op_score)
        if marks is not None:
            keys = [mark.key for mark in marks]
            rows.sort(key=lambda row: keys.index(row.run_key))
        return rows[:limit]

    @staticmethod
    def _of_releases(connection: Connection, asked: Select[Any], marks: Sequence[_Mark], limit: int) -> list[Any]:
        """Return rows from the release that was promoted last on, until there are enough."""
        rows: list[Any] = []
        for mark in marks:
            rows += connection.execute(asked.where(RESULT.c.run_key == mark.key, RESULT.c.place == mark.run_place))
            if len(rows) >= limit:
                break
        return rows

    def case_ids(self) -> list[str]:
        """Return the ids of all cases and the names of all imported benchmarks, in order."""
        with self._reading() as connection:
            return self._cases(connection)

    def profiles(self, case_id: str) -> list[str]:
        """Return the kinds of hardware that a case has results on, in order."""
        with self._reading() as connection:
            return self._profiles(connection, case_id)

    @staticmethod
    def _cases(connection: Connection) -> list[str]:
        rows = skipping(connection, [RESULT.c.case_id])
        return _NAMES.validate_python([row[0] for row in rows], strict=True)

    @staticmethod
    def _profiles(connection: Connection, case_id: str) -> list[str]:
        rows = skipping(connection, [RESULT.c.profile], RESULT.c.case_id == case_id)
        return _NAMES.validate_python([row[0] for row in rows], strict=True)
