"""Which runs were promoted to be the released one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pytest_opml.history.tables import Utc

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "opml_release",
        sa.Column("run_key", sa.Integer, sa.ForeignKey("opml_run.key"), primary_key=True, autoincrement=False),
        sa.Column("promoted", Utc, nullable=False),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
    )
