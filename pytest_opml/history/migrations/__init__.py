"""How a store comes from one version of its tables to the next, by Alembic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import StorageError, one_line

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Known without importing Alembic, which only a store of another version needs.
REVISIONS = ("0001", "0002")
NEWEST = REVISIONS[-1]


def upgrade(connection: Connection, name: str) -> None:
    """Bring the tables to the newest version, within the transaction of the connection.

    Raises:
        StorageError: Alembic makes no sense of the version; ``name`` says of which store.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", "pytest_opml.history:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, NEWEST)
    except CommandError as error:
        raise StorageError(f"{name}: cannot be brought up to date: {one_line(error)}") from error
