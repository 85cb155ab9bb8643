"""The store of the history: every run and each of its results in a database, SQLite or, by its URL, PostgreSQL."""

from __future__ import annotations

import errno
from pathlib import Path

from ..addresses import read_address
from ..errors import StorageError
from ..storage.input_file import open_input
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
    if path:
        _check_file(path, name)
    store = SqlHistory(connect(url, name), name)
    try:
        store.prepare(create=create)
    except BaseException:
        store.close()
        raise
    return store


def _check_file(path: Path, name: str) -> None:
    """Refuse what SQLite would wait for: a device, a pipe, a file of the kernel's.

    Raises:
        StorageError: it is no regular file, or nothing comes from it.
    """
    if path.is_fifo():
        raise StorageError(f"{name}: cannot be opened: it is a pipe, no file")
    try:
        with open_input(path) as file:
            file.read(1)
    except OSError as error:  # what else is wrong with it, SQLite says
        if error.errno in (errno.EINVAL, errno.ETIMEDOUT):
            raise StorageError(f"{name}: cannot be opened: {error.strerror}") from error
