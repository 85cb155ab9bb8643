"""The folder of the figures of a run: every chart as a picture, every table as CSV and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ...errors import SettingsError, StorageError
from ...records.run import Baseline, RunRecord
from ...storage.whole_files import written_whole
from ..cases import groups_of, ranked_rows
from ..charts.all_charts import charts_of, run_charts
from ..charts.chart import Chart
from ..formatting import amount
from .pictures import FORMATS, drawn
from .table_texts import csv_text, latex_text
from .tables import FigureTable, group_tables, run_tables


class WrittenFigures(NamedTuple):
    """What lies in a folder: how many charts and tables, in how many files."""

    folder: Path
    charts: int
    tables: int
    files: int

    @property
    def text(self) -> str:
        """In one line."""
        charts = f"{amount(self.charts, 'chart')} (SVG, PNG, PDF)"
        tables = f"{amount(self.tables, 'table')} (CSV, LaTeX)"
        return f"wrote {charts} and {tables} to {self.folder}: {amount(self.files, 'file')}"


def check_folder(folder: Path) -> None:
    """Check that figures may be written to a folder, before anything costs time.

    Raises:
        SettingsError: there is something of the name that is no folder.
    """
    for path in (folder, *folder.parents):
        if path.exists():
            if not path.is_dir():
                raise SettingsError(f"{path}: is a file, and the figures need a folder; name another one")
            return


def write_figures(record: RunRecord, folder: Path, baselines: Sequence[Baseline] | None = None) -> WrittenFigures:
    """Write the charts and tables of a run.

    What belongs to one test set has its number behind the name (``bubbles-1.svg``, ``ranking-1.csv``), in the order of
    the page; what spans the run has none (``budgets.csv``). The same run gives the same bytes.

    Args:
        record: of the run, with its checks.
        folder: that is made where it is not there; files of the same names are replaced, others stay.
        baselines: to compare with; None for those that the run was compared with.

    Raises:
        SettingsError: the folder is a file.
        StorageError: the folder or a file cannot be written.
    """
    check_folder(folder)
    charts: dict[str, Chart] = {chart.name: chart for chart in run_charts(record)}
    tables: dict[str, FigureTable] = {table.name: table for table in run_tables(record, baselines)}
    with_results = (group for group in groups_of(record) if group.results)
    for number, group in enumerate(with_results, 1):
        rows = ranked_rows(group)[0]
        charts |= {f"{chart.name}-{number}": chart for chart in charts_of(group, rows)}
        tables |= {f"{table.name}-{number}": table for table in group_tables(group, rows)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be made: {error.strerror}") from error
    contents = {f"{name}.{form}": drawn(chart, form) for name, chart in charts.items() for form in FORMATS}
    for name, table in tables.items():
        contents |= {f"{name}.csv": csv_text(table).encode(), f"{name}.tex": latex_text(table).encode()}
    for file_name, content in contents.items():
        with written_whole(folder / file_name) as file:
            file.write(content)
    return WrittenFigures(folder, len(charts), len(tables), len(contents))
