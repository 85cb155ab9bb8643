"""What the marker opml of a test says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from ..case import Case
    from ..gate.budgets import Budget
    from ..runner.plan import TestOverrides
    from ..runner.search_space import SearchSpace


_MARKER_KEYS = ("case", "gate", "timeout", "search")
_SEARCH_SECONDS = 3600.0


class MarkedSearch(NamedTuple):
    """A search for the best chain of a test's case.

    Attributes:
        space: the chains.
        seconds: that it may take.
    """

    space: SearchSpace
    seconds: float


def test_overrides(item: pytest.Item) -> TestOverrides:
    """What the markers of a test say; the closest marker wins.

    Raises:
        SettingsError: a marker says what it cannot.
    """
    from ..errors import SettingsError
    from ..gate.budgets import parse_budgets
    from ..runner.plan import TestOverrides

    budgets: list[Budget] = []
    tables: dict[str, Any] = {}
    timeout = None
    for marker in reversed(list(item.iter_markers("opml"))):
        where = f"marker opml on {item.name}"
        unknown = set(marker.kwargs) - set(_MARKER_KEYS)
        if marker.args or unknown:
            shown = ", ".join(sorted(unknown)) or "a positional argument"
            raise SettingsError(f"{where}: unknown {shown}; known: {', '.join(_MARKER_KEYS)}")
        if "gate" in marker.kwargs:
            place = f"{where}: gate" if not tables else f"{where}: gate ({len(tables) + 1})"
            tables[place] = marker.kwargs["gate"]
            budgets += parse_budgets(tables[place], place)
        timeout = marker.kwargs.get("timeout", timeout)
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout <= 0):
            raise SettingsError(f"{where}: timeout must be a positive number of seconds, not {timeout!r}")
    return TestOverrides(tuple(budgets), timeout, tables)


def marks_search(item: pytest.Item) -> bool:
    """Whether a test is to search for the best chain of its case."""
    return any("search" in marker.kwargs for marker in item.iter_markers("opml"))


def marked_search(item: pytest.Item, spaces: Mapping[str, Any]) -> MarkedSearch:
    """The search of a test, of its closest marker ``opml(search={...})``.

    Args:
        item: the test, which has such a marker.
        spaces: the tables of ``[tool.opml.search]``.

    Raises:
        SettingsError: the marker says what it cannot.
    """
    from ..errors import SettingsError
    from ..runner.search_space import DEFAULT, find_space, parse_space

    value = next(marker.kwargs["search"] for marker in item.iter_markers("opml") if "search" in marker.kwargs)
    where = f"marker opml on {item.name}: search"
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where}: must be a table with seconds and space, or chains, not {value!r}")
    table = dict(value)
    seconds = table.pop("seconds", _SEARCH_SECONDS)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds <= 0:
        raise SettingsError(f"{where}: seconds must be a positive number, not {seconds!r}")
    name = table.pop("space", None)
    if name is not None and table:
        raise SettingsError(f"{where}: give a space by its name, or what is in it, not both")
    space = parse_space(table, where) if table else find_space(name or DEFAULT, spaces)
    return MarkedSearch(space, float(seconds))


def marked_case(item: pytest.Item) -> Case:
    """The case that a test is about: of its closest marker ``opml(case=...)``, or its parameter ``case``.

    Raises:
        SettingsError: there is none.
        CaseDefinitionError: the marker's text is no id of a case.
    """
    from ..case import Case
    from ..errors import SettingsError

    marked = [marker.kwargs["case"] for marker in item.iter_markers("opml") if "case" in marker.kwargs]
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    case = marked[0] if marked else parameters.get("case")
    if isinstance(case, str):
        return Case.parse(case)
    if not isinstance(case, Case):
        raise SettingsError(
            f"{item.name}: which case? give it @pytest.mark.opml(case=Case(...)) or a parameter 'case', not {case!r}"
        )
    return case
