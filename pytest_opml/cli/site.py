"""``opml site``: a static site over the whole history, to publish or to open as a file."""

from __future__ import annotations

from pathlib import Path

import click

from .common import as_json, history_of, settings_of, show, show_json, show_note, with_config, with_store


@click.command(short_help="Build a static site over the whole history.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--title", metavar="TEXT", default="OpML results", show_default=True, help="Over all pages.")
@click.option("--branch", metavar="BRANCH", help="Of badges and steps; by default main, master or trunk.")
@click.option("--base-url", metavar="URL", default="", help="Where DIR will be published, for the lines with badges.")
@click.option("--rebuild", is_flag=True, help="Build all of it, not only what is new.")
@with_config
@with_store
@as_json
def site(
    folder: Path,
    title: str,
    branch: str | None,
    base_url: str,
    rebuild: bool,
    config: Path,
    store: str | None,
    json_wanted: bool,
) -> None:
    """Build a static site over the whole history in DIR, or bring the one there up to date.

    It has all cases with their last scores, a page for each case (trend, steps, budgets, releases) and for each run,
    any two runs side by side, a matrix of devices, and a badge for each case. It needs no server and no network: open
    DIR/index.html, or publish DIR under any path. A second build adds what is new, and takes out what was removed.

    \b
      opml site public/opml
      opml site public --title "Models of the vision team"
      opml site public --base-url https://team.example/opml/

    DIR must be new, empty, or a site that this made. The exit code is 0, or 4 for a wrong input.
    """
    from ..reports.formatting import amount
    from ..reports.site.build import SiteOptions, build_site, check_folder, check_url, size_of

    check_folder(folder)
    options = SiteOptions(" ".join(title.split()) or "OpML results", branch, rebuild, check_url(base_url))
    with history_of(settings_of(config, store=store)) as history:
        built = build_site(folder, history, options, _show_progress)
    megabytes = size_of(folder) / 1e6
    if json_wanted:
        show_json(built._asdict() | {"folder": str(folder), "size_mb": round(megabytes, 3)})
        return
    changes = "built" if built.is_new else "brought up to date"
    removed = f", {built.removed:,} removed" if built.removed else ""
    runs = f"{amount(built.runs, 'run')} ({built.added:,} new{removed})"
    cases = f"{amount(built.cases, 'pair')} of case and device"
    show([f"{folder / 'index.html'}: {changes} in {built.seconds:.1f} s: {runs}, {cases}, {megabytes:.1f} MB"])


def _show_progress(done: int, total: int) -> None:
    show_note(f"{done:,} of {total:,} new runs")
