"""Give runs a place in an order that a wrong clock cannot spoil, releases theirs, and removed runs a table.

The columns are written out: a migration is what it was when it was released, whatever the tables are today.
"""

from __future__ import annotations

from datetime import datetime, timezone
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from alembic import op

from pytest_opml.history import checksums
from pytest_opml.history.base import Release
from pytest_opml.history.tables import Utc, name_type

revision = "0002"
down_revision = "0001"

_GAP = 2**40
_CASE, _NEWEST = ["case_id", "profile"], ["place", "position", "started"]

_RUN = sa.table(
    "opml_run",
    sa.column("key", sa.Integer),
    sa.column("run_id", sa.String),
    sa.column("started", Utc),
    sa.column("place", sa.BigInteger),
    sa.column("place_digest", sa.String),
)
_RELEASE = sa.table(
    "opml_release",
    sa.column("run_key", sa.Integer),
    sa.column("promoted", Utc),
    sa.column("label", sa.String),
    sa.column("overrode", sa.String),
    sa.column("place", sa.Integer),
    sa.column("digest", sa.String),
)


def upgrade() -> None:
    """Add the columns, fill them in the order that was, and make the indexes that end with it."""
    connection = op.get_bind()
    for name in ("started", "profile", "branch", "commit"):
        op.drop_index(f"ix_opml_run_{name}", "opml_run")
    for name in ("newest", "best", "branch", "commit"):
        op.drop_index(f"ix_opml_result_{name}", "opml_result")
    for table in ("opml_run", "opml_result"):
        op.add_column(table, sa.Column("place", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("opml_run", sa.Column("place_digest", sa.String, nullable=False, server_default=""))
    op.add_column("opml_run", sa.Column("set_back", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("opml_release", sa.Column("place", sa.Integer, nullable=False, server_default="0"))
    _fill_places(connection)
    _fill_releases(connection)
    op.create_index("ix_opml_run_place", "opml_run", ["place", "started"])
    op.create_index("ix_opml_run_started", "opml_run", ["started"])
    op.create_index("ix_opml_run_profile", "opml_run", ["profile", "place", "started"])
    op.create_index("ix_opml_run_branch", "opml_run", ["branch", "place", "started"])
    op.create_index("ix_opml_run_commit", "opml_run", ["commit_hash", "place", "started"])
    op.create_index("ix_opml_result_newest", "opml_result", [*_CASE, *_NEWEST])
    newest_first: list[Any] = [sa.text("place DESC"), sa.text("position DESC"), "started"]
    op.create_index("ix_opml_result_best", "opml_result", [*_CASE, "op_score", *newest_first])
    op.create_index("ix_opml_result_branch", "opml_result", [*_CASE, "branch", *_NEWEST])
    op.create_index("ix_opml_result_commit", "opml_result", [*_CASE, "commit_hash", *_NEWEST])
    op.create_table(
        "opml_removed",
        sa.Column("key", sa.Integer, primary_key=True),
        sa.Column("run_id", name_type(), nullable=False, unique=True),
        sa.Column("removed", Utc, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("removed_by", sa.String, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("content", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
    )


def _fill_places(connection: Any) -> None:
    """Sort runs by when they began; one that says it is still to begin comes after those that were there before it."""
    runs = connection.execute(sa.select(_RUN.c.key, _RUN.c.run_id, _RUN.c.started).order_by(_RUN.c.key)).all()
    now, latest, moments = datetime.now(timezone.utc), datetime.min.replace(tzinfo=timezone.utc), {}
    for run in runs:
        if run.started <= now:
            latest = max(latest, run.started)
        moments[run.key] = run.started if run.started <= now else latest
    for number, run in enumerate(sorted(runs, key=lambda run: (moments[run.key], run.key)), 1):
        place = number * _GAP
        digest = blake2b(f"{run.run_id} {place}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        connection.execute(sa.update(_RUN).where(_RUN.c.key == run.key).values(place=place, place_digest=digest))
    connection.exec_driver_sql(
        "UPDATE opml_result SET place = (SELECT opml_run.place FROM opml_run WHERE opml_run.key = opml_result.run_key)"
    )


def _fill_releases(connection: Any) -> None:
    ids = dict(connection.execute(sa.select(_RUN.c.key, _RUN.c.run_id)).all())
    marks = connection.execute(sa.select(_RELEASE).order_by(_RELEASE.c.promoted, _RELEASE.c.run_key)).all()
    for place, mark in enumerate(marks):
        release = Release(ids.get(mark.run_key, ""), mark.promoted, mark.label, mark.overrode)
        if checksums.of_columns(release) == mark.digest:  # else it stays one that was changed
            digest = checksums.of_columns(release, str(place))
            connection.execute(
                sa.update(_RELEASE).where(_RELEASE.c.run_key == mark.run_key).values(place=place, digest=digest)
            )
