"""The content of a page about a run, whatever it is written in: each figure formatted once, each text in one line."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from typing import Any, Literal, TypeVar, cast

from ...printable import clipped
from ..charts.chart import Chart
from ..remedies import Remedy
from ..summary import Summary

# Of a run: not judged where something is missing that a verdict needs; none where it has no budgets.
State = Literal["pass", "fail", "not_judged", "none"]
Kind = Literal["name", "number", "text"]
Mark = Literal["", "bound", "best", "better", "worse", "fail", "inconclusive", "not_judged"]

_T = TypeVar("_T")


class Ids(tuple[str, ...]):
    """Ids that tell cases apart and are never shown, so that they stay what they are, however long and strange."""


_NO_IDS = Ids()


@dataclass(frozen=True)
class Table:
    """Rows under headers.

    Attributes:
        kinds: what each column holds.
        marks: what makes each row stand out; empty for nothing.
        cases: the id of each row's case, where charts are linked with the table; empty for the rows of no case.
    """

    title: str
    headers: tuple[str, ...]
    kinds: tuple[Kind, ...]
    rows: tuple[tuple[str, ...], ...]
    marks: tuple[Mark, ...]
    cases: Ids = _NO_IDS


@dataclass(frozen=True)
class Fact:
    """A line about the run; ``link`` is empty or safe to be followed."""

    label: str
    text: str
    link: str = ""


@dataclass(frozen=True)
class NoResult:
    """A case without a result, and why."""

    case: str
    why: str


@dataclass(frozen=True)
class TestSet:
    """The cases on one test set.

    Attributes:
        table: the ranking, with the columns that matter most.
        notes: marks of the cases, explained.
        full_table: the ranking with all columns; its charts are linked with it.
        details: tables that open.
    """

    title: str
    table: Table | None
    notes: tuple[str, ...]
    failures: tuple[NoResult, ...]
    full_table: Table | None = None
    charts: tuple[Chart, ...] = ()
    details: tuple[Table, ...] = ()

    __test__ = False  # pytest takes a class of such a name for tests


@dataclass(frozen=True)
class CaseHistory:
    """The history of a metric of a case, as a chart."""

    case: str
    metric: str
    chart: Chart


@dataclass(frozen=True)
class Repeat:
    """The command that repeats a case whose budgets did not pass."""

    case: str
    command: str


@dataclass(frozen=True)
class BaselineSection:
    """The run beside a baseline; without a table there was nothing to compare with."""

    title: str
    table: Table | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """One run.

    Attributes:
        headline: the verdict in words.
        summary: the run in three lines.
        legend: of the rankings.
        best: a sentence each.
        not_passed: budgets that failed, were not judged or are inconclusive; None where there are none.
        passed: the others; None where there are none.
        counts: of the verdicts; empty without budgets.
        budget_legend: of the budgets; empty where they need none.
        baseline: what changed against one; None where none was asked for and the run has none.
        remedies: what would mend the cases that did not pass.
        charts: that span the test sets.
        histories: of cases; empty where there is no history of them.
        disturbances: what disturbed the timing, by case; None where nothing did.
    """

    title: str
    state: State
    headline: str
    summary: Summary
    facts: tuple[Fact, ...]
    test_sets: tuple[TestSet, ...]
    legend: str
    best: tuple[str, ...]
    not_passed: Table | None
    repeats: tuple[Repeat, ...]
    passed: Table | None
    counts: str
    budget_legend: str
    baseline: BaselineSection | None
    remedies: tuple[Remedy, ...] = ()
    charts: tuple[Chart, ...] = ()
    histories: tuple[CaseHistory, ...] = ()
    disturbances: Table | None = None

    def as_plain(self) -> dict[str, Any]:
        """Return the page as plain data, for JSON."""
        return asdict(self, dict_factory=_plain)


def _plain(fields_of: list[tuple[str, Any]]) -> dict[str, Any]:
    # of a chart the rows; how they are drawn is for no other program
    return {name: value for name, value in fields_of if name != "spec"}


def cleaned(value: _T, longest: int = 1_000) -> _T:
    """Return the same with every text in one line of so many characters at most, without what browsers obey."""
    # most texts of a large page are there many times: names, limits, the keys of the settings
    seen: dict[str, str] = {}

    def clean(part: Any) -> Any:
        if isinstance(part, str):
            if part not in seen:
                seen[part] = clipped(part, longest)
            return seen[part]
        if isinstance(part, (Ids, Chart)):
            return part
        if isinstance(part, tuple):
            return tuple([clean(item) for item in part])
        if is_dataclass(part) and not isinstance(part, type):
            return replace(part, **{field.name: clean(getattr(part, field.name)) for field in fields(part)})
        return part

    return cast("_T", clean(value))
