"""``opml paper``: the published tables and claims beside what was measured here; its commands run the suite."""

from __future__ import annotations

from pathlib import Path

import click

from .common import (
    Commands,
    as_json,
    resolve_run,
    root_of,
    settings_of,
    show,
    show_json,
    width,
    with_config,
    with_store,
)
from .paper_pretrain import pretrain
from .paper_run import run


@click.group(cls=Commands, invoke_without_command=True, short_help="Print the paper's tables and check its claims.")
@click.option(
    "--run", "runs", metavar="RUN", multiple=True, help="What was measured: a record, or a run of the history."
)
@click.option(
    "--table", "tables", metavar="N", type=click.IntRange(1, 7), multiple=True, help="Only this table, 1 to 7."
)
@click.option("--claims", "has_claims", is_flag=True, help="Only the claims, each with all that was found.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write Markdown to FILE.")
@with_config
@with_store
@as_json
@click.pass_context
def paper(
    context: click.Context,
    runs: tuple[str, ...],
    tables: tuple[int, ...],
    has_claims: bool,
    output: Path | None,
    config: Path,
    store: str | None,
    json_wanted: bool,
) -> None:
    """Print the paper's tables beside what was measured, and check its claims.

    The paper is I. Ari and M. B. Camli, "Tradeoff Assessment of Deep Learning Models based on Accuracy, Time and Size",
    2022. Without --run the published figures stand alone. With it each has the measured one beside it, and each claim
    of the text a verdict: pass, fail, inconclusive or not measured. RUN is a file that --opml-json wrote, or a run of
    the history, as `opml report` takes it; --run may be given several times. Where the paper contradicts itself, the
    right figure is named.

    A FILE that is there must have the lines "<!-- opml paper: begin -->" and "<!-- opml paper: end -->"; what is
    between them is replaced.

    \b
      opml paper
      opml paper --run run.json --table 5
      opml paper --run run.json --claims
      opml paper --run run.json -o paper.md

    The exit code is 0 whatever the verdicts, or 4 for a wrong input.
    """
    if context.invoked_subcommand is not None:
        return
    if json_wanted and output:
        raise click.UsageError("--json and -o exclude each other")
    from ..paper.assessment import assess

    if output:
        from ..reports.paper.markdown import surroundings, write_markdown
        from ..storage.whole_files import check_writable

        check_writable(output)
        around = surroundings(output)
    records = []
    if runs:
        settings, root = settings_of(config, store=store), root_of(config)
        records = [resolve_run(run, settings, root) for run in runs]
    assessment = assess(records, tables, has_claims=has_claims)
    if json_wanted:
        from ..reports.paper.plain import paper_document

        show_json(paper_document(assessment))
    elif output:
        write_markdown(assessment, output, around)
    else:
        from ..reports.terminal.published import paper_lines

        show(*paper_lines(assessment, width(), lists_claims=has_claims))


paper.add_command(run)
paper.add_command(pretrain)
