"""``opml list``: print the names that a case, a budget or an option may use."""

from __future__ import annotations

import click

from .common import as_json, show, show_json, width

_KINDS = ("models", "datasets", "techniques", "qualities", "metrics", "gpus")


@click.command("list", short_help="Print the names that a case, a budget or an option may use.")
@click.argument("kind", type=click.Choice(_KINDS))
@as_json
def list_names(kind: str, json_wanted: bool) -> None:
    """Print the names that a case, a budget or an option may use, those of other installed packages included.

    Of techniques it prints their options too, of qualities what they are, of metrics what a budget may say, of GPUs
    (for --opml-gpu) the names that each is known by and the vendor's figures.

    \b
      opml list techniques
      opml list gpus --json

    The exit code is 0, or 4 for a wrong input.
    """
    from .. import metrics, registry
    from ..records.hardware_profiles import PROFILES
    from ..reports.terminal import names

    if kind == "techniques":
        techniques = {name: registry.get("technique", name) for name in registry.names("technique")}
        lines, plain = names.technique_lines(techniques, width()), names.technique_table(techniques)
    elif kind == "qualities":
        qualities = {name: registry.get("quality", name) for name in registry.names("quality")}
        lines, plain = names.quality_lines(qualities, width()), names.quality_table(qualities)
    elif kind == "metrics":
        rows = {name: metrics.find(name, "list") for name in metrics.names()}
        lines, plain = names.metric_lines(rows, width()), names.metric_table(rows)
    elif kind == "gpus":
        lines, plain = names.profile_lines(PROFILES, width()), names.profile_table(PROFILES)
    else:
        lines = registry.names(kind.removesuffix("s"))
        plain = [{"name": name} for name in lines]
    if json_wanted:
        show_json(plain)
    else:
        show(lines)
