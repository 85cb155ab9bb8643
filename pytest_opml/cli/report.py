"""``opml report``: write a run as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from .common import (
    RUN_ARGUMENT,
    as_json,
    history_of,
    judge_again,
    resolve_run,
    root_of,
    settings_of,
    show_document,
    show_json_text,
    with_gate,
    with_store,
)

if TYPE_CHECKING:
    from ..records.run import Baseline, RunRecord
    from ..reports.page.model import CaseHistory
    from ..settings import Settings


@click.command(short_help="Write a run as a page for people.")
@RUN_ARGUMENT
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "html"]),
    help="By default what the ending of FILE says, or Markdown.",
)
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Instead of the terminal.")
@click.option(
    "--figures",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write charts (SVG, PNG, PDF) and tables (CSV, LaTeX) to DIR; the page only with -o, --format or --json.",
)
@click.option("--against", metavar="WHAT", help="A baseline to compare with, as --opml-baseline of pytest.")
@with_gate
@with_store
@as_json
def report(
    run: str | None,
    form: Literal["markdown", "html"] | None,
    output: Path | None,
    folder: Path | None,
    against: str | None,
    config: Path,
    gate: tuple[str, ...],
    store: str | None,
    json_wanted: bool,
) -> None:
    """Write a run as a page for people: verdict, ranking, budgets, and what changed against a baseline.

    RUN is the file that --opml-json wrote, or a run of the history, as `opml gate` takes it. Without it, the newest run
    is meant. Markdown is for a comment on a pull request; HTML has tables to sort and filter and charts, those of the
    history of its cases among them, and is one file that needs no network. Budgets are judged under today's settings,
    and the baselines are those of the run where --against names no other.

    \b
      opml report >> "$GITHUB_STEP_SUMMARY"
      opml report last --against main -o report.html
      opml report run.json --against release
      opml report last --figures figures

    The exit code is 0 whatever the verdict, or 4 for a wrong input.
    """
    from ..reports.page.build import page_of
    from ..reports.page.reporter import Format, format_of, make_reporter, write_page
    from ..storage.whole_files import check_writable

    if json_wanted and form:
        raise click.UsageError("--json and --format exclude each other")
    if folder:
        from ..reports.figures.folder import check_folder

        check_folder(folder)
    settings, root = settings_of(config, gate=gate, store=store), root_of(config)
    stored = resolve_run(run, settings, root)
    if output:
        check_writable(output)  # before the run is judged and drawn
    record = judge_again(stored, settings.gate)
    baselines = None if against is None else baselines_of(against, record, settings, root)
    if folder:
        _write_figures(record, folder, baselines, is_quiet=json_wanted or (form is not None and output is None))
        if not (json_wanted or form or output):
            return
    name: Format = "json" if json_wanted else form or format_of(output)
    histories = _histories(run, record, settings) if name == "html" else ()
    page = page_of(record, settings.gate, baselines, against or "", histories)
    write_page(page, make_reporter(name), output, show_json_text if json_wanted else show_document)


def _write_figures(record: RunRecord, folder: Path, baselines: list[Baseline] | None, *, is_quiet: bool) -> None:
    """Write the figures and say so in one line, which goes to stderr where the page itself goes to stdout.

    Raises:
        StorageError: the folder or a file cannot be written.
    """
    from ..printable import printable
    from ..reports.figures.folder import write_figures

    click.echo(printable(write_figures(record, folder, baselines).text), err=is_quiet)


def _histories(run: str | None, record: RunRecord, settings: Settings) -> tuple[CaseHistory, ...]:
    """The histories of the cases of a run of the history; none of a run that a file holds.

    Raises:
        StorageError: the history cannot be read.
    """
    from ..history.selectors import is_file
    from ..reports.page.histories import case_histories

    if run is not None and is_file(run):
        return ()
    with history_of(settings) as history:
        return case_histories(history, record)


def baselines_of(against: str, record: RunRecord, settings: Settings, root: Path) -> list[Baseline]:
    """The results that stand for a baseline, as they were stored; of the history only those from before the run.

    Raises:
        SettingsError: nothing is called so.
        StorageError: there is no history, or it cannot be read.
    """
    from ..history.selectors import baseline_of, is_file, select

    keys = [result.key for result in record.results]
    if is_file(against):
        selector = select(against, None, root)
        return list(filter(None, (baseline_of(selector, None, *key) for key in keys)))
    with history_of(settings) as history:
        selector = select(against, history, root)
        baselines = [baseline_of(selector, history, *key, before=record) for key in keys]
    return list(filter(None, baselines))
