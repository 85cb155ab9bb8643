"""Stores of every version there was become those of today, and nothing in them is lost."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url

from pytest_opml.errors import StorageError
from pytest_opml.history import migrations
from pytest_opml.history.base import Query, Release
from pytest_opml.history.store import open_store
from pytest_opml.history.tables import METADATA, VERSION_TABLE
from pytest_opml.records.result import Result
from tests.support.databases import execute
from tests.support.history_runs import START, run_of


def test_the_versions_are_those_of_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", "pytest_opml.history:migrations")
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [migrations.NEWEST]
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == migrations.REVISIONS


def test_the_migrations_make_the_tables_that_the_code_knows(url: str) -> None:
    open_store(url).close()
    parsed = make_url(url)
    engine = create_engine(parsed.set(drivername=parsed.drivername.replace("postgresql", "postgresql+psycopg")))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert [found for found in compare_metadata(context, METADATA) if found[1].name != VERSION_TABLE] == []
    engine.dispose()


@pytest.mark.parametrize("create", [True, False])
def test_a_store_of_the_first_version_keeps_what_it_holds(url: str, create: bool) -> None:
    with open_store(url) as store:
        store.append(run_of("old"))
    execute(url, "DROP TABLE opml_release", "UPDATE opml_version SET version_num = '0001'")
    with open_store(url, create=create) as store:
        store.append(run_of("new", 1))
        store.promote(Release("old", START, "v1"))
        assert list(store.records()) == [run_of("old"), run_of("new", 1)]
        assert store.releases() == [Release("old", START, "v1")]
    assert execute(url, "SELECT version_num FROM opml_version") == [("0002",)]


def test_a_migration_that_fails_leaves_the_store_as_it_was(url: str) -> None:
    with open_store(url) as store:
        store.append(run_of("old"))
    # what the second version makes is in the way
    execute(url, "UPDATE opml_version SET version_num = '0001'")
    with pytest.raises(StorageError, match="opml_release"):
        open_store(url)
    assert execute(url, "SELECT version_num FROM opml_version") == [("0001",)]
    assert execute(url, "SELECT run_id FROM opml_run") == [("old",)]


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
    execute(url, "ALTER TABLE opml_result ADD COLUMN latency_ms_p75 FLOAT")
    with pytest.raises(
        StorageError, match="made by a newer version of pytest-opml: it has the column 'latency_ms_p75'"
    ):
        open_store(url)
