"""Stores of every version there was become those of today, and nothing in them is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import DBAPIError

from pytest_opml.errors import StorageError
from pytest_opml.history import migrations, sql
from pytest_opml.history.base import Query, Release
from pytest_opml.history.store import open_store
from pytest_opml.history.tables import METADATA, VERSION_TABLE
from pytest_opml.records.result import Result
from tests.support.databases import execute
from tests.support.history_runs import START, run_of


def test_the_versions_are_those_of_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", migrations.SCRIPTS)
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [migrations.NEWEST]
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == migrations.REVISIONS


def test_the_migrations_make_the_tables_that_the_code_knows(url: str) -> None:
    open_store(url).close()
    parsed = make_url(url)
    engine = create_engine(parsed.set(drivername=parsed.drivername.replace("postgresql", "postgresql+psycopg")))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        # SQLite does not tell Alembic in which direction an index runs: see below
        apart = {VERSION_TABLE, "ix_opml_result_best"} if "sqlite" in url else {VERSION_TABLE}
        assert [change for change in compare_metadata(context, METADATA) if change[1].name not in apart] == []
    engine.dispose()


def test_the_migrations_make_the_indexes_that_the_code_knows(sqlite: str, tmp_path: Path) -> None:
    open_store(sqlite).close()
    made_at_once = f"sqlite:///{tmp_path / 'at_once.db'}"
    engine = create_engine(made_at_once)
    METADATA.create_all(engine)
    engine.dispose()
    indexes = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
    migrated, declared = (dict(execute(url, indexes)) for url in (sqlite, made_at_once))
    assert migrated == declared
    assert "started DESC" in migrated["ix_opml_result_best"]


@pytest.mark.parametrize("create", [True, False])
def test_a_store_of_the_first_version_keeps_what_it_holds(
    url: str, create: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with open_store(url) as store:
        store.append(run_of("old"))
        store.promote(Release("old", START, "v1"))
    plant_next_version(monkeypatch, tmp_path)
    with open_store(url, create=create) as store:
        store.append(run_of("new", 1))
        assert list(store.records()) == [run_of("old"), run_of("new", 1)]
        assert store.releases() == [Release("old", START, "v1")]
    assert execute(url, "SELECT version_num FROM opml_version") == [("0002",)]
    assert execute(url, "SELECT text FROM opml_note") == []


def test_a_migration_that_fails_leaves_the_store_as_it_was(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with open_store(url) as store:
        store.append(run_of("old"))
    plant_next_version(monkeypatch, tmp_path)
    # what the second version makes at last is in the way
    execute(url, "CREATE TABLE opml_remark (text VARCHAR)")
    with pytest.raises(StorageError, match="opml_remark"):
        open_store(url)
    assert execute(url, "SELECT version_num FROM opml_version") == [("0001",)]
    assert execute(url, "SELECT run_id FROM opml_run") == [("old",)]
    with pytest.raises(DBAPIError, match="opml_note"):  # which it made at first
        execute(url, "SELECT text FROM opml_note")


def test_tables_that_cannot_be_made_leave_none(url: str) -> None:
    # the name of an index, whose table is made before it
    execute(url, "CREATE TABLE ix_opml_result_best (text VARCHAR)")
    with pytest.raises(StorageError, match="ix_opml_result_best"):
        open_store(url)
    with pytest.raises(DBAPIError, match="opml_run"):
        execute(url, "SELECT run_id FROM opml_run")


def plant_next_version(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have a second version of the tables, which makes two more of them."""
    scripts = folder / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "0002_notes.py").write_text(
        """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    for name in ("opml_note", "opml_remark"):
        op.create_table(name, sa.Column("text", sa.String))
"""
    )
    monkeypatch.setattr(migrations, "SCRIPTS", str(scripts))
    monkeypatch.setattr(migrations, "NEWEST", "0002")
    monkeypatch.setattr(sql, "NEWEST", "0002")
    monkeypatch.setattr(sql, "REVISIONS", ("0001", "0002"))


@pytest.mark.parametrize("create", [True, False])
def test_a_metric_that_is_newer_than_the_store_gets_its_column(url: str, create: bool) -> None:
    before, after = run_of("old"), run_of("new", 1)
    with open_store(url) as store:
        store.append(before.model_copy(update={"results": tuple(map(without_p95, before.results))}))
    execute(url, "ALTER TABLE opml_result DROP COLUMN latency_ms_p95")
    with open_store(url, create=create) as store:
        store.append(after)
        assert [row.figures["latency_ms.p95"] for row in store.rows(Query(), 9)] == [
            *(result.latency_ms.p95 for result in reversed(after.results)),
            *(None for _ in before.results),
        ]


def without_p95(result: Result) -> Result:
    """The result of a version that did not know the percentile."""
    document = result.model_dump(round_trip=True)
    del document["latency_ms"]["p95"]
    return Result.model_validate(document)


def test_a_store_with_a_metric_that_is_not_known_is_of_a_newer_version(url: str) -> None:
    open_store(url).close()
    execute(url, "ALTER TABLE opml_result ADD COLUMN latency_ms_p9 FLOAT")
    with pytest.raises(StorageError, match="made by a newer version of pytest-opml: it has the column 'latency_ms_p9'"):
        open_store(url)
