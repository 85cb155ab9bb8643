"""The command ``opml``."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from . import registry
from .errors import OpmlError

if TYPE_CHECKING:
    from .domain.budgets import Gate
    from .domain.records import RunRecord
    from .settings import Settings


_Command = TypeVar("_Command", bound=Callable[..., Any])
_USAGE = 4


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pytest-opml")
def main() -> None:
    """Look into pytest-opml: what it knows, what it wrote, what it makes of a run, what the paper found.

    The benchmarks themselves are run by pytest: `pytest bench`. A wrong input ends a command with exit code 4.
    """


def _one_line_errors(command: _Command) -> _Command:
    """Our own errors as one line, and the exit code of wrong input."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except OpmlError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(_USAGE)

    return run  # type: ignore[return-value]


def _with_gate(command: _Command) -> _Command:
    """The options of each command that looks at budgets."""
    command = click.option(
        "--gate",
        metavar="METRIC.RULE=VALUE",
        multiple=True,
        help="A budget beside those of the file, as --opml-gate of pytest; repeatable.",
    )(command)
    return click.option(
        "--config",
        metavar="PATH",
        type=click.Path(path_type=Path),
        default="pyproject.toml",
        show_default=True,
        help="The file with [tool.opml.gate].",
    )(command)


def _settings(config: Path, gate: tuple[str, ...]) -> Settings:
    from .errors import SettingsError
    from .settings import build_settings, read_pyproject

    if config != Path("pyproject.toml") and not config.is_file():
        raise SettingsError(f"--config: {config}: no such file")
    return build_settings(read_pyproject(config), {"gate": gate}, config.absolute().parent)


def _run(record: Path | None, settings: Settings) -> RunRecord:
    """A stored run: that of a file, or the newest in the history."""
    from .errors import StorageError
    from .history.base import Query
    from .history.files import read_record
    from .history.store import open_store

    if record is not None:
        return read_record(record)
    if settings.store is None:
        raise StorageError("no history (store = none): give the record of a run, as --opml-json writes it")
    path = settings.store.removeprefix("sqlite:///")
    if path != settings.store and not Path(path).is_file():
        raise StorageError(f"{path}: no history yet: run pytest first, or give the record of a run")
    with open_store(settings.store) as store:
        runs = store.newest(Query(), 1)
    if not runs:
        raise StorageError("the history holds no run yet: run pytest first, or give the record of a run")
    return runs[0]


def _settled(record: RunRecord, gate: Gate) -> RunRecord:
    from .domain.settling import settle

    return record.model_copy(update={"checks": settle(record, gate)})


def _show(*blocks: list[str]) -> None:
    for number, block in enumerate(filter(None, blocks)):
        click.echo("\n".join([""] * (number > 0) + block))


def _width() -> int:
    return shutil.get_terminal_size().columns


@main.command(short_help="Judge a stored run again under today's budgets.")
@click.argument("record", required=False, type=click.Path(path_type=Path))
@_with_gate
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
@_one_line_errors
def gate(record: Path | None, config: Path, gate: tuple[str, ...], as_json: bool) -> None:
    """Judge a stored run again under today's budgets, without running a model.

    RECORD is the file that --opml-json wrote; without it, the newest run of the history. The exit code is that of
    pytest: 0 all budgets hold, 1 one is broken, 11 something could not be judged, 4 the input is wrong.
    """
    from .outcome import exit_code
    from .reports.terminal import ranking_lines
    from .reports.verdicts import best_lines, verdict_lines

    settings = _settings(config, gate)
    run = _settled(_run(record, settings), settings.gate)
    if as_json:
        click.echo(json.dumps([check.model_dump() for check in run.checks], indent=2))
    else:
        width = _width()
        _show(ranking_lines(run, width), best_lines(run, width), verdict_lines(run, settings.gate, width))
    sys.exit(exit_code(run))


