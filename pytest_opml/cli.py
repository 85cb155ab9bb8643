"""The command ``opml``."""

from __future__ import annotations

import json
import shutil

import click

from . import registry


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pytest-opml")
def main() -> None:
    """Look into pytest-opml: what it knows, what it writes, what the paper found.

    The benchmarks themselves are run by pytest: `pytest bench`.
    """


@main.command()
def schema() -> None:
    """Print the JSON Schema of the record that --opml-json writes."""
    from .reports.record import record_schema

    click.echo(json.dumps(record_schema(), indent=2))


@main.command("list")
@click.argument("kind", type=click.Choice([f"{kind}s" for kind in registry.KINDS]))
def list_names(kind: str) -> None:
    """Print the names that a case may use, and of techniques the options."""
    for name in registry.names(kind[:-1]):
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
