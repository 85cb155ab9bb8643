"""The cases of a run on one test set, as a page shows them: the ranking, charts, slices and confusions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ...records.result import Key, Result
from ..cases import CaseGroup, RankingRow, ranked_rows
from ..charts.all_charts import charts_of
from ..formatting import header_line
from ..ranking_columns import DIFFERENCE, WIDE_ONLY, Column, columns_of, failure_text, heading
from ..slice_tables import confusion_rows, matrix_rows, slice_rows
from .model import Ids, Kind, Mark, NoResult, Table, TestSet

_NARROW = [header for header in WIDE_ONLY if header != DIFFERENCE]
_MOST_IN_DETAILS = 20  # cases, the best ones: each is a column of the table of slices


def test_set_of(group: CaseGroup, best: set[Key]) -> TestSet:
    """Lay out the cases of a group.

    Args:
        group: of cases whose scores may be compared.
        best: the cases that are the best within their budgets.
    """
    failures = tuple(NoResult(group.names[failure.case.id], failure_text(failure)) for failure in group.failures)
    if not group.results:
        return TestSet(group.title, None, (), failures)
    rows, notes = ranked_rows(group)
    measured = [row.result for row in rows if row.result]
    full = _ranking(rows, best)
    return TestSet(
        title=heading(group),
        table=_without(full, [header_line(header) for header in _NARROW]),
        notes=tuple(f"{mark} {note}" for note, mark in notes.items()),
        failures=failures,
        full_table=full,
        charts=tuple(charts_of(group, rows)),
        details=tuple(_details(measured[:_MOST_IN_DETAILS], group.names)),
    )


def _ranking(rows: Sequence[RankingRow], best: set[Key]) -> Table:
    """Return the ranking with all columns that have anything to show."""
    columns = columns_of(rows, ())
    kinds: dict[str, Kind] = {"case": "name"}
    return Table(
        title="Ranking by OpScore",
        headers=tuple(header_line(column.header) for column in columns),
        kinds=tuple(kinds.get(column.header, "number") for column in columns),
        rows=tuple(tuple(_cell(column, row) for column in columns) for row in rows),
        marks=tuple(_mark(row, best) for row in rows),
        cases=Ids(row.entry.name if row.result else "" for row in rows),
    )


def _without(table: Table, headers: Sequence[str]) -> Table:
    """Return a table without the columns of these headers."""
    columns = [number for number, header in enumerate(table.headers) if header not in headers]
    return replace(
        table,
        headers=tuple(table.headers[number] for number in columns),
        kinds=tuple(table.kinds[number] for number in columns),
        rows=tuple(tuple(row[number] for number in columns) for row in table.rows),
    )


def _details(results: Sequence[Result], names: Mapping[str, str]) -> Iterator[Table]:
    """Yield the tables of slices and of confusions; the matrix is that of the first case in the ranking."""
    titled = {
        "Slices": slice_rows(results, names),
        "Confusions": confusion_rows(results, names),
        f"Answers of {names[results[0].case.id]} by class": matrix_rows(results[0].confusion),
    }
    for title, rows in titled.items():
        if rows:
            headers = tuple(rows[0])
            kinds: tuple[Kind, ...] = ("name", *("text" if title == "Confusions" else "number" for _ in headers[1:]))
            cells = tuple(tuple(row[header] for header in headers) for row in rows)
            plain: Mark = ""
            yield Table(title, headers, kinds, cells, (plain,) * len(rows))


def _cell(column: Column, row: RankingRow) -> str:
    """Return a cell without the dash that stands in a terminal for the half width of a fictitious model."""
    return column.cell(row).removesuffix(" -").rstrip()


def _mark(row: RankingRow, best: set[Key]) -> Mark:
    if row.result is None:
        return "bound"
    return "best" if row.result.key in best else ""
