"""The command ``opml``: one module for each family of commands, and what they share in ``common``."""

from __future__ import annotations

import click

from . import doctor, export, gate, history, list, report, score, trend
from .common import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pytest-opml")
def main() -> None:
    """Work with what pytest-opml measured, and look after what it needs.

    The benchmarks themselves are run by pytest: `pytest bench`. Each command has examples in its own help, and prints
    JSON with --json. A wrong input ends a command with exit code 4.
    """


for _module in (gate, report, history, trend, export, score, names, doctor):
    for _command in _module.COMMANDS:
        main.add_command(_command)
