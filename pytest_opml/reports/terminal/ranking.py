"""The results of a run in the terminal: a ranking for each test set, and what the cases ran on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ...records.run import RunRecord
from ..cases import CaseGroup, RankingRow, groups_of, ranked_rows
from ..formatting import wrapped
from ..ranking_columns import TIME_RATIO, WIDE_ONLY, columns_of, device_text, failure_text, heading, legend
from ..slice_tables import lowest_slices
from .front import front_lines
from .styles import Style, all_styled, styled, with_head
from .tables import fitted

# From so many columns of the terminal on, a table shows all that there is.
_WIDE = 120

# What gives way until a table fits, the first one first: columns by header, then the half widths beside two values.
_YIELDING = ("norm", "quality ±", "OpScore ±", TIME_RATIO)


def ranking_lines(record: RunRecord, width: int, *, with_front: bool = False) -> list[str]:
    """Rank the results of a run by OpScore, in one table for each test set.

    Args:
        record: the run; its failures follow the tables, the notes of its results are footnotes.
        width: columns that no line exceeds; from 120 on, a table shows more.
        with_front: whether a chart of the front follows each table that has use for one.

    Returns:
        Lines of plain text; none for a run without results and failures.
    """
    lines: list[str] = []
    groups = groups_of(record)
    for group in groups:
        lines += [*_group_lines(group, width, with_front=with_front), ""]
    return [*lines, *wrapped(legend(groups, record), width)] if record.results else lines[:-1]


def device_lines(record: RunRecord, width: int) -> list[str]:
    """Say what the cases ran on.

    Args:
        record: the run.
        width: columns that no line exceeds.
    """
    return [line for device in record.devices for line in wrapped(f"device {device_text(device)}", width)]


def _group_lines(group: CaseGroup, width: int, *, with_front: bool) -> list[str]:
    if not group.results:
        return [*wrapped(group.title, width), *_failure_lines(group, width)]
    rows, notes = ranked_rows(group)
    footnotes = [line for note, mark in notes.items() for line in wrapped(f"{mark} {note}", width)]
    measured = [row.result for row in rows if row.result]
    slices = [line for text in lowest_slices(measured, group.names) for line in wrapped(text, width)]
    table = [*all_styled(wrapped(heading(group), width), Style.STRONG), "", *_table(rows, width)]
    front = front_lines(rows, width) if with_front else []
    return [*table, *_failure_lines(group, width), *slices, *footnotes, *([""] if front else []), *front]


def _failure_lines(group: CaseGroup, width: int) -> list[str]:
    texts = (f"no result: {group.names[failure.case.id]}: {failure_text(failure)}" for failure in group.failures)
    return [line for text in texts for line in with_head(wrapped(text, width), "no result", Style.BAD)]


def _table(rows: Sequence[RankingRow], width: int) -> list[str]:
    first = () if width >= _WIDE else WIDE_ONLY

    def cells(hidden: Collection[str]) -> list[Mapping[str, str]]:
        columns = columns_of(rows, (*first, *hidden))
        return [{column.header: column.cell(row) for column in columns} for row in rows]

    columns = columns_of(rows, ())
    table = fitted(
        cells,
        width,
        left=[column.header for column in columns if column.align == "left"],
        decimal=[column.header for column in columns if column.align == "decimal"],
        yielding=_YIELDING if first else (*WIDE_ONLY, *_YIELDING),
        names="case",
    )
    heads = len(table.lines) - len(rows)
    return [*table.lines[:heads], *map(_row_line, rows, table.lines[heads:])]


def _row_line(row: RankingRow, line: str) -> str:
    """Return the line of a row: the best case stands out, and the rows that are no cases step back."""
    if row.result is None:
        return styled(line, Style.FAINT)
    return styled(line, Style.STRONG) if row.place.lstrip("*") == "1" else line
