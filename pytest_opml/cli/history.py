"""``opml history``: list runs, or results of cases."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from .common import (
    as_json,
    history_of,
    match_cases,
    settings_of,
    show,
    show_json,
    since,
    width,
    with_config,
    with_store,
)


@click.command("history", short_help="List the runs, or the results of cases.")
@click.option("--case", metavar="PATTERN", help="Results of these cases, such as '*/int8', instead of whole runs.")
@click.option("--branch", metavar="BRANCH", help="Measured on this branch.")
@click.option("--profile", metavar="PROFILE", help="Measured on this kind of hardware, such as v100.")
@click.option(
    "--since", metavar="WHEN", callback=since, help="Not before a day (2026-01-31), or an age (12h, 30d, 2w)."
)
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many at most.")
@with_config
@with_store
@as_json
def list_history(
    case: str | None,
    branch: str | None,
    profile: str | None,
    since: datetime | None,
    limit: int,
    config: Path,
    store: str | None,
    json_wanted: bool,
) -> None:
    """List the runs of the history, or the results of cases, the newest first.

    \b
      opml history
      opml history --branch main --since 30d
      opml history --case '*/top10/int8' --profile v100 --limit 50

    The exit code is 0, or 4 for a wrong input.
    """
    from ..history.base import Query
    from ..reports.terminal.history import row_lines, row_table, run_lines, run_table

    query = Query(profile=profile, branch=branch, since=since)
    with history_of(settings_of(config, store=store)) as history:
        if case is not None:
            rows = history.rows(query._replace(cases=match_cases(history, case)), limit)
            show_json(row_table(rows)) if json_wanted else show(row_lines(rows, width()))
            return
        runs = history.summaries(query, limit)
        labels = {release.run_id: release.label for release in history.releases()}
    show_json(run_table(runs, labels)) if json_wanted else show(run_lines(runs, labels, width()))
