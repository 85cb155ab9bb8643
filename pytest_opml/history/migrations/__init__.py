"""The versions of a store's tables: Alembic brings a store from one to the next, and each metric its own column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import StorageError, one_line

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Written here so that they are known without importing Alembic, which only a store of another version needs.
REVISIONS = ("0001", "0002")
NEWEST = REVISIONS[-1]
SCRIPTS = "pytest_opml.history:migrations"  # where Alembic finds them


def upgrade(connection: Connection, name: str) -> None:
    """Bring the tables to the newest version, within the transaction of the connection.

    Raises:
        StorageError: Alembic makes no sense of the version; ``name`` says of which store.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, NEWEST)
    except CommandError as error:
        raise StorageError(f"{name}: cannot be brought up to date: {one_line(error)}") from error


def missing_columns(connection: Connection, name: str) -> list[str]:
    """Return the columns of metrics that the table of results has not got, where a metric is newer than the store.

    Raises:
        StorageError: it has a column of a metric that is not known here; ``name`` says of which store.
    """
    from sqlalchemy import inspect

    from ..base import COLUMNS
    from ..tables import RESULT, column_of

    present = [column["name"] for column in inspect(connection).get_columns(RESULT.name)]
    if unknown := [column for column in present if column not in RESULT.c]:
        raise StorageError(f"{name}: made by a newer version of pytest-opml: it has the column {unknown[0]!r}")
    return [column for metric in COLUMNS if (column := column_of(metric)) not in present]


def add_columns(connection: Connection, name: str) -> None:
    """Give the table of results the columns of metrics that it has not got; empty in the rows that are there.

    Raises:
        StorageError: as ``missing_columns``.
    """
    from sqlalchemy import Column, Float
    from sqlalchemy.schema import CreateColumn

    from ..tables import RESULT

    for column in missing_columns(connection, name):
        clause = CreateColumn(Column(column, Float)).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {RESULT.name} ADD COLUMN {clause}")
