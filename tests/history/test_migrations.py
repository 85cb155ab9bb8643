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
from tests.support.databases import as_of_version_1, execute
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
    assert "place DESC" in migrated["ix_opml_result_best"]


@pytest.mark.parametrize("create", [True, False])
def test_a_store_of_the_version_before_keeps_what_it_holds(
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
    assert execute(url, "SELECT version_num FROM opml_version") == [("0003",)]
    assert execute(url, "SELECT text FROM opml_note") == []


def test_a_store_of_the_first_version_gets_an_order_that_a_wrong_clock_does_not_spoil(url: str) -> None:
    runs = [run_of(name, minute) for name, minute in (("second", 2), ("first", 1), ("wrong", 0), ("third", 3))]
    runs[2] = runs[2].model_copy(update={"started": START.replace(year=2099)})
    with open_store(url) as store:
        store.extend(runs, [Release("first", START.replace(year=2025), "v1"), Release("second", START, "v2")])
    as_of_version_1(url)
    with open_store(url) as store:
        assert list(store.records()) == runs
        assert [run.run_id for run in store.summaries(Query(), 9)] == ["third", "wrong", "second", "first"]
        assert [run.run_id for run in store.newest(Query(), 9)] == ["third", "wrong", "second", "first"]
        assert [row.run_id for row in store.rows(Query(), 9)] == [
            name for name in ("third", "wrong", "second", "first") for _ in range(3)
        ][:9]
        assert [release.label for release in store.releases()] == ["v2", "v1"]
        store.promote(Release("third", START.replace(day=9), "v3"))
        assert [release.label for release in store.releases()] == ["v3", "v2", "v1"]
        assert store.removals() == []
        store.append(run_of("fourth", 4))
        assert store.newest(Query(), 1)[0].run_id == "fourth"


def test_a_migration_that_fails_leaves_the_store_as_it_was(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with open_store(url) as store:
        store.append(run_of("old"))
    plant_next_version(monkeypatch, tmp_path)
    # what the next version makes at last is in the way
    execute(url, "CREATE TABLE opml_remark (text VARCHAR)")
    with pytest.raises(StorageError, match="opml_remark"):
        open_store(url)
    assert execute(url, "SELECT version_num FROM opml_version") == [("0002",)]
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
    """Have a third version of the tables, which makes two more of them."""
    scripts = folder / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "0003_notes.py").write_text(
        """
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade():
    for name in ("opml_note", "opml_remark"):
        op.create_table(name, sa.Column("text", sa.String))
"""
    )
    monkeypatch.setattr(migrations, "SCRIPTS", str(scripts))
    monkeypatch.setattr(migrations, "NEWEST", "0003")
    monkeypatch.setattr(sql, "NEWEST", "0003")
    monkeypatch.setattr(sql, "REVISIONS", ("0001", "0002", "0003"))


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
