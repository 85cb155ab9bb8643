"""What came of the tries of one attack, and the table that they make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

WRONG = "wrong"
ONE_LINE, WENT_ON = "one line", "went on rightly"


class Outcome(NamedTuple):
    """What came of one try.

    Attributes:
        name: by which it can be made again: what was attacked, and the seed.
        kind: a word or two for the table; ``wrong`` where a promise was broken.
        text: what was said.
    """

    name: str
    kind: str
    text: str = ""


@dataclass(frozen=True)
class Tally:
    """The outcomes of many tries of one kind.

    Attributes:
        topic: the module that tried.
        tried: what was tried, as the table says it.
        counts: tries by outcome.
        wrong: those by which a promise was broken, each with its name.
    """

    topic: str
    tried: str
    counts: Mapping[str, int]
    wrong: tuple[str, ...] = ()

    @classmethod
    def of(cls, topic: str, tried: str, outcomes: Iterable[Outcome]) -> Tally:
        """Count outcomes."""
        outcomes = list(outcomes)
        wrong = tuple(f"{outcome.name}: {outcome.text}" for outcome in outcomes if outcome.kind == WRONG)
        return cls(topic, tried, Counter(outcome.kind for outcome in outcomes), wrong)

    @property
    def tries(self) -> int:
        return sum(self.counts.values())

    def cells(self) -> tuple[str, str, str, str, str]:
        """The row of the table: topic, what was tried, how often, outcomes that are right, and how many are wrong."""
        right = sorted((count, kind) for kind, count in self.counts.items() if kind != WRONG)
        outcomes = ", ".join(f"{count:,} {kind}" for count, kind in reversed(right))
        return self.topic, self.tried, f"{self.tries:,}", outcomes, f"{self.counts.get(WRONG, 0):,}"


def markdown(tallies: Sequence[Tally]) -> str:
    """The table of docs/reliability.md."""
    head = ("topic", "what is tried", "tries", "outcomes", "wrong")
    rows = [head, ("---", "---", "--:", "---", "--:"), *(tally.cells() for tally in tallies)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
