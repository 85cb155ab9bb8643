"""What the plugin's parts hand to one another during a run, and what a test's markers say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from ..case import Case
    from ..gate.budgets import Budget
    from ..records.result import RunRecord
    from ..runner.session import Limits, Session
    from .progress_line import Live

FIXTURES = ("opml", "opml_dataset", "opml_model", "opml_artifact", "opml_device", "gpu_timer")
_MARKER_KEYS = ("case", "gate", "timeout")


class State(NamedTuple):
    """What the hooks hand to one another during a run.

    Attributes:
        live: the line that shows how far it is.
        runs_cases: whether any test asks for ``opml``; the other fixtures alone leave nothing to judge.
        other_failures: tests that failed for another reason than a budget or a case without a result.
    """

    session: Session
    live: Live
    runs_cases: bool
    other_failures: list[str]


class Ending(NamedTuple):
    """The record of the run, and one line for each place that it could not be written to."""

    record: RunRecord
    problems: list[str]


STATE = pytest.StashKey[State]()
ENDING = pytest.StashKey[Ending]()
CASES = pytest.StashKey["list[Case]"]()
USAGE_ERRORS = pytest.StashKey["list[str]"]()


def uses_us(item: pytest.Item) -> bool:
    """Whether a test asks for one of our fixtures."""
    return not set(FIXTURES).isdisjoint(getattr(item, "fixturenames", ()))


def limits(item: pytest.Item) -> Limits:
    """What the markers of a test say; the closest marker wins.

    Raises:
        SettingsError: a marker says what it cannot.
    """
    from ..errors import SettingsError
    from ..gate.budgets import parse_budgets
    from ..runner.session import Limits

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
    return Limits(tuple(budgets), timeout, tables)


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
    found = marked[0] if marked else parameters.get("case")
    if isinstance(found, str):
        return Case.parse(found)
    if not isinstance(found, Case):
        raise SettingsError(
            f"{item.name}: which case? give it @pytest.mark.opml(case=Case(...)) or a parameter 'case', not {found!r}"
        )
    return found
