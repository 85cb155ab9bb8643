"""The data files of a site: a file for each run, and for each case its rows over all runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...history.base import History, Outline, Release
from ...printable import printable
from ...records.run import Check
from ..web.assets import as_script_data
from .badge import write_badges
from .files import Segments, read_script, write_script
from .index import NAME, generation_folder, index_document
from .run_document import (
    NO_BUDGET,
    NO_RESULT,
    Place,
    budget_rows,
    checks_by_place,
    checks_on,
    list_row,
    outcomes,
    run_document,
    series_of,
)
from .series import READ_ROWS, RowOfSeries, entry_of, in_order, steps_of
from .state import Numbers, Series, SiteState

_LIST_ROWS = 1_000  # of the list of runs in one file


class DataFiles:
    """Writes the data of runs; what was written is the site's once the index and the state say so.

    Args:
        folder: with the data of all builds.
        state: what the site was built from, which is brought up to date.
    """

    def __init__(self, folder: Path, state: SiteState) -> None:
        self._folder, self._state = folder, state
        self._root = generation_folder(state)
        self._machines, self._branches = Numbers(state.machines), Numbers(state.branches)
        self._cases = Numbers(state.cases)
        self._series = {Place(state.cases[one.case], one.profile): at for at, one in enumerate(state.series)}
        self._lines: dict[int, list[str]] = {}
        self._runs: list[str] = []
        self._touched: dict[int, None] = {}  # series, in the order in which they were met
        self._budgets: dict[int, tuple[int, Sequence[Check]]] = {}
        self._branch_of = {run[0]: run[1] for run in state.runs.values()}
        self._ranks: dict[str, int] = {}
        self._rank_of: dict[int, int] = {}
        self._newest_before = -1
        self._without_budgets: list[int] = []  # series that had them of a run which is gone

    # --- runs that are gone

    def remove(self, run_ids: Sequence[str]) -> None:
        """Take runs out of the lists that they are in; ``clean`` removes their files.

        Raises:
            DamagedSite: the file of one cannot be read, and nothing was changed; or a list cannot be.
        """
        numbers = {self._state.runs[run_id][0] for run_id in run_ids}
        if not numbers:
            return
        touched: dict[int, None] = {}
        for number in sorted(numbers):
            document = read_script(self._folder, self._run_name(number))
            touched |= dict.fromkeys(series_of(document))
        for run_id in run_ids:
            del self._branch_of[self._state.runs.pop(run_id)[0]]
        for place in touched:
            series = self._state.series[place]
            self._segments(place).drop(numbers)
            if series.budgets_run in numbers:
                series.budgets_run = None
                self._without_budgets.append(place)
        self._list().drop(numbers)
        self._touched |= touched

    # --- runs that are new

    def place(self, run_ids: Sequence[str]) -> None:
        """Note the order of all runs, from the oldest to the newest."""
        self._ranks = {run_id: rank for rank, run_id in enumerate(run_ids)}
        self._rank_of = {number: self._ranks[run_id] for run_id, (number, _) in self._state.runs.items()}
        self._newest_before = max(self._rank_of.values(), default=-1)

    def add(self, outline: Outline) -> None:
        """Add a run, the oldest of several first."""
        short, state = outline.summary, self._state
        number, state.next_run = state.next_run, state.next_run + 1
        branch = self._branches.of(printable(short.branch or ""))
        state.runs[short.run_id] = [number, branch]
        self._branch_of[number] = branch
        rank = self._rank_of[number] = self._ranks[short.run_id]
        checks = checks_by_place(outline.run.checks)
        its_outcomes = outcomes(outline)
        for outcome in its_outcomes:
            at = self._series_of(outcome.place)
            series = state.series[at]
            series.in_order = series.in_order and rank > self._newest_before
            lines = self._lines.setdefault(at, [])
            lines.append(outcome.line(number, self._machines.of(outcome.machine)))
            if own := checks_on(outcome.place, checks):
                self._offer_budgets(at, number, own)
        document = run_document(number, outline, its_outcomes, self._series, self._machines)
        write_script(self._folder, self._run_name(number), document)
        self._runs.append(as_script_data(list_row(number, branch, outline)))
        if sum(map(len, self._lines.values())) > 100_000:
            self._flush()

    def _series_of(self, place: Place) -> int:
        if place not in self._series:
            self._series[place] = len(self._state.series)
            self._state.series.append(Series(self._cases.of(place.case_id), place.profile))
        at = self._series[place]
        self._touched[at] = None
        return at

    def _offer_budgets(self, at: int, number: int, checks: Sequence[Check]) -> None:
        """Take the checks of a run for the budgets of a series, unless it has those of a newer one."""
        series = self._state.series[at]
        if series.budgets_run is None or self._rank_of[number] > self._rank_of.get(series.budgets_run, -1):
            series.budgets_run = number
            self._budgets[at] = (number, checks)

    def _flush(self) -> None:
        for at, lines in self._lines.items():
            segments = self._segments(at)
            segments.append(lines)
            self._state.series[at].segments = segments.count
        self._lines = {}
        if self._runs:
            runs = self._list()
            runs.append(self._runs)
            self._state.run_segments, self._runs = runs.count, []

    # --- what follows from them

    def finish(self, history: History, main: int | None) -> None:
        """Write what follows from the runs: the steps of each case that has new rows, and its entry in the index.

        Args:
            history: that is asked for the budgets of a case whose newest run is gone.
            main: number of the main branch; None where there is none.
        """
        self._flush()
        state = self._state
        state.runs = dict(sorted(state.runs.items(), key=lambda item: self._rank_of[item[1][0]]))
        runs = self._list()
        numbers = (runs.first_number(segment) for segment in range(len(state.first_runs), state.run_segments))
        state.first_runs = [*state.first_runs, *numbers]
        self._renew_budgets(history)
        if main != state.main:
            self._touched |= dict.fromkeys(range(len(state.series)))
            state.main = main
        for at in self._touched:
            series = state.series[at]
            series.entry = []
            if rows := self._rows(at):
                steps = steps_of(rows, self._branch_of.__getitem__, main)
                series.entry = entry_of(rows, self._branch_of.__getitem__, main, steps)
                self._write_facts(at, steps)

    def _rows(self, at: int) -> list[RowOfSeries]:
        series = self._state.series[at]
        rows = self._segments(at).newest(READ_ROWS if series.in_order else None)
        return in_order(rows, self._rank_of.__getitem__)

    def _renew_budgets(self, history: History) -> None:
        """Find the budgets of series that had them of a run which is gone."""
        ids = {number: run_id for run_id, (number, _) in self._state.runs.items()}
        wanted: dict[str, list[int]] = {}
        for at in self._without_budgets:
            judged = (row[0] for row in reversed(self._rows(at)) if row[2] not in (NO_BUDGET, NO_RESULT))
            if (number := next(judged, None)) is not None:
                wanted.setdefault(ids[number], []).append(at)
        for outline in history.outlines(wanted):
            checks = checks_by_place(outline.run.checks)
            for at in wanted[outline.summary.run_id]:
                number = self._state.runs[outline.summary.run_id][0]
                self._offer_budgets(at, number, checks_on(self._place(at), checks))

    def _write_facts(self, at: int, steps: object) -> None:
        name, series = f"{self._series_name(at)}/facts", self._state.series[at]
        if at in self._budgets:
            budgets = budget_rows(self._budgets[at][1])
        elif series.budgets_run is not None:
            budgets = read_script(self._folder, name)["budgets"]
        else:
            budgets = []
        write_script(self._folder, name, {"steps": steps, "budgets": budgets, "budgets_run": series.budgets_run})

    def write_index(self, site: Path, releases: Sequence[Release], main: int | None, title: str) -> None:
        """Write the badges that changed, and then the index, with which the new data are the site's."""
        names = write_badges(site, self._state, main)
        document = index_document(self._state, releases, main, title, names)
        write_script(self._folder, NAME, document)

    def clean(self) -> None:
        """Remove the files of runs that are gone, and of those that a killed build began to add."""
        live = {f"{number}.js" for number in self._branch_of}
        for path in (self._folder / self._root / "runs").glob("*/*"):
            if path.name not in live:
                path.unlink(missing_ok=True)

    # --- names

    def _place(self, at: int) -> Place:
        series = self._state.series[at]
        return Place(self._state.cases[series.case], series.profile)

    def _run_name(self, number: int) -> str:
        return f"{self._root}/runs/{number // 1000}/{number}"

    def _series_name(self, at: int) -> str:
        return f"{self._root}/series/{at}"

    def _segments(self, at: int) -> Segments:
        return Segments(self._folder, self._series_name(at), self._state.series[at].segments, self._is_live)

    def _list(self) -> Segments:
        name = f"{self._root}/list"
        return Segments(self._folder, name, self._state.run_segments, self._is_live, _LIST_ROWS)

    def _is_live(self, number: int) -> bool:
        return number in self._branch_of
