"""``opml history``: list runs or results of cases, remove a run and bring it back."""

from __future__ import annotations

import getpass
import os
import socket
from datetime import datetime, timezone
from pathlib import Path

import click

from .common import (
    Commands,
    as_json,
    history_of,
    match_cases,
    root_of,
    run_title,
    settings_of,
    show,
    show_json,
    since,
    width,
    with_config,
    with_store,
)


@click.group("history", cls=Commands, invoke_without_command=True, short_help="List runs or results; remove a run.")
@click.option("--case", metavar="PATTERN", help="Results of these cases, such as '*/int8', instead of whole runs.")
@click.option("--branch", metavar="BRANCH", help="Measured on this branch.")
@click.option("--profile", metavar="PROFILE", help="Measured on this kind of hardware, such as v100.")
@click.option(
    "--since", metavar="WHEN", callback=since, help="Not before a day (2026-01-31), or an age (12h, 30d, 2w)."
)
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many at most.")
@click.option("--removed", is_flag=True, help="The runs that were removed, when, by whom and why.")
@with_config
@with_store
@as_json
@click.pass_context
def list_history(
    ctx: click.Context,
    case: str | None,
    branch: str | None,
    profile: str | None,
    since: datetime | None,
    limit: int,
    removed: bool,
    config: Path,
    store: str | None,
    json_wanted: bool,
) -> None:
    """List the runs of the history, or the results of cases, the newest first.

    A run that should not count (a wrong clock, a broken machine) is removed with a reason, and can be brought back.

    \b
      opml history
      opml history --branch main --since 30d
      opml history --case '*/top10/int8' --profile v100 --limit 50
      opml history remove 3f0c2a --reason "the machine was being cooled"

    The exit code is 0, or 4 for a wrong input.
    """
    from ..history.base import Query
    from ..reports.terminal.history import (
        removal_lines,
        removal_table,
        row_lines,
        row_table,
        run_lines,
        run_table,
    )

    if ctx.invoked_subcommand:
        return
    query = Query(profile=profile, branch=branch, since=since)
    with history_of(settings_of(config, store=store)) as history:
        if removed:
            removals = history.removals()[:limit]
            show_json(removal_table(removals)) if json_wanted else show(removal_lines(removals, width()))
            return
        if case is not None:
            rows = history.rows(query._replace(cases=match_cases(history, case)), limit)
            show_json(row_table(rows)) if json_wanted else show(row_lines(rows, width()))
            return
        runs = history.summaries(query, limit)
        labels = {release.run_id: release.label for release in history.releases()}
    show_json(run_table(runs, labels)) if json_wanted else show(run_lines(runs, labels, width()))


@list_history.command("remove", short_help="Remove a run from all that is shown and compared.")
@click.argument("run")
@click.option("--reason", metavar="TEXT", required=True, help="Why; it is stored with the moment and your user name.")
@with_config
@with_store
@as_json
def remove(run: str, reason: str, config: Path, store: str | None, json_wanted: bool) -> None:
    """Remove a run: no list, trend or baseline has it any more, and an import does not bring it back.

    RUN is its id or the beginning of it, last, a branch or a commit. A release is withdrawn first. The record stays in
    the history, for `opml history restore`.

    \b
      opml history remove 3f0c2a --reason "the clock of runner 7 was in 2099"

    The exit code is 0, or 4 for a wrong input.
    """
    from ..errors import UsageError
    from ..history.base import Removal
    from ..history.selectors import run_of

    reason = " ".join(reason.split())
    if not reason:
        raise UsageError("--reason: is empty; say why the run is removed")
    with history_of(settings_of(config, store=store)) as history:
        record = run_of(run, history, root_of(config))
        removal = Removal(record.run_id, datetime.now(timezone.utc), reason, _user())
        history.remove(removal)
    if json_wanted:
        show_json(removal._asdict() | {"removed": removal.removed.isoformat()})
    else:
        show([f"{run_title(record)} is removed; to bring it back: opml history restore {record.run_id[:12]}"])


def _user() -> str:
    """The user and the machine, as the system calls them."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user has a number alone
        name = f"user {os.getuid()}"
    return f"{name} at {socket.gethostname()}"


@list_history.command("restore", short_help="Bring a removed run back.")
@click.argument("run")
@with_config
@with_store
@as_json
def restore(run: str, config: Path, store: str | None, json_wanted: bool) -> None:
    """Bring a removed run back.

    RUN is its id, or the beginning of it.

    \b
      opml history --removed
      opml history restore 3f0c2a

    The exit code is 0, or 4 for a wrong input.
    """
    with history_of(settings_of(config, store=store)) as history:
        run_id = history.restore(run)
    show_json({"run": run_id}) if json_wanted else show([f"run {run_id[:12]} is in the history again"])
