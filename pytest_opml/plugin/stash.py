"""What the plugin's parts hand to one another during a run, and what a test's markers say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from ..case import Case
    from ..records.run import RunRecord
    from ..runner.session import Session
    from .progress_line import ProgressLine

FIXTURES = ("opml", "opml_dataset", "opml_model", "opml_artifact", "opml_device", "gpu_timer")


class State(NamedTuple):
    """What the hooks hand to one another during a run.

    Attributes:
        live: the line that shows how far it is.
        runs_cases: whether any test asks for ``opml``; the other fixtures alone leave nothing to judge.
        other_failures: tests that failed for another reason than a budget or a case without a result.
    """

    session: Session
    live: ProgressLine
    runs_cases: bool
    other_failures: list[str]


class Ending(NamedTuple):
    """The record of the run, and one line for each place that it could not be written to."""

    record: RunRecord
    problems: list[str]


STATE = pytest.StashKey[State]()
ENDING = pytest.StashKey[Ending]()
CASES: pytest.StashKey[list[Case]] = pytest.StashKey()
USAGE_ERRORS = pytest.StashKey["list[str]"]()


def uses_opml(item: pytest.Item) -> bool:
    """Whether a test asks for one of our fixtures."""
    return not set(FIXTURES).isdisjoint(getattr(item, "fixturenames", ()))
