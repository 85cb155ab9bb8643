"""Which cases the collected tests are about, so that one which is missing at the end is seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from .stash import limits, marked_case

if TYPE_CHECKING:
    from ..runner.session import Plan

_LEFT_OUT = pytest.StashKey["list[str]"]()


def _case_id(item: pytest.Item) -> str | None:
    """The id of the case that a test runs; None for one that says so only when it runs."""
    from ..errors import OpmlError

    if "opml" not in getattr(item, "fixturenames", ()):
        return None
    try:
        return marked_case(item).id
    except OpmlError:
        return None


def leave_out(item: pytest.Item) -> None:
    """Note the case of a test that the command line deselected."""
    name = _case_id(item)
    if name is not None:
        item.config.stash.setdefault(_LEFT_OUT, []).append(name)


def plan(config: pytest.Config, items: Sequence[pytest.Item]) -> Plan:
    """What was collected.

    Args:
        config: of the run.
        items: the tests that use our fixtures.

    Raises:
        SettingsError: a marker says what it cannot.
    """
    from ..runner.session import Plan

    said = [(item, _case_id(item), limits(item)) for item in items]
    left_out: list[str] = config.stash.setdefault(_LEFT_OUT, [])
    return Plan(
        cases={name: item.nodeid for item, name, _ in said if name is not None},
        limits={name: found for _, name, found in said if name is not None},
        deselected=tuple(left_out),
        selection=any("::" in argument for argument in config.args),
    )
