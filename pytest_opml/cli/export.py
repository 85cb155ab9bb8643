"""``opml export``: write runs of the history to a file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from .common import as_json, history_of, settings_of, show, show_json, since, with_config, with_store


@click.command(short_help="Write the history as lines of JSON.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--branch", metavar="BRANCH", help="Only what was measured on this branch.")
@click.option("--profile", metavar="PROFILE", help="Only what was measured on this kind of hardware.")
@click.option("--since", metavar="WHEN", callback=since, help="From a day on (2026-01-31), or an age (12h, 30d, 2w).")
@with_config
@with_store
@as_json
def export(
    file: Path,
    branch: str | None,
    profile: str | None,
    since: datetime | None,
    config: Path,
    store: str | None,
    json_wanted: bool,
) -> None:
    """Write runs and releases to FILE, one line of JSON each; compressed where it ends in .gz, - is standard output.

    The file is written whole or not at all. `opml import` reads it into another store.

    \b
      opml export history.jsonl.gz
      opml export - --branch main --since 30d | head -2

    The exit code is 0, or 4 for a wrong input.
    """
    from ..history.base import Query
    from ..history.transfer import export as write
    from ..reports.formatting import amount

    with history_of(settings_of(config, store=store)) as history:
        written = write(history, file, Query(branch=branch, profile=profile, since=since))
    if file == Path("-"):
        return
    if json_wanted:
        show_json({"file": str(file), **written._asdict()})
    else:
        show([f"{file}: {amount(written.runs, 'run')}, {amount(written.releases, 'release')}"])
