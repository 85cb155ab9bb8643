"""The history: every run and each of its results in a database, SQLite by default, PostgreSQL by its URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timezone
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from ..domain.metrics import METRICS
from ..domain.records import Baseline, Result, RunRecord
from ..errors import OpmlError, StorageError, masked

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, MetaData, Table

STORE_VERSION = 1
BUSY_TIMEOUT_S = 60

# One writer at a time, from its first statement to its commit: of two transactions that find no tables and then make
# them, or that read and then write, one would fail instead of waiting for the other.
_WRITE_LOCKS = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(7311706)"}
_QUERIED = (
    "accuracy",
    "inference_s",
    "latency_ms.p50",
    "latency_ms.p90",
    "latency_ms.p99",
    "size_mb",
    "op_score",
    "training_s",
    "preparation_s",
)


class _Tables(NamedTuple):
    """The schema: what is queried has a column, and ``record`` holds the whole as JSON."""

    metadata: MetaData
    version: Table
    run: Table
    result: Table


def _column(metric: str) -> str:
    return metric.replace(".", "_")


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    from sqlalchemy import Column, DateTime, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

    metadata = MetaData()
    version = Table("opml_store", metadata, Column("version", Integer, nullable=False))
    run = Table(
        "run",
        metadata,
        Column("run_id", String, primary_key=True),
        Column("started", DateTime(timezone=True), nullable=False, index=True),
        Column("profile", String, nullable=False),
        Column("commit_hash", String),
        Column("branch", String),
        Column("record", Text, nullable=False),
    )
    result = Table(
        "result",
        metadata,
        Column("run_id", String, ForeignKey("run.run_id"), primary_key=True),
        Column("position", Integer, primary_key=True, autoincrement=False),
        Column("case_id", String, nullable=False),
        Column("profile", String, nullable=False),
        Column("started", DateTime(timezone=True), nullable=False),
        *(Column(_column(metric), Float) for metric in _QUERIED),
        Column("record", Text, nullable=False),
        Index("ix_result_case_id_profile_started", "case_id", "profile", "started"),
    )
    return _Tables(metadata, version, run, result)


def _one_line(error: BaseException | None) -> str:
    return " ".join(str(error).split())


@contextmanager
def _mapped(name: str) -> Iterator[None]:
    """The one border at which SQLAlchemy's exceptions become ours."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    try:
        yield
    except DBAPIError as error:
        # The text of the driver's own error; SQLAlchemy's goes on with the statement and its parameters.
        raise StorageError(f"{name}: {_one_line(error.orig)}") from error
    except SQLAlchemyError as error:
        raise StorageError(f"{name}: {_one_line(error)}") from error


def _engine(url: str, name: str) -> Engine:
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import NullPool

    # A connection is opened for each transaction: one held through hours of measuring may be cut by the server, or may
    # write into a file that was deleted meanwhile.
    options: dict[str, Any] = {"poolclass": NullPool}
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            # sqlite3 would begin transactions on its own, and only before some statements.
            options["connect_args"] = {"isolation_level": None}
            parsed = parsed.update_query_dict({"timeout": str(BUSY_TIMEOUT_S), **parsed.query})
            if parsed.database in (None, "", ":memory:"):
                del options["poolclass"]
            elif "uri" not in parsed.query:
                Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        return create_engine(parsed, **options)
    except NoSuchModuleError:
        raise StorageError(f"{name}: unknown kind of database {parsed.drivername!r}") from None
    except ImportError as error:
        raise StorageError(f"{name}: the driver of {parsed.drivername} is not installed: {_one_line(error)}") from error
    except OSError as error:
        raise StorageError(f"{name}: cannot make the folder: {error.strerror}: {error.filename}") from error
    except (ArgumentError, ValueError):
        raise StorageError(f"{name}: is no database URL, such as sqlite:///history.db") from None


def open_store(url: str) -> Store:
    """Open the history, making what is missing: the folder of an SQLite file, the file, the tables.

    The store has been written to when this returns, so that a run is refused before hours of work and not after them.

    Args:
        url: as SQLAlchemy takes it. ``?timeout=`` sets how many seconds an SQLite store waits for other sessions.

    Raises:
        StorageError: it cannot be made, read or written, is no store of ours, or was made by a newer version (and is
            then left as it is). The text names the URL without its password.
    """
    name = f"store {masked(url)}"
    store = Store(_engine(url, name), name)
    store.prepare()
    return store


