"""``opml gate``: judge a stored run again under today's budgets."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .common import (
    RUN_ARGUMENT,
    as_json,
    judge_again,
    resolve_run,
    root_of,
    settings_of,
    show,
    show_json,
    width,
    with_gate,
    with_store,
)


@click.command(short_help="Judge a stored run again under today's budgets.")
@RUN_ARGUMENT
@with_gate
@with_store
@as_json
def gate(run: str | None, config: Path, gate: tuple[str, ...], store: str | None, json_wanted: bool) -> None:
    """Judge a stored run again under today's budgets, without running a model.

    RUN is the file that --opml-json wrote, or a run of the history: its id or the beginning of it, last, release, a
    branch or a commit. Without it, the newest run is judged.

    \b
      opml gate
      opml gate run.json --gate size_mb.max=10

    The exit code is that of pytest: 0 all budgets pass, 1 one fails, 5 the run measured nothing, 11 something could not
    be judged, 4 the input is wrong. The last line says which and why.
    """
    from ..reports.terminal.run import exit_line, run_lines
    from ..runner.outcome import conclude, conclude_stored

    settings = settings_of(config, gate=gate, store=store)
    stored = resolve_run(run, settings, root_of(config))
    record = judge_again(stored, settings.gate)
    code, reason = conclude_stored(record, then=conclude(stored).code)
    if json_wanted:
        show_json([check.model_dump() for check in record.checks])
    else:
        show(run_lines(record, settings.gate, width()), [exit_line(code, reason)])
    sys.exit(code)
