"""Hooks that pytest-opml offers to other plugins and to ``conftest.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..records.result import Result
    from ..records.run import RunRecord


def pytest_opml_register(register: Callable[[str, str], Callable[[Any], Any]]) -> None:
    """Called before collection, to make names known: ``register("model", "petnet")(build)``.

    A ``conftest.py`` is there in time at the root or in a folder named on the command line; elsewhere the decorator
    ``pytest_opml.register`` does the same.
    """


def pytest_opml_result(config: Any, result: Result) -> None:
    """Called when a case was measured, before its budgets are checked."""


def pytest_opml_record(config: Any, record: RunRecord) -> None:
    """Called once, at the end of the session, with the record of the run before it is written."""
