"""Databases that are looked into past the store, and processes of their own to write to them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from pytest_opml.errors import OpmlError
from pytest_opml.history.base import Release
from pytest_opml.history.checksums import of_columns
from pytest_opml.history.store import open_store

SPAWN = multiprocessing.get_context("spawn")


def in_process(target: Callable[..., None], *arguments: Any) -> int:
    """The exit code of a process that called a function."""
    process = SPAWN.Process(target=target, args=arguments)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def refusal(url: str, *, create: bool = True) -> str:
    """What is said of a store that cannot be opened."""
    with pytest.raises(OpmlError) as caught:
        open_store(url, create=create)
    text = str(caught.value)
    assert "\n" not in text
    return text


def execute(url: str, *statements: str) -> list[Any]:
    """Past the store, in a connection of its own; the rows of the last statement."""
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    database = create_engine(parsed)
    with database.begin() as connection:
        done = [connection.execute(text(statement)) for statement in statements][-1]
        rows = [tuple(row) for row in done] if done.returns_rows else []
    database.dispose()
    return rows


def as_of_version_1(url: str) -> None:
    """Make a store one of the first version, with what it holds; it has no removed run."""
    case, newest = "case_id, profile", "started, run_key, position"
    names = ("started", "profile", "branch", "commit")
    execute(
        url,
        *(f"DROP INDEX ix_opml_run_{name}" for name in ("place", *names)),
        *(f"DROP INDEX ix_opml_result_{name}" for name in ("newest", "best", "branch", "commit")),
        *(f"ALTER TABLE opml_run DROP COLUMN {name}" for name in ("place", "place_digest", "set_back")),
        *(f"ALTER TABLE {table} DROP COLUMN place" for table in ("opml_result", "opml_release")),
        "DROP TABLE opml_removed",
        "CREATE INDEX ix_opml_run_started ON opml_run (started, key)",
        *(
            f"CREATE INDEX ix_opml_run_{name} ON opml_run ({column}, started, key)"
            for name, column in (("profile", "profile"), ("branch", "branch"), ("commit", "commit_hash"))
        ),
        f"CREATE INDEX ix_opml_result_newest ON opml_result ({case}, {newest})",
        f"CREATE INDEX ix_opml_result_best ON opml_result ({case}, op_score, {newest.replace(',', ' DESC,')} DESC)",
        f"CREATE INDEX ix_opml_result_branch ON opml_result ({case}, branch, {newest})",
        f"CREATE INDEX ix_opml_result_commit ON opml_result ({case}, commit_hash, {newest})",
        "UPDATE opml_version SET version_num = '0001'",
    )
    releases = "SELECT run_id, promoted, label, overrode FROM opml_release JOIN opml_run ON run_key = key"
    for run_id, promoted, label, overrode in execute(url, releases):
        moment = datetime.fromisoformat(promoted) if isinstance(promoted, str) else promoted
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        digest = of_columns(Release(run_id, moment, label, overrode))
        its_key = f"(SELECT key FROM opml_run WHERE run_id = '{run_id}')"
        execute(url, f"UPDATE opml_release SET digest = '{digest}' WHERE run_key = {its_key}")
