"""Make the tables of runs, of their results, and of the runs that were promoted to be the released one.

The columns are written out: a migration is what it was when it was released, whatever the tables are today.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pytest_opml.history.tables import Utc, name_type

revision = "0001"
down_revision = None

_COUNTS = ("results", "failures", "timings", "passed", "failed", "inconclusive", "not_judged")
_FIGURES = (
    "quality",
    "accuracy",
    "recall",
    "precision",
    "f1",
    "auc",
    "inference_s",
    "throughput",
    "latency_ms_p50",
    "latency_ms_p90",
    "latency_ms_p95",
    "latency_ms_p99",
    "cold_start_s",
    "training_s",
    "preparation_s",
    "size_mb",
    "deflated_mb",
    "peak_memory_mb",
    "energy_j",
    "op_score",
    "call_s",
)
_CASE, _NEWEST = ["case_id", "profile"], ["started", "run_key", "position"]


def upgrade() -> None:
    """Make all tables and their indexes."""
    op.create_table(
        "opml_run",
        sa.Column("key", sa.Integer, primary_key=True),
        sa.Column("run_id", name_type(), nullable=False, unique=True),
        sa.Column("started", Utc, nullable=False),
        sa.Column("profile", sa.String, nullable=False),
        sa.Column("machine", sa.String, nullable=False),
        sa.Column("commit_hash", name_type()),
        sa.Column("branch", sa.String),
        sa.Column("dirty", sa.Boolean),
        *(sa.Column(name, sa.Integer, nullable=False) for name in _COUNTS),
        sa.Column("rejected_for", sa.String, nullable=False),
        sa.Column("interrupted", sa.Boolean, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("content", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
    )
    op.create_index("ix_opml_run_started", "opml_run", ["started", "key"])
    op.create_index("ix_opml_run_profile", "opml_run", ["profile", "started", "key"])
    op.create_index("ix_opml_run_branch", "opml_run", ["branch", "started", "key"])
    op.create_index("ix_opml_run_commit", "opml_run", ["commit_hash", "started", "key"])
    op.create_table(
        "opml_result",
        sa.Column("run_key", sa.Integer, sa.ForeignKey("opml_run.key"), primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("case_id", name_type(), nullable=False),
        sa.Column("profile", name_type(), nullable=False),
        sa.Column("machine", sa.String, nullable=False),
        sa.Column("started", Utc, nullable=False),
        sa.Column("commit_hash", name_type()),
        sa.Column("branch", sa.String),
        *(sa.Column(name, sa.Float) for name in _FIGURES),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("content", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
    )
    op.create_index("ix_opml_result_newest", "opml_result", [*_CASE, *_NEWEST])
    newest_first = [sa.text(f"{name} DESC") for name in _NEWEST]
    op.create_index("ix_opml_result_best", "opml_result", [*_CASE, "op_score", *newest_first])
    op.create_index("ix_opml_result_branch", "opml_result", [*_CASE, "branch", *_NEWEST])
    op.create_index("ix_opml_result_commit", "opml_result", [*_CASE, "commit_hash", *_NEWEST])
    op.create_table(
        "opml_release",
        sa.Column("run_key", sa.Integer, sa.ForeignKey("opml_run.key"), primary_key=True, autoincrement=False),
        sa.Column("promoted", Utc, nullable=False),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("overrode", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
    )
