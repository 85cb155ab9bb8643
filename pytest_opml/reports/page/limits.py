"""How much of a page is written where there is no room for all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Limits(NamedTuple):
    """The most that is written of each kind of thing; None for all.

    Attributes:
        sets: test sets.
        rows: of each table, and cases whose budgets are explained.
        items: of each list: notes, failures, facts.
        columns: of each table.
        has_details: whether the tables of slices and confusions are there.
        text: characters of each text but the headline.
    """

    sets: int | None = None
    rows: int | None = None
    items: int | None = None
    columns: int | None = None
    has_details: bool = True
    text: int | None = None


EVERYTHING = Limits()
# From the most to the least: none of a line is more than of the line before.
_LEVELS = (
    EVERYTHING,
    *(Limits(rows=rows, items=200) for rows in (200, 100, 50, 20)),
    *(Limits(sets, 20, 50, has_details=False) for sets in (200, 140, 100, 80, 70, 60, 50, 40, 30)),
    *(Limits(sets, 10, 20, has_details=False) for sets in (30, 20, 10)),
    *(Limits(sets, 5, 10, 30, has_details=False, text=200) for sets in (10, 5, 2)),
    Limits(1, 3, 3, 20, has_details=False, text=80),
    Limits(1, 1, 1, 12, has_details=False, text=40),
)


def widest(fits: Callable[[Limits], bool]) -> Limits:
    """Return the widest limits within which a page fits, or the narrowest that there are."""
    low, high = 0, len(_LEVELS) - 1
    while low < high:
        middle = (low + high) // 2
        if fits(_LEVELS[middle]):
            high = middle
        else:
            low = middle + 1
    return _LEVELS[low]