class Store:
    """An open history; made by ``open_store``. Sessions that run at the same time may share one."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with _mapped(self._name), self._engine.begin() as connection:
            if lock := _WRITE_LOCKS.get(connection.dialect.name):
                connection.exec_driver_sql(lock)
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _mapped(self._name), self._engine.connect() as connection:
            yield connection

    def prepare(self) -> None:
        """Make the tables where they are missing, and prove that the store can be written.

        Raises:
            StorageError: as ``open_store``.
        """
        from sqlalchemy import insert, inspect, select, update

        tables = _tables()
        with self._writing() as connection:
            present = set(inspect(connection).get_table_names())
            if tables.version.name in present:
                self._check_version(connection.scalar(select(tables.version.c.version)))
            elif taken := present & set(tables.metadata.tables):
                raise StorageError(f"{self._name}: another program's table {min(taken)!r} is in the way")
            else:
                tables.metadata.create_all(connection)
                connection.execute(insert(tables.version).values(version=STORE_VERSION))
        with self._writing() as connection:
            # Only a real write finds a full disk or a folder in which SQLite may not make its journal.
            connection.execute(update(tables.version).values(version=STORE_VERSION))

    def _check_version(self, version: int | None) -> None:
        if version is not None and version > STORE_VERSION:
            raise StorageError(
                f"{self._name}: made by a newer version of pytest-opml: "
                f"store version {version}, this one knows {STORE_VERSION}"
            )
        if version != STORE_VERSION:
            raise StorageError(f"{self._name}: unknown store version {version!r}; this one knows {STORE_VERSION}")

    def append(self, record: RunRecord) -> None:
        """Add a run with its results, all or nothing.

        Raises:
            StorageError: the run is in the store already, or the store cannot be written.
        """
        from sqlalchemy import insert

        tables = _tables()
        common = {
            "run_id": record.run_id,
            "started": record.started.astimezone(timezone.utc),
            "profile": record.device.profile,
        }
        run = common | {
            "commit_hash": record.commit.commit if record.commit else None,
            "branch": record.commit.branch if record.commit else None,
            "record": record.model_copy(update={"results": ()}).model_dump_json(round_trip=True),
        }
        results = [
            common
            | {"position": position, "case_id": result.case.id, "record": result.model_dump_json(round_trip=True)}
            | {_column(metric): METRICS[metric].read(result) for metric in _QUERIED}
            for position, result in enumerate(record.results)
        ]
        with self._writing() as connection:
            connection.execute(insert(tables.run), run)
            if results:
                connection.execute(insert(tables.result), results)

    def runs(self, limit: int) -> list[RunRecord]:
        """The newest runs, the newest first.

        Args:
            limit: how many at most.

        Raises:
            StorageError: the store cannot be read, or a run in it is no valid record.
        """
        from sqlalchemy import select

        _, _, run, result = _tables()
        newest = select(run).order_by(run.c.started.desc(), run.c.run_id.desc()).limit(limit).subquery()
        query = (
            select(newest.c.run_id, newest.c.record.label("run"), result.c.record.label("result"))
            .join_from(newest, result, newest.c.run_id == result.c.run_id, isouter=True)
            .order_by(newest.c.started.desc(), newest.c.run_id.desc(), result.c.position)
        )
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return [self._run(run_id, list(group)) for run_id, group in groupby(rows, key=lambda row: str(row.run_id))]

    def baseline(self, case_id: str, profile: str) -> Baseline | None:
        """The newest result of a case on a kind of hardware, with where it is from; None where there is none.

        Raises:
            StorageError: the store cannot be read, or the run in it is no valid record.
        """
        from sqlalchemy import select

        _, _, run, result = _tables()
        query = (
            select(result.c.run_id, result.c.record, run.c.record.label("run"))
            .join_from(result, run, result.c.run_id == run.c.run_id)
            .where(result.c.case_id == case_id, result.c.profile == profile)
            .order_by(result.c.started.desc(), result.c.run_id.desc())
            .limit(1)
        )
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        with self._valid(row.run_id):
            found = RunRecord.model_validate_json(row.run)
            return Baseline(
                run_id=found.run_id,
                started=found.started,
                commit=found.commit,
                device=found.device,
                result=Result.model_validate_json(row.record),
            )

    def _run(self, run_id: str, rows: list[Any]) -> RunRecord:
        with self._valid(run_id):
            results = tuple(Result.model_validate_json(row.result) for row in rows if row.result is not None)
            return RunRecord.model_validate_json(rows[0].run).model_copy(update={"results": results})

    @contextmanager
    def _valid(self, run_id: str) -> Iterator[None]:
        try:
            yield
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise StorageError(f"{self._name}: run {run_id}: {where}: {first['msg']}") from error
        except OpmlError as error:
            raise StorageError(f"{self._name}: run {run_id}: {error}") from error
