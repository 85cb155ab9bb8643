"""The store of the history: every run and each of its results in a database, SQLite or, by its URL, PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from ..addresses import read_address
from ..errors import StorageError
from .base import History


def state_folder(url: str | None, root: Path) -> Path:
    """Return the folder beside a store in which a run keeps what is not in the history yet; it need not exist.

    Args:
        url: of the store; None where there is no history.
        root: the user's project, whose ``.opml`` it is where the store is no file.
    """
    from .engine import file_of

    file = file_of(url) if url else None
    return file.parent if file else root / ".opml"


def open_store(url: str, *, create: bool = True) -> History:
    """Return the history at a URL, opened; whoever called closes it.

    Args:
        url: as SQLAlchemy takes it. ``?timeout=`` sets how many seconds an SQLite store waits for other sessions.
        create: make what is missing (the folder of an SQLite file, the file, the tables), and prove that the store can
            be written, so that a run is refused before hours of work and not after them. Otherwise a store that is not
            there is an error, and one of this version is only read.

    Raises:
        StorageError: it cannot be made, read or written, is no store of ours, or was made by a newer version (and is
            then left as it is). The text names the URL without its password.
        MissingDependencyError: the driver of the database is not installed.
    """
    from .engine import connect, file_of
    from .sql import SqlHistory

    name = f"store {read_address(url).shown}"
    path = file_of(url)
    if path and create:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{name}: cannot make the folder: {error.strerror}: {error.filename}") from error
    elif path and not path.exists():
        raise StorageError(f"{path}: no history yet: run pytest first, or give the record of a run")
    store = SqlHistory(connect(url, name), name)
    try:
        store.prepare(create=create)
    except BaseException:
        store.close()
        raise
    return store
