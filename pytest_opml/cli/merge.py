"""``opml merge``: make one run of the records of several jobs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .common import as_json, settings_of, show, show_json, show_note, width, with_gate


@click.command(short_help="Make one run of the records of several jobs.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RECORD...")
@click.option("-o", "--output", metavar="PATH", type=click.Path(path_type=Path), help="Write the record of the run.")
@click.option("--gpu", metavar="PROFILE", help="The kinds of hardware that must be there: v100,a100,cpu.")
@with_gate
@as_json
def merge(
    paths: tuple[Path, ...],
    output: Path | None,
    gpu: str | None,
    config: Path,
    gate: tuple[str, ...],
    json_wanted: bool,
) -> None:
    """Make one run of the records of several jobs, and judge it as a whole.

    RECORD is a file that --opml-json wrote: one job for each machine, or for each part of the suite. The jobs are of
    one commit, and no two of them measured a case on the same kind of hardware, references apart.

    \b
      opml merge v100.json a100.json cpu.json -o run.json
      opml merge records/*.json --gpu v100,a100,cpu -o run.json

    The exit code is that of pytest: 0 all budgets pass, 1 one fails or a job failed, 5 nothing was measured, 11
    something could not be judged, as where nothing was measured on a kind of --gpu; 4 the input is wrong. The last line
    says which and why. `opml import run.json` takes the run into the history, `opml report` and `opml comment` show it.
    """
    from ..history.record_files import read_record, write_record
    from ..reports.terminal.run import exit_line, run_lines
    from ..runner.joined_jobs import join
    from ..settings import read_gpus
    from ..storage.whole_files import check_writable

    profiles = read_gpus({}, gpu, name="--gpu") if gpu else ()
    settings = settings_of(config, gate=gate)
    if output:
        check_writable(output)
    joined = join({str(path): read_record(path) for path in paths}, settings.gate, profiles)
    if output:
        write_record(joined.record, output)
    for note in joined.notes:
        show_note(note)
    if json_wanted:
        show_json([check.model_dump() for check in joined.record.checks])
    else:
        show(run_lines(joined.record, settings.gate, width()), [exit_line(*joined.exit)])
    sys.exit(joined.exit.code)
