"""A table that fits the terminal: columns give way, then names are cut."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..formatting import shortened

_SHORTEST_NAME = 12


def fitted(
    rows: Sequence[Mapping[str, str]],
    width: int,
    *,
    left: Collection[str] = (),
    yielding: Sequence[str] = (),
    names: str = "",
) -> list[str]:
    """The rows under their headers, without columns that are empty.

    Args:
        rows: cells by header, the same headers in each; at least one.
        width: columns that no line exceeds, where that can be had.
        left: headers whose cells are set to the left; the others are set to the right.
        yielding: headers of the columns that give way until it fits, the first one first.
        names: header of the column whose cells are cut in their middle when nothing is left to give way.
    """
    hidden = 0
    while max(map(len, lines := _rendered(rows, left, yielding[:hidden]))) > width and hidden < len(yielding):
        hidden += 1
    excess = max(map(len, lines)) - width
    if excess <= 0 or not names:
        return lines
    cells = [row[names] for row in rows]
    short = shortened(cells, max(_SHORTEST_NAME, max(map(len, cells)) - excess))
    cut = [{**row, names: name} for row, name in zip(rows, short, strict=True)]
    return _rendered(cut, left, yielding)


def _rendered(rows: Sequence[Mapping[str, str]], left: Collection[str], hidden: Collection[str]) -> list[str]:
    from tabulate import tabulate

    shown = [header for header in rows[0] if header not in hidden and any(row[header] for row in rows)]
    cells = [[row[header] for header in shown] for row in rows]
    aligned = ["left" if header in left else "right" for header in shown]
    text = tabulate(cells, headers=shown, disable_numparse=True, colalign=aligned, preserve_whitespace=True)
    return [line.rstrip() for line in text.splitlines()]
