"""The command ``opml``: one module for each command, named like it, and what they share in ``common``."""

from __future__ import annotations

import click

from .best import best
from .budgets import budgets
from .cache import cache
from .check import check
from .comment import comment
from .common import Commands
from .compare import compare
from .doctor import doctor
from .export import export
from .gate import gate
from .history import list_history
from .import_ import import_runs
from .init import init
from .list import list_names
from .measure import measure
from .merge import merge
from .paper import paper
from .release import release
from .report import report
from .schema import schema
from .score import score
from .search import search
from .serve import serve
from .site import site
from .trend import trend

_COMMANDS = (
    *(
        init,
        measure,
        search,
        gate,
        merge,
        best,
        budgets,
        report,
        comment,
        list_history,
        compare,
        release,
        trend,
        site,
        serve,
    ),
    *(export, import_runs, score, list_names, schema, paper, check, doctor, cache),
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pytest-opml")
def main() -> None:
    """Work with what pytest-opml measured, and look after what it needs.

    Benchmarks are run by pytest (`pytest bench`), or without a file by `opml measure`. Each command has examples in its
    own help, and prints JSON with --json. A wrong input ends a command with exit code 4.
    """


for _command in _COMMANDS:
    main.add_command(_command)
