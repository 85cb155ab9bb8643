"""The commands that hold budgets against a stored run: gate, best, budgets."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .common import as_json, root_of, run_meant, settings_of, settled, show, show_json, width, with_gate, with_store

_RUN = click.argument("run", required=False)


@click.command(short_help="Judge a stored run again under today's budgets.")
@_RUN
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

    The exit code is that of pytest: 0 all budgets hold, 1 one is broken, 5 the run measured nothing, 11 something could
    not be judged, 4 the input is wrong.
    """
    from ..reports.terminal.ranking import ranking_lines
    from ..reports.terminal.verdicts import best_lines, verdict_lines
    from ..runner.outcome import exit_code

    settings = settings_of(config, gate=gate, store=store)
    record = settled(run_meant(run, settings, root_of(config)), settings.gate)
    if json_wanted:
        show_json([check.model_dump() for check in record.checks])
    else:
        columns = width()
        show(ranking_lines(record, columns), best_lines(record, columns), verdict_lines(record, settings.gate, columns))
    sys.exit(exit_code(record))


@click.command(short_help="Name the best case within the budgets.")
@_RUN
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

    The exit code is 0 where every test set has such a case, 1 where one has none, 4 for a wrong input.
    """
    from ..gate.best_case import choose
    from ..reports.terminal.verdicts import best_lines

    settings = settings_of(config, gate=gate, store=store)
    record = settled(run_meant(run, settings, root_of(config)), settings.gate)
    choices = choose(record, record.checks)
    if json_wanted:
        show_json([choice.as_plain() for choice in choices])
    else:
        show(best_lines(record, width()))
    sys.exit(0 if choices and all(choice.best for choice in choices) else 1)


@click.command(short_help="Show which budgets apply to which case.")
@click.argument("cases", nargs=-1, metavar="[CASE]...")
@with_gate
@click.option("--gpu", metavar="PROFILE", default="cpu", show_default=True, help="The kind of hardware, beside a CASE.")
@with_store
@as_json
def budgets(
    cases: tuple[str, ...], config: Path, gate: tuple[str, ...], gpu: str, store: str | None, json_wanted: bool
) -> None:
    """Show which budgets apply to each case, where they were written, and which of them another one replaced.

    CASE is the id of a case; without one, those of the newest run of the history are shown. Later ones win: every case,
    kind of hardware, id of the case, marker, command line.

    \b
      opml budgets
      opml budgets digits/efficientnet_lite0/top1/int8 --gpu v100

    The exit code is 0, or 4 for a wrong input.
    """
    from ..errors import SettingsError
    from ..gate.run_verdicts import marked
    from ..records import hardware_profiles
    from ..reports.terminal.budgets import budget_lines, budget_table

    settings = settings_of(config, gate=gate, store=store)
    if gpu not in hardware_profiles.PROFILES:
        raise SettingsError(f"--gpu: unknown profile {gpu!r}; known: {', '.join(hardware_profiles.PROFILES)}")
    if cases:
        found = {name: settings.gate.history_of(name, gpu) for name in cases}
    else:
        run = run_meant(None, settings, root_of(config))
        profiles_of = dict.fromkeys(run.planned, run.device.profile) | dict(result.key for result in run.results)
        names = run.planned or profiles_of
        found = {name: settings.gate.history_of(name, profiles_of[name], marked(run, name)) for name in names}
    if json_wanted:
        show_json(budget_table(found))
    else:
        show(budget_lines(found, settings.gate.terms, width()))


COMMANDS = (gate, best, budgets)
