"""What a run shows in the terminal: a ranking for each test set, and what became of the budgets."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ...records.run import RunRecord
from ..cases import Group, Row, groups_of, ranked_rows
from ..formatting import shortened, wrapped
from ..ranking_columns import _BESIDE, WIDE, WIDE_ONLY, columns_of, device_text, failure_text, heading, legend

# What gives way until a table fits, the first one first: columns by header, then the half widths beside two values.
_YIELDING = (*WIDE_ONLY, "norm", "accuracy ±", "OpScore ±", _BESIDE)


def ranking_lines(record: RunRecord, width: int) -> list[str]:
    """The results of a run ranked by OpScore, in one table for each data set, split, input size and seed.

    Args:
        record: the run; its failures follow the tables, the notes of its results are footnotes.
        width: columns that no line exceeds; from ``WIDE`` on, a table shows more.

    Returns:
        Lines of plain text; none for a run without results and failures.
    """
    lines: list[str] = []
    groups = groups_of(record)
    for group in groups:
        lines += [*_group_lines(group, width), ""]
    return [*lines, *wrapped(legend(groups, record), width)] if record.results else lines[:-1]


def device_lines(record: RunRecord, width: int) -> list[str]:
    """What the cases ran on, in lines.

    Args:
        record: the run.
        width: columns that no line exceeds.
    """
    return [line for device in record.devices for line in wrapped(f"device {device_text(device)}", width)]


def _group_lines(group: Group, width: int) -> list[str]:
    if not group.results:
        return [*wrapped(group.title, width), *_failure_lines(group, width)]
    rows, notes = ranked_rows(group)
    footnotes = [line for note, mark in notes.items() for line in wrapped(f"{mark} {note}", width)]
    return [*wrapped(heading(group), width), "", *_table(rows, width), *_failure_lines(group, width), *footnotes]


def _failure_lines(group: Group, width: int) -> list[str]:
    return [
        line
        for failure in group.failures
        for line in wrapped(f"no result: {group.names[failure.case.id]}: {failure_text(failure)}", width)
    ]


def _table(rows: Sequence[Row], width: int) -> list[str]:
    hidden = 0 if width >= WIDE else len(WIDE_ONLY)
    lines = _rendered(rows, _YIELDING[:hidden])
    while (excess := max(map(len, lines)) - width) > 0 and hidden < len(_YIELDING):
        hidden += 1
        lines = _rendered(rows, _YIELDING[:hidden])
    if excess > 0:
        longest = max(len(row.name) for row in rows) - excess
        names = shortened([row.name for row in rows], longest)
        lines = _rendered([row._replace(name=name) for row, name in zip(rows, names, strict=True)], _YIELDING)
    return lines


def _rendered(rows: Sequence[Row], hidden: Collection[str]) -> list[str]:
    from tabulate import tabulate

    shown = columns_of(rows, hidden)
    text = tabulate(
        [[column.cell(row) for column in shown] for row in rows],
        headers=[column.header for column in shown],
        colalign=[column.align for column in shown],
        disable_numparse=True,
    )
    return [line.rstrip() for line in text.splitlines()]
