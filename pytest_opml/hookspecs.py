"""Hooks that pytest-opml offers to other plugins and to ``conftest.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .domain.records import Result, RunRecord


def pytest_opml_result(config: Any, result: Result) -> None:
    """Called when a case was measured, before its budgets are checked."""


def pytest_opml_record(config: Any, record: RunRecord) -> None:
    """Called once, at the end of the session, with the record of the run before it is written."""
