"""The markers of the suite, without which its files cannot be imported where markers are strict."""

from pytest_opml.paper.suite.conftest import pytest_configure

__all__ = ["pytest_configure"]
