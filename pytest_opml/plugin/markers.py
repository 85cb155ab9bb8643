"""What the marker opml of a test says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..case import Case
    from ..gate.budgets import Budget
    from ..runner.plan import TestOverrides


_MARKER_KEYS = ("case", "gate", "timeout")


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
