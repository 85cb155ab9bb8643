"""``opml best``: name the best case within the budgets."""

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


@click.command(short_help="Name the best case within the budgets.")
@RUN_ARGUMENT
@with_gate
@with_store
@as_json
def best(run: str | None, config: Path, gate: tuple[str, ...], store: str | None, json_wanted: bool) -> None:
    """Name the case with the lowest OpScore within the budgets, and what each budget costs.

    RUN is the file that --opml-json wrote, or a run of the history, as `opml gate` takes it. Without it, the newest run
    is meant.

    \b
      opml best
      opml best run.json --gate accuracy.min=0.95

    The exit code is 0 where every test set has such a case, 1 where one has none, 4 for a wrong input. Where it is not
    0, the last line says why.
    """
    from ..gate.best_case import select_best
    from ..reports.terminal.run import exit_line
    from ..reports.terminal.verdicts import best_lines

    settings = settings_of(config, gate=gate, store=store)
    record = judge_again(resolve_run(run, settings, root_of(config)), settings.gate)
    choices = select_best(record, record.checks)
    without = list(dict.fromkeys(choice.results[0].case.dataset for choice in choices if choice.best is None))
    reason = "" if choices else "the run has no result"
    if without:
        reason = f"no case on {' and none on '.join(without)} is within the budgets"
    if json_wanted:
        show_json([choice.as_plain() for choice in choices])
    else:
        show(best_lines(record, width(), alone=True), [exit_line(1, reason)] if reason else [])
    sys.exit(1 if reason else 0)
