"""``opml paper``: print the published tables."""

from __future__ import annotations

import click

from .common import as_json, show, show_json


@click.command()
@as_json
def paper(json_wanted: bool) -> None:
    """Print the paper's rankings with each score worked out again.

    The paper is I. Ari and M. B. Camli, "Tradeoff Assessment of Deep Learning Models based on Accuracy, Time and Size",
    2022; its tables 5 and 6 rank models on CIFAR-10 and CIFAR-100.

    \b
      opml paper
      opml paper --json

    The exit code is 0.
    """
    from ..reports.terminal.published import paper_lines, paper_table

    if json_wanted:
        show_json(paper_table())
    else:
        show(paper_lines())
