"""The content of a page about a run, whatever it is written in: each figure formatted once, each text in one line."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from typing import Any, Literal, TypeVar

from ...analysis.op_score import Difference
from ...printable import clipped
from ..charts.bubbles import CasePoint
from ..charts.score_axes import CaseDifference

# Of a run: not judged where something is missing that a verdict needs; none where it has no budgets.
State = Literal["pass", "fail", "not_judged", "none"]
Kind = Literal["name", "number", "text"]
Mark = Literal["", "bound", "best", "better", "worse", "fail", "inconclusive", "not_judged"]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Table:
    """Rows under headers.

    Attributes:
        kinds: what each column holds.
        marks: what makes each row stand out; empty for nothing.
    """

    title: str
    headers: tuple[str, ...]
    kinds: tuple[Kind, ...]
    rows: tuple[tuple[str, ...], ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Fact:
    """A line about the run; ``link`` is empty or safe to be followed."""

    label: str
    text: str
    link: str = ""


@dataclass(frozen=True)
class Concerned:
    """A verdict, and the cases that it is about; of many only the first are ``cases``, and ``more`` are left out."""

    verdict: str
    cases: tuple[str, ...]
    more: int = 0


@dataclass(frozen=True)
class NoResult:
    """A case without a result, and why."""

    case: str
    why: str


@dataclass(frozen=True)
class TestSet:
    """The cases on one test set; its pictures show ``points`` and ``differences``, and ``details`` open."""

    title: str
    table: Table | None
    notes: tuple[str, ...]
    failures: tuple[NoResult, ...]
    points: tuple[CasePoint, ...]
    differences: tuple[CaseDifference, ...]
    details: tuple[Table, ...] = ()

    __test__ = False  # pytest takes a class of such a name for tests


@dataclass(frozen=True)
class Explanation:
    """Why the budgets of a case did not pass: what it is compared with, and the command that repeats it."""

    case: str
    facts: tuple[str, ...]
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
        headline: the verdict in words, with ``concerned`` the cases that it is about.
        legend: of the rankings.
        best: a sentence each.
        not_passed: budgets that failed, were not judged or are inconclusive; None where there are none.
        passed: the others; None where there are none.
        counts: of the verdicts; empty without budgets.
        budget_legend: of the budgets; empty where they need none.
        baseline: what changed against one; None where none was asked for and the run has none.
    """

    title: str
    state: State
    headline: str
    concerned: tuple[Concerned, ...]
    facts: tuple[Fact, ...]
    test_sets: tuple[TestSet, ...]
    legend: str
    best: tuple[str, ...]
    not_passed: Table | None
    explanations: tuple[Explanation, ...]
    passed: Table | None
    counts: str
    budget_legend: str
    baseline: BaselineSection | None

    def as_plain(self) -> dict[str, Any]:
        """Return the page as plain data, for JSON."""
        return asdict(self, dict_factory=_plain)


def _plain(fields_of: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value._asdict() if isinstance(value, Difference) else value for name, value in fields_of}


def cleaned(value: _T, longest: int = 1_000) -> _T:
    """Return the same with every text in one line of so many characters at most, without what browsers obey."""
    if isinstance(value, str):
        return clipped(value, longest)  # type: ignore[return-value]
    if isinstance(value, tuple) and not isinstance(value, Difference):
        return tuple(cleaned(item, longest) for item in value)  # type: ignore[return-value]
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: cleaned(getattr(value, field.name), longest) for field in fields(value)})
    return value
