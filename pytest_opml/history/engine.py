"""From a database's URL to SQLAlchemy's engine, and from its exceptions to ours."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from ..addresses import SPECIAL_LETTERS, environment_secrets, read_address, without_secrets
from ..errors import MissingDependencyError, StorageError
from ..printable import clipped
from .columns import problem

BUSY_TIMEOUT_S = 60
_CONNECT_TIMEOUT_S = 10


@contextmanager
def mapped(name: str, engine: Engine) -> Iterator[None]:
    """Turn SQLAlchemy's exceptions into ours, at this one border.

    Args:
        name: of the store, for messages.
        engine: of its database, whose password no message repeats.

    Raises:
        StorageError: in place of each; ``name`` says of which store.
    """
    try:
        yield
    except DBAPIError as error:
        # The text of the driver's own error; SQLAlchemy's goes on with the statement and its parameters.
        text = str(error.orig)
        reason = _reason_of_the_system(engine) if text == "unable to open database file" else ""
        raise _refused(name, f"{text}{reason}", engine) from _cause(error, engine)
    except SQLAlchemyError as error:
        raise _refused(name, str(error), engine) from _cause(error, engine)
    except (OverflowError, MemoryError) as error:
        # A driver's own limits, and those of the machine.
        raise StorageError(f"{name}: is given more than it can hold: {clipped(error)}") from error
    except UnicodeEncodeError as error:
        raise StorageError(f"{name}: cannot hold such text: {clipped(error)}") from error
    except UnicodeDecodeError as error:
        # sqlite3 meets it in the text of its own error, which quotes what is damaged.
        raise StorageError(f"{name}: is damaged: {clipped(error)}") from error


def _reason_of_the_system(engine: Engine) -> str:
    """Return why the system lets no file be made where SQLite wants one, which SQLite does not say."""
    path = Path(engine.url.database or "")
    if path.is_dir():
        return ": it is a folder"
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            return ""
    except OSError as error:
        return f": {error.strerror}"


def _refused(name: str, text: str, engine: Engine) -> StorageError:
    return StorageError(f"{name}: {clipped(_without_password(text, engine))}")


def _cause(error: Exception, engine: Engine) -> Exception | None:
    """Return what a traceback may show as the cause: nothing that repeats a part of the password."""
    return error if _without_password(str(error), engine) == str(error) else None


def _without_password(text: str, engine: Engine) -> str:
    address = read_address(engine.url.render_as_string(hide_password=False))
    return without_secrets(text, (*address.secrets, *environment_secrets()))


@contextmanager
def sound(name: str) -> Iterator[None]:
    """Turn what fails on columns that hold something else than they should into an error of ours.

    Raises:
        StorageError: the store is damaged; ``name`` says which.
    """
    try:
        yield
    except ValidationError as error:
        raise StorageError(f"{name}: is damaged: {problem(error)}") from error
    except (ValueError, TypeError, LookupError) as error:
        raise StorageError(f"{name}: is damaged: {clipped(error)}") from error


def _parsed(url: str) -> URL:
    """Return a URL with the driver that we bring where it names none."""
    parsed = make_url(re.sub(r"^postgres://", "postgresql://", url))
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def file_of(url: str) -> Path | None:
    """Return the file of an SQLite store; None for every other one, and for a text that is no URL."""
    try:
        parsed = _parsed(url) if read_address(url).is_url else None
    except (ArgumentError, ValueError):
        return None
    if (
        parsed is None
        or parsed.get_backend_name() != "sqlite"
        or parsed.database in (None, "", ":memory:")
        or "uri" in parsed.query
    ):
        return None
    return Path(str(parsed.database))


def connect(url: str, name: str) -> Engine:
    """Return an engine for the database at a URL: the earlier one where there was one, which knows its statements.

    Args:
        url: as SQLAlchemy takes it; ``postgresql://`` and ``postgres://`` use psycopg.
        name: of the store, for messages.

    Raises:
        StorageError: it is no URL, or of a kind of database that SQLAlchemy does not know. One that can be read in two
            ways is none: a part of the password would be a part of the server's name, which the driver's errors repeat.
        MissingDependencyError: PostgreSQL's driver is not installed.
    """
    if not read_address(url).is_url:
        raise StorageError(f"{name}: is no database URL, such as sqlite:///history.db; {SPECIAL_LETTERS}")
    try:
        parsed, path = _parsed(url), file_of(url)
        if path is not None:  # which another folder would make another file
            return _engine(parsed.set(database=str(path.absolute())))
        return _engine.__wrapped__(parsed) if parsed.get_backend_name() == "sqlite" else _engine(parsed)
    except NoSuchModuleError:
        raise StorageError(f"{name}: unknown kind of database {parsed.drivername!r}") from None
    except ImportError as error:
        if parsed.drivername == "postgresql+psycopg":
            raise MissingDependencyError("a history in PostgreSQL", "psycopg", extra="postgres") from error
        raise StorageError(f"{name}: the driver of {parsed.drivername} is not installed: {clipped(error)}") from error
    except (ArgumentError, ValueError):
        raise StorageError(f"{name}: is no database URL, such as sqlite:///history.db") from None


@lru_cache(maxsize=8)
def _engine(parsed: URL) -> Engine:
    if parsed.get_backend_name() != "sqlite":
        if parsed.drivername == "postgresql+psycopg" and "connect_timeout" not in parsed.query:
            parsed = parsed.update_query_dict({"connect_timeout": str(_CONNECT_TIMEOUT_S)})
        # One connection, until the store is closed: making one takes as long as asking for a baseline. It is tried
        # before it is used, for the server may have cut it meanwhile.
        return create_engine(parsed, pool_size=1, pool_pre_ping=True)
    # sqlite3 would begin transactions on its own, and only before some statements.
    own: dict[str, Any] = {"connect_args": {"isolation_level": None}}
    if parsed.database not in (None, "", ":memory:"):
        # Each transaction opens the file anew, or it might write into one that was deleted meanwhile.
        own["poolclass"] = NullPool
    return create_engine(parsed.update_query_dict({"timeout": str(BUSY_TIMEOUT_S), **parsed.query}), **own)
