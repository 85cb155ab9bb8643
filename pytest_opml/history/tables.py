"""The tables of a store: what is queried has a column, and ``record`` holds the whole as JSON.

``content`` is the hash of the record, ``digest`` that of the other columns with it; see ``checksums.py``. ``place``
says which of two runs is the newer, or which of two releases; see ``places.py``. Columns are
called as in a ``Summary`` or a ``Row``, but for ``commit_hash``, since ``commit`` is a word of SQL. ``migrations/``
makes the tables, and a test compares what they make with what stands here.
"""

from __future__ import annotations

from datetime import datetime, timezone
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    text,
)

from .base import CALL_S, COLUMNS

VERSION_TABLE = "opml_version"


class Utc(TypeDecorator[datetime]):
    """A column of moments that are written and read in UTC; SQLite knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return a moment as the database is given it."""
        return value and value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return a moment as Python is given it."""
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


def name_type() -> String:
    """Return a type of text that every database compares by code points, so that the beginning of a hash is a range."""
    return String().with_variant(String(collation="C"), "postgresql")


def column_of(metric: str) -> str:
    """Return the name of the column that holds a metric: ``latency_ms_p50`` for ``latency_ms.p50``."""
    return metric.replace(".", "_")


def _digests(*names: str) -> list[Column[str]]:
    return [Column(name, String, nullable=False) for name in names]


METADATA = MetaData()

VERSION = Table(VERSION_TABLE, METADATA, Column("version_num", String(32), nullable=False, primary_key=True))

RUN = Table(
    "opml_run",
    METADATA,
    Column("key", Integer, primary_key=True),
    Column("run_id", name_type(), nullable=False, unique=True),
    Column("started", Utc, nullable=False),
    Column("profile", String, nullable=False),
    Column("machine", String, nullable=False),
    Column("commit_hash", name_type()),
    Column("branch", String),
    Column("dirty", Boolean),
    *(
        Column(name, Integer, nullable=False)
        for name in ("results", "failures", "timings", "passed", "failed", "inconclusive", "not_judged")
    ),
    Column("rejected_for", String, nullable=False),
    Column("interrupted", Boolean, nullable=False),
    Column("record", Text, nullable=False),
    *_digests("content", "digest"),
    Column("place", BigInteger, nullable=False, server_default="0"),
    Column("place_digest", String, nullable=False, server_default=""),
    Column("set_back", Boolean, nullable=False, server_default=false()),
    Index("ix_opml_run_place", "place", "started"),
    Index("ix_opml_run_started", "started"),
    Index("ix_opml_run_profile", "profile", "place", "started"),
    Index("ix_opml_run_branch", "branch", "place", "started"),
    Index("ix_opml_run_commit", "commit_hash", "place", "started"),
)

# Commit, branch, moment and place are the run's: each index begins with what a query names and ends with the order
# that it wants the answer in, so that answering costs as much as the answer is long. The moment is there for those that
# ask for runs since one.
_CASE = ("case_id", "profile")
_NEWEST = ("place", "position", "started")

RESULT = Table(
    "opml_result",
    METADATA,
    Column("run_key", Integer, ForeignKey("opml_run.key"), primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("case_id", name_type(), nullable=False),
    Column("profile", name_type(), nullable=False),
    Column("machine", String, nullable=False),
    Column("started", Utc, nullable=False),
    Column("commit_hash", name_type()),
    Column("branch", String),
    *(Column(column_of(metric), Float) for metric in (*COLUMNS, CALL_S)),
    Column("record", Text, nullable=False),
    *_digests("content", "digest"),
    Column("place", BigInteger, nullable=False, server_default="0"),
    Index("ix_opml_result_newest", *_CASE, *_NEWEST),
    # In the very order of the answer: SQLite 3.50 would rather sort all results of the case than go back and forth.
    Index("ix_opml_result_best", *_CASE, "op_score", text("place DESC"), text("position DESC"), "started"),
    Index("ix_opml_result_branch", *_CASE, "branch", *_NEWEST),
    Index("ix_opml_result_commit", *_CASE, "commit_hash", *_NEWEST),
)

RELEASE = Table(
    "opml_release",
    METADATA,
    Column("run_key", Integer, ForeignKey("opml_run.key"), primary_key=True, autoincrement=False),
    Column("promoted", Utc, nullable=False),
    Column("label", String, nullable=False),
    Column("overrode", String, nullable=False),
    *_digests("digest"),
    Column("place", Integer, nullable=False, server_default="0"),
)

# Of a removed run its whole record is there, to bring it back.
REMOVED = Table(
    "opml_removed",
    METADATA,
    Column("key", Integer, primary_key=True),
    Column("run_id", name_type(), nullable=False, unique=True),
    Column("removed", Utc, nullable=False),
    Column("reason", String, nullable=False),
    Column("removed_by", String, nullable=False),
    Column("record", Text, nullable=False),
    *_digests("content", "digest"),
)


def figures_of(row: Any) -> dict[str, float | None]:
    """Return the figures in a row of ``RESULT``, by metric; None for what was not measured."""
    return dict(zip(_METRICS, _figures(row), strict=True))


_METRICS = (*COLUMNS, CALL_S)
_figures = attrgetter(*map(column_of, _METRICS))
