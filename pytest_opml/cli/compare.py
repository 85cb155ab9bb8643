"""``opml compare``: compare two runs, case by case."""

from __future__ import annotations

from pathlib import Path

import click

from .common import (
    as_json,
    resolve_run,
    root_of,
    run_title,
    settings_of,
    show,
    show_json,
    width,
    with_config,
    with_store,
)


@click.command(short_help="Compare two runs, case by case.")
@click.argument("earlier")
@click.argument("later")
@with_config
@with_store
@as_json
def compare(earlier: str, later: str, config: Path, store: str | None, json_wanted: bool) -> None:
    """Compare the cases of two runs on the same kind of hardware: accuracy, time, size, OpScore.

    EARLIER and LATER are each the file that --opml-json wrote, or a run of the history: its id or the beginning of it,
    last, release, a branch (its newest run), or a commit. Times are compared where both were measured on the same
    machine. Nothing is judged here; `opml gate` does that.

    \b
      opml compare main last
      opml compare v1.2 HEAD
      opml compare before.json after.json --json

    The exit code is 0, or 4 for a wrong input.
    """
    from ..errors import SettingsError
    from ..records.run import Baseline
    from ..reports.cases import short_names
    from ..reports.comparison_rows import comparisons, without_baseline
    from ..reports.terminal.comparison import table_lines

    settings, root = settings_of(config, store=store), root_of(config)
    before, after = (resolve_run(text, settings, root) for text in (earlier, later))
    old, new = ([device.profile for device in run.devices] for run in (before, after))
    if not set(old) & set(new):
        raise SettingsError(
            f"{earlier} was measured on {', '.join(old)} and {later} on {', '.join(new)}; "
            "only runs on the same kind of hardware are compared"
        )
    about = {"name": earlier, "run_id": before.run_id, "started": before.started, "commit": before.commit}
    baselines = {
        result.key: Baseline.model_validate(about | {"device": result.device, "result": result})
        for result in before.results
    }
    rows = comparisons(after, baselines)
    if json_wanted:
        show_json([row.as_plain() for row in rows])
    elif not rows:
        show([f"{earlier} and {later} have no case in common"])
    else:
        missing = without_baseline(after, baselines)
        title = f"{run_title(after)} against {run_title(before)}"
        show(table_lines(title, rows, missing, short_names(after), width()))
