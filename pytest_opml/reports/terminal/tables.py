"""Tables of the terminal: columns give way until the width suffices, then names are cut, then texts are wrapped."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from ...printable import printable
from ..formatting import columns_of, shortened
from .styles import Line, Span, Style, parts

_SHORTEST_NAME = 8
# Planes of private use, of which no printable text has a letter.
_FIRST_SIGN, _FILLER = 0xF0000, "\U0010fffd"

Cells = Sequence[Mapping[str, str]]


class Lines(Line):
    """A cell of several lines: its line feeds are ours, where those of any other text are none of the table's."""


class Table(NamedTuple):
    """The lines of a table, and the headers of the columns that it has room for."""

    lines: list[str]
    headers: tuple[str, ...]


class _Style(NamedTuple):
    """How the columns are set, by header; those in none of the two are set to the right."""

    left: Collection[str]
    decimal: Collection[str]


def fitted(
    rows: Cells | Callable[[Collection[str]], Cells],
    width: int,
    *,
    left: Collection[str] = (),
    decimal: Collection[str] = (),
    yielding: Sequence[str] = (),
    names: str = "",
    wrapping: str = "",
) -> Table:
    """Lay out rows under their headers, without columns that are empty.

    Args:
        rows: cells by header, the same headers in each, at least one; a cell may have styles. A function is called
            with the headers that have given way, and returns the rows without them; so a header may also stand for a
            part of a cell.
        width: columns that no line exceeds, where that can be had.
        left: headers whose cells are set to the left; the others are set to the right.
        decimal: headers whose cells are set by their decimal point.
        yielding: headers of the columns that give way until the table fits, the first one first.
        names: header of the column whose cells are cut in their middle when nothing is left to give way.
        wrapping: header of the column whose texts are wrapped when names cannot be cut enough; that of the names goes.
    """
    style = _Style(left, decimal)

    def without(count: int) -> Cells:
        hidden = yielding[:count]
        given = rows(hidden) if callable(rows) else rows
        return [{header: text for header, text in row.items() if header not in hidden} for row in given]

    count = 0
    while (excess := _excess(table := _laid_out(without(count), style), width)) > 0 and count < len(yielding):
        count += 1
    if excess <= 0 or not names:
        return table
    remaining = without(len(yielding))
    longest = max(columns_of(row[names]) for row in remaining)
    if wrapping and longest - excess < _SHORTEST_NAME:
        return _wrapped([{**row, names: ""} for row in remaining], style, wrapping, width)
    for length in range(max(_SHORTEST_NAME, longest - excess), _SHORTEST_NAME - 1, -1):
        cut = shortened([row[names] for row in remaining], length)
        table = _laid_out([{**row, names: name} for row, name in zip(remaining, cut, strict=True)], style)
        if _excess(table, width) <= 0:  # at once, but where letters take two columns
            break
    return table


def _excess(table: Table, width: int) -> int:
    return max(map(columns_of, table.lines)) - width


def _wrapped(rows: Cells, style: _Style, header: str, width: int) -> Table:
    """Lay out the table with the texts of one column in as many lines as the width asks for."""
    table = _laid_out(rows, style)
    if (excess := _excess(table, width)) <= 0:
        return table
    room = max(1, max(columns_of(row[header]) for row in rows) - excess)
    return _laid_out(rows, style, {header: room})


def _laid_out(rows: Cells, style: _Style, widest: Mapping[str, int] | None = None) -> Table:
    """Lay out the table as it is; ``widest``: columns of the terminal that the cells under a header may take."""
    from tabulate import tabulate

    headers = [header for header in rows[0] if any(row[header] for row in rows)]
    sides = [
        "left" if header in style.left else "decimal" if header in style.decimal else "right" for header in headers
    ]
    signs = _Signs()
    text = tabulate(
        [[signs.of(row[header]) for header in headers] for row in rows],
        headers=headers,
        colalign=sides,
        disable_numparse=True,
        preserve_whitespace=True,
        maxcolwidths=[widest.get(header) for header in headers] if widest else None,
    )
    return Table([signs.read(line.rstrip()) for line in text.split("\n")], tuple(headers))


class _Signs:
    """Stand-ins for letters that take two columns of a terminal, have marks that take none, or have a style.

    tabulate counts each letter as one column, so such a letter is one of private use and a filler for its second one.
    """

    def __init__(self) -> None:
        self._signs: dict[tuple[str, Style | None], str] = {}

    def of(self, text: str) -> str:
        """Return a text in one line of as many letters as it takes columns."""
        letters: list[tuple[str, Style | None]] = []
        for part, style in parts(text):
            for char in printable(part, lines=isinstance(text, Lines)):
                if letters and not columns_of(char):
                    letters[-1] = (letters[-1][0] + char, letters[-1][1])
                else:
                    # where a text may be broken, it stays what it is
                    letters.append((char, None if char.isspace() else style))
        return "".join(self._sign(letter, style) for letter, style in letters)

    def _sign(self, letter: str, style: Style | None) -> str:
        columns = columns_of(letter)
        if style is None and len(letter) == columns:
            return letter
        sign = self._signs.setdefault((letter, style), chr(_FIRST_SIGN + len(self._signs)))
        return sign + _FILLER * (columns - 1)

    def read(self, line: str) -> Line:
        """Return a line of such texts with the letters that the signs stand for, and their styles."""
        letters = {sign: letter for letter, sign in self._signs.items()}
        text, spans = "", list[Span]()
        for char in line.replace(_FILLER, ""):
            letter, style = letters.get(char, (char, None))
            if style is not None:
                # the words of a cell have one blank between them, and two cells have more
                is_next = bool(spans) and spans[-1].style is style and text[spans[-1].end :] in ("", " ")
                start = spans.pop().start if is_next else len(text)
                spans.append(Span(start, len(text) + len(letter), style))
            text += letter
        return Line(text, spans)
