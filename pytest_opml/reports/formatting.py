"""Words, numbers and names in lines.

It imports nothing heavy: `opml doctor` shows what it found where packages are missing.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile


def amount(number: int, one: str, many: str = "") -> str:
    """So many of something: ``1 run``, ``2,000 runs``; ``many``: where it is not ``one`` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines, those after the first indented."""
    return textwrap.wrap(" ".join(text.split()), width, subsequent_indent="  ", break_on_hyphens=False)


def three_digits(value: float) -> str:
    """Three significant digits, and never an exponent."""
    decimals = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{min(max(decimals, 0), 4)}f}"


def shortened(names: Sequence[str], length: int) -> list[str]:
    """The names cut in their middle, where it leaves them distinct; the end, with the technique, keeps the most.

    Where no such cut does, what they have in common at their beginning and end goes first.
    """
    length = max(length, 5)

    def cut(head: int) -> list[str]:
        return [name if len(name) <= length else f"{name[:head]}…{name[head + 1 - length :]}" for name in names]

    third = (length - 1) // 3
    heads = sorted(range(1, length - 1), key=lambda head: abs(head - third))
    distinct = next((found for found in map(cut, heads) if len(set(found)) == len(set(names))), None)
    if distinct is not None:
        return distinct
    own = _without_common_parts(names)
    return cut(third) if own == list(names) else shortened(own, length)


def _without_common_parts(names: Sequence[str]) -> list[str]:
    """The names without the parts, between slashes, that all of them begin or end with; each keeps one at least."""
    parts = [name.split("/") for name in names]
    first = _common(parts)
    last = _common([part[first:][::-1] for part in parts])
    lead, rest = "…/" if first else "", "/…" if last else ""
    return [f"{lead}{'/'.join(part[first : len(part) - last])}{rest}" for part in parts]


def _common(parts: Sequence[Sequence[str]]) -> int:
    """How many parts all begin with, of which each has one more."""
    shortest = min(map(len, parts))
    alike = takewhile(lambda number: len({part[number] for part in parts}) == 1, range(shortest - 1))
    return sum(1 for _ in alike)


_COMMIT = 10


def moment(when: datetime) -> str:
    """In UTC, to the minute."""
    return f"{when:%Y-%m-%d %H:%M}"
