"""Words, numbers, times and names in lines, whatever shows them.

It imports nothing heavy: `opml doctor` shows its findings where packages are missing.
"""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile

_HASH_DIGITS = 10


def amount(number: int, one: str, many: str = "") -> str:
    """Return so many of something: ``1 run``, ``2,000 runs``; ``many`` where it is not ``one`` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def sentence_case(text: str) -> str:
    """Return a text with a capital at its beginning; the other letters stay as they are."""
    return text[:1].upper() + text[1:]


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text in one line takes: two for a letter of Chinese, none for a mark."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def wrapped(text: str, width: int) -> list[str]:
    """Break a text into lines of at most ``width`` columns; those after the first are indented."""
    return textwrap.wrap(" ".join(text.split()), width, subsequent_indent="  ", break_on_hyphens=False)


def three_digits(value: float) -> str:
    """Return a number to three significant digits, at most four decimals, and never with an exponent."""
    decimals = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{min(max(decimals, 0), 4)}f}"


def shortened(names: Sequence[str], length: int) -> list[str]:
    """Cut names in their middle, where it leaves them distinct; the end, with the technique, keeps the most.

    Where no such cut does, what they have in common at their beginning and end goes first.
    """
    length = max(length, 5)

    def cut(head: int) -> list[str]:
        return [name if len(name) <= length else f"{name[:head]}…{name[head + 1 - length :]}" for name in names]

    third = (length - 1) // 3
    heads = sorted(range(1, length - 1), key=lambda head: abs(head - third))
    distinct = next((texts for texts in map(cut, heads) if len(set(texts)) == len(set(names))), None)
    if distinct is not None:
        return distinct
    own = _without_common_parts(names)
    return cut(third) if own == list(names) else shortened(own, length)


def _without_common_parts(names: Sequence[str]) -> list[str]:
    """Return the names without the parts, between slashes, that all begin or end with; each keeps one at least."""
    parts = [name.split("/") for name in names]
    first = _common(parts)
    last = _common([part[first:][::-1] for part in parts])
    lead, rest = "…/" if first else "", "/…" if last else ""
    return [f"{lead}{'/'.join(part[first : len(part) - last])}{rest}" for part in parts]


def _common(parts: Sequence[Sequence[str]]) -> int:
    """Return how many parts all begin with, where each has one more."""
    shortest = min(map(len, parts))
    alike = takewhile(lambda number: len({part[number] for part in parts}) == 1, range(shortest - 1))
    return sum(1 for _ in alike)


def header_line(header: str) -> str:
    """Return the header of a column in one line: ``time, s`` for that of two lines."""
    name, _, unit = header.partition("\n")
    return f"{name}, {unit}" if unit in ("s", "ms", "MB", "J") else f"{name} {unit}".strip()


def minute(when: datetime) -> str:
    """Return a time to the minute, in the time zone that it has: UTC in what is stored."""
    return f"{when:%Y-%m-%d %H:%M}"


def clock(seconds: float) -> str:
    """Return a time as a clock shows it, in hours, minutes and seconds: ``0:31:02``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60:,}:{minutes % 60:02}:{rest:02}"


def short_hash(commit: str | None) -> str:
    """Return the first ten digits of a commit's hash, which are enough to find it; empty for no commit."""
    return (commit or "")[:_HASH_DIGITS]


def signed(value: float, decimals: int) -> str:
    """Return a difference with its sign; what rounds to zero is ``+0``, never ``-0``."""
    return f"{round(value, decimals) + 0.0:+.{decimals}f}"


def signed_sum(parts: Sequence[float], decimals: int) -> tuple[str, tuple[str, ...]]:
    """Return a sum and its parts with their signs; the parts are rounded so that they add up to the rounded sum."""
    scale = 10**decimals
    exact = [part * scale for part in parts]
    whole = [round(part) for part in exact]
    total = round(round(sum(parts), decimals) * scale)
    lacking = total - sum(whole)
    step = 1 if lacking > 0 else -1
    # those change that were rounded the farthest in the other direction
    by_remainder = sorted(range(len(parts)), key=lambda number: step * (whole[number] - exact[number]))
    for number in by_remainder[: abs(lacking)]:
        whole[number] += step
    return signed(total / scale, decimals), tuple(signed(part / scale, decimals) for part in whole)
