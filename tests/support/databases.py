"""Databases that are looked into past the store, and processes of their own to write to them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from pytest_opml.errors import OpmlError
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
