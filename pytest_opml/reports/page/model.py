"""What a page about a run holds, whatever it is written in: each figure formatted once, each text in one line."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from typing import Any, Literal, TypeVar

from ..charts.layout import Point, Shift

State = Literal["holds", "open", "broken", "none"]
Kind = Literal["name", "number", "text"]
Mark = Literal["", "bound", "best", "broken", "open"]

_LONGEST = 1_000
_T = TypeVar("_T")


@dataclass(frozen=True)
class Table:
    """Rows under headers; ``kinds`` says what each column holds, ``marks`` what is to be seen of each row."""

    title: str
    headers: tuple[str, ...]
    kinds: tuple[Kind, ...]
    rows: tuple[tuple[str, ...], ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Fact:
    """Something that the run was; ``link`` is empty or safe to be followed."""

    label: str
    text: str
    link: str = ""


@dataclass(frozen=True)
class Involved:
    """What happened, and the cases that it happened to; of many only the first are ``cases``."""

    what: str
    cases: tuple[str, ...]
    more: int = 0


@dataclass(frozen=True)
class NoResult:
    """A case without a result, and why."""

    case: str
    why: str


@dataclass(frozen=True)
class TestSet:
    """The cases on one test set. ``points`` and ``shifts`` are what its pictures show."""

    title: str
    table: Table | None
    notes: tuple[str, ...]
    failures: tuple[NoResult, ...]
    points: tuple[Point, ...]
    shifts: tuple[Shift, ...]

    __test__ = False  # pytest takes a class of such a name for tests


@dataclass(frozen=True)
class Explained:
    """Why the budgets of a case do not hold: what it is compared with, and the command that repeats it."""

    case: str
    facts: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class Compared:
    """The run beside a baseline; without a table there was nothing to compare with."""

    title: str
    table: Table | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """One run.

    Attributes:
        headline: the verdict in words, with ``involved`` what it is about.
        legend: of the rankings.
        best: a sentence each.
        failing: budgets that are broken, undecided or not judged.
        holding: the others.
        counts: of the verdicts.
        asked: how sure the verdicts were to be.
        compared: with a baseline; None where none was asked for and the run has none.
    """

    title: str
    state: State
    headline: str
    involved: tuple[Involved, ...]
    facts: tuple[Fact, ...]
    test_sets: tuple[TestSet, ...]
    legend: str
    best: tuple[str, ...]
    failing: Table | None
    explained: tuple[Explained, ...]
    holding: Table | None
    counts: str
    asked: str
    compared: Compared | None

    def as_plain(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def cleaned(value: _T) -> _T:
    """The same with every text in one line: what terminals and browsers obey in it is gone, and what no one reads."""
    if isinstance(value, str):
        text = "".join(char if char.isprintable() else "\ufffd" for char in " ".join(value.split()))
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"  # type: ignore[return-value]
    if isinstance(value, tuple):
        return tuple(map(cleaned, value))  # type: ignore[return-value]
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: cleaned(getattr(value, field.name)) for field in fields(value)})
    return value
