"""Tables of the terminal: columns give way until the width suffices, then names are cut, then texts are wrapped."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from ..formatting import shortened

_SHORTEST_NAME = 8

Cells = Sequence[Mapping[str, str]]


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
        rows: cells by header, the same headers in each; at least one. A function is called with the headers that have
            given way, and returns the rows without them; so a header may also stand for a part of a cell.
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
    longest = max(len(row[names]) for row in remaining)
    if wrapping and longest - excess < _SHORTEST_NAME:
        return _wrapped([{**row, names: ""} for row in remaining], style, wrapping, width)
    cut = shortened([row[names] for row in remaining], max(_SHORTEST_NAME, longest - excess))
    return _laid_out([{**row, names: name} for row, name in zip(remaining, cut, strict=True)], style)


def _excess(table: Table, width: int) -> int:
    return max(map(len, table.lines)) - width


def _wrapped(rows: Cells, style: _Style, header: str, width: int) -> Table:
    """Lay out the table with the texts of one column in as many lines as the width asks for."""
    table = _laid_out(rows, style)
    if (excess := _excess(table, width)) <= 0:
        return table
    room = max(1, max(len(row[header]) for row in rows) - excess)
    return _laid_out(rows, style, {header: room})


def _laid_out(rows: Cells, style: _Style, widest: Mapping[str, int] | None = None) -> Table:
    """Lay out the table as it is; ``widest``: columns of the terminal that the cells under a header may take."""
    from tabulate import tabulate

    headers = [header for header in rows[0] if any(row[header] for row in rows)]
    sides = [
        "left" if header in style.left else "decimal" if header in style.decimal else "right" for header in headers
    ]
    text = tabulate(
        [[row[header] for header in headers] for row in rows],
        headers=headers,
        colalign=sides,
        disable_numparse=True,
        preserve_whitespace=True,
        maxcolwidths=[widest.get(header) for header in headers] if widest else None,
    )
    return Table([line.rstrip() for line in text.splitlines()], tuple(headers))
