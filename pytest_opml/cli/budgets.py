"""``opml budgets``: show which budgets apply to which case."""

from __future__ import annotations

from pathlib import Path

import click

from .common import as_json, resolve_run, root_of, settings_of, show, show_json, width, with_gate, with_store


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
    from ..gate.run_verdicts import marker_budgets
    from ..records import hardware_profiles
    from ..records.result import Key
    from ..reports.terminal.budgets import budget_lines, budget_table

    settings = settings_of(config, gate=gate, store=store)
    if gpu not in hardware_profiles.PROFILES:
        raise SettingsError(f"--gpu: unknown profile {gpu!r}; known: {', '.join(hardware_profiles.PROFILES)}")
    if cases:
        budgets_of = {Key(name, gpu): settings.gate.overrides(name, gpu) for name in cases}
    else:
        run = resolve_run(None, settings, root_of(config))
        keys = run.collected_keys or tuple(result.key for result in run.results)
        budgets_of = {key: settings.gate.overrides(*key, marker_budgets(run, key.case_id)) for key in keys}
    if json_wanted:
        show_json(budget_table(budgets_of))
    else:
        show(budget_lines(budgets_of, settings.gate.terms, width(), settings.gate.max_cost))
