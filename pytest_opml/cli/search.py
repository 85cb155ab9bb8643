"""``opml search``: find the best chain of techniques for a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError
from .common import (
    as_json,
    root_of,
    settings_of,
    show,
    show_json,
    show_note,
    told_before_it_began,
    width,
    with_run_settings,
)
from .init import bench_text, budgets_text
from .measure import case_fields, case_options, measure_command

if TYPE_CHECKING:
    from ..case import Case
    from ..runner.search_run import SearchOutcome
    from ..settings import Settings

_SECONDS = 3600.0


@click.command(short_help="Find the best chain of techniques for a model.")
@click.argument("text", metavar="[MODEL]", required=False)
@click.option("--model", metavar="MODEL", help="A file, a name, or what [tool.opml.model] calls it.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), default=_SECONDS, show_default=True,
              metavar="S", help="Nothing is begun that is not expected to end within so many.")  # fmt: skip
@click.option("--technique-space", "space", metavar="NAME", default="default", show_default=True,
              help="A table of [tool.opml.search]; default: what is installed here.")  # fmt: skip
@click.option("--chain", "chains", metavar="CHAIN", multiple=True, help="To be tried, instead of a space; repeatable.")
@case_options
@with_run_settings
@as_json
def search(text: str | None, model: str | None, config: Path, json_wanted: bool, **given: Any) -> None:
    """Find the chain of techniques with the lowest OpScore that keeps the budgets, for MODEL on data.

    Chains are tried on few examples first, where that is cheaper. One goes on to more until the intervals show that it
    is not the best by more than 0.05; one that breaks a budget on all test examples is never chosen. What was tried is
    in the history, and a second call goes on from there.

    \b
      opml search models/prod.keras --data data/pets --seconds 1800
      opml search efficientnet_lite0 --data digits --gate accuracy.max_drop=0.01
      opml search resnet50 --data data/pets --chain int8 --chain prune-0.5+int8

    The exit code is 0 where a chain keeps the budgets, 1 where none does, 5 where nothing was measured, 11 where the
    seconds were over before that is known, 4 where the input is wrong.
    """
    from ..runner.search_run import run_search

    seconds, name, chains = given.pop("seconds"), given.pop("space"), given.pop("chains")
    if (text is None) == (model is None):
        raise UsageError("which model? give one, as MODEL or by --model")
    fields = case_fields(given)
    settings = settings_of(config, **given)
    from ..runner.search_space import find_space, parse_space

    space = parse_space(list(chains), "--chain") if chains else find_space(name, settings.searches)
    case = _case(text or model or "", space.chains[-1], fields, settings)
    with told_before_it_began():
        outcome = run_search(
            case, space, seconds, settings, root_of(config), command=measure_command, width=width, on_note=show_note
        )
    if json_wanted:
        show_json(_as_plain(outcome))
    else:
        _show(outcome)
    sys.exit(outcome.exit.code)


def _case(text: str, chain: str, fields: dict[str, Any], settings: Settings) -> Case:
    """The case as trained, with a part of the data to train on: a chain of the space may need it."""
    from .. import registry
    from ..runner.named_models import model_names, named_case

    registry.use_sections(lambda: settings.models)
    names = model_names([text])
    if len(names) > 1:
        raise UsageError(f"{text}: matches {len(names)} files; a search is for one model")
    return named_case(names[0], chain, fields).reference


def _show(outcome: SearchOutcome) -> None:
    """Print what the search came to, and what is to be pasted."""
    from ..reports.terminal.run import exit_line, problem_lines
    from ..reports.terminal.search import search_lines
    from ..runner.first_budgets import first_budgets
    from ..runner.search_space import steps_of
    from ..runner.search_trials import steps_bought

    result, best = outcome.search, outcome.search.best
    race = result.race
    counts = [(size, sum(attempt.rung == rung for attempt in race.trials)) for rung, size in enumerate(race.sizes)]
    bought = steps_bought(steps_of(best.case.technique), result.finalists) if best else []
    pasted: list[str] = []
    if best:
        case = result.case.model_copy(update={"technique": best.case.technique})
        bench = bench_text(case).rstrip().splitlines()
        budgets = budgets_text(case, first_budgets(best), best, "opml search").rstrip().splitlines()
        pasted = ["# bench/bench_release.py", *bench, "", "# pyproject.toml", *budgets]
    failures = [f"no result: {one.case.id}: {one.kind}: {one.message}" for one in outcome.outcome.record.failures]
    show(
        search_lines(outcome.selection, bought, [one for one in counts if one[1]], len(race.space.chains), width()),
        failures,
        pasted,
        problem_lines(outcome.outcome.problems),
        [*outcome.outcome.notes],
        [exit_line(*outcome.exit)],
    )


def _as_plain(outcome: SearchOutcome) -> dict[str, Any]:
    """The search as plain data."""
    result, selection = outcome.search, outcome.selection
    race = result.race
    return {
        "run_id": outcome.outcome.record.run_id,
        "exit_code": outcome.exit.code,
        "is_cut": race.is_cut,
        "chains": list(race.space.chains),
        "trials": [
            {
                "chain": trial.chain,
                "examples": race.sizes[trial.rung],
                "seconds": trial.seconds,
                "op_score": trial.score,
                "broken": list(trial.broken),
            }
            for trial in race.trials.values()
        ],
        **(selection.as_plain() if selection else {"best": None}),
    }