@main.command(short_help="Name the best case within the budgets.")
@click.argument("record", required=False, type=click.Path(path_type=Path))
@_with_gate
@click.option("--json", "as_json", is_flag=True, help="Print the choice as JSON.")
@_one_line_errors
def best(record: Path | None, config: Path, gate: tuple[str, ...], as_json: bool) -> None:
    """Name the case with the lowest OpScore within the budgets, and what each budget costs.

    RECORD is the file that --opml-json wrote; without it, the newest run of the history. The exit code is 0 where
    every test set has such a case, else 1.
    """
    from .domain.choosing import choose
    from .reports.verdicts import best_lines

    settings = _settings(config, gate)
    run = _settled(_run(record, settings), settings.gate)
    choices = choose(run, run.checks)
    if as_json:
        click.echo(json.dumps([choice.as_plain() for choice in choices], indent=2))
    else:
        _show(best_lines(run, _width()))
    sys.exit(0 if choices and all(choice.best for choice in choices) else 1)


@main.command(short_help="Show which budgets apply to which case.")
@click.argument("cases", nargs=-1, metavar="[CASE]...")
@_with_gate
@click.option("--gpu", metavar="PROFILE", default="cpu", show_default=True, help="The kind of hardware, beside a CASE.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@_one_line_errors
def budgets(cases: tuple[str, ...], config: Path, gate: tuple[str, ...], gpu: str, as_json: bool) -> None:
    """Show which budgets apply to each case, where they were written, and which of them another one replaced.

    CASE is the id of a case; without one, those of the newest run of the history. Later ones win: every case, kind of
    hardware, id of the case, marker, command line.
    """
    from .domain import profiles
    from .domain.settling import marked
    from .errors import SettingsError
    from .reports.budgets import budget_lines, budget_table

    settings = _settings(config, gate)
    if gpu not in profiles.PROFILES:
        raise SettingsError(f"--gpu: unknown profile {gpu!r}; known: {', '.join(profiles.PROFILES)}")
    if cases:
        found = {name: settings.gate.history_of(name, gpu) for name in cases}
    else:
        run = _run(None, settings)
        names = run.planned or [result.case.id for result in run.results]
        found = {name: settings.gate.history_of(name, run.device.profile, marked(run, name)) for name in names}
    if as_json:
        click.echo(json.dumps(budget_table(found), indent=2))
    else:
        _show(budget_lines(found, settings.gate.terms, _width()))


@main.command()
def schema() -> None:
    """Print the JSON Schema of the record that --opml-json writes."""
    from .history.files import record_schema

    click.echo(json.dumps(record_schema(), indent=2))


@main.command("list", short_help="Print the names that a case or a budget may use.")
@click.argument("kind", type=click.Choice([f"{kind}s" for kind in registry.KINDS]))
def list_names(kind: str) -> None:
    """Print the names that a case or a budget may use, and of techniques the options."""
    from .domain import metrics

    for name in metrics.known() if kind == "metrics" else registry.names(kind[:-1]):
        if kind == "techniques":
            _print_technique(name)
        else:
            click.echo(name)


def _print_technique(name: str) -> None:
    technique = registry.get("technique", name)
    click.echo(technique.usage(name))
    wrapped = click.wrap_text(technique.summary(), shutil.get_terminal_size().columns, "    ", "    ")
    click.echo(wrapped)
    options = technique.described_options()
    width = max((len(option) for option, _ in options), default=0)
    for option, description in options:
        click.echo(f"      {option:{width}}  {description}".rstrip())


@main.command()
def paper() -> None:
    """Print the paper's rankings with each score worked out again."""
    from tabulate import tabulate

    from .domain.paper import TABLES, explain, published_table

    for number, dataset in TABLES.items():
        rows = published_table(number)
        click.echo(f"\nTable {number}: {dataset}, ranked by OpScore\n")
        cells = [
            (r.model, r.accuracy, r.megabytes, r.inference_s, r.score, r.recomputed, "" if r.consistent else "differs")
            for r in rows
        ]
        headers = ("model", "accuracy", "MB", "inference s", "published", "recomputed", "")
        click.echo(tabulate(cells, headers, floatfmt=("", ".2f", ".1f", ".2f", ".2f", ".3f", "")))
        agreeing = sum(row.consistent for row in rows)
        click.echo(f"\n{agreeing} of {len(rows)} scores follow from their own columns within their rounding")
        for line in filter(None, map(explain, rows)):
            click.echo(line)
