"""How a store comes from one version of its tables to the next, by Alembic."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Known without importing Alembic, which only a store of another version needs.
REVISIONS = ("0001", "0002")
NEWEST = REVISIONS[-1]


def upgrade(connection: Connection) -> None:
    """Bring the tables to the newest version, within the transaction of the connection."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "pytest_opml.history:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, NEWEST)
