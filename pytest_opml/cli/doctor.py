"""``opml doctor``: say what is missing on a machine."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .common import (
    as_json,
    check_config,
    show,
    show_json,
    width,
    with_cache_dir,
    with_config,
    with_data_dir,
    with_store,
)


@click.command(short_help="Say what is installed, what is at hand and what is wrong.")
@with_config
@with_store
@with_cache_dir
@with_data_dir
@click.option("--quick", is_flag=True, help="Do not start TensorFlow, and measure nothing.")
@as_json
def doctor(
    config: Path, store: str | None, cache_dir: str | None, data_dir: str | None, quick: bool, json_wanted: bool
) -> None:
    """Say what is installed, what is at hand and what is wrong, without measuring a model.

    It looks at the packages, the devices and what TensorFlow sees of them, the cluster that the settings name, the
    cache, the history, weights and data sets that need no download, the settings, the benchmarks and git. Each item is
    ok, a note (a run does without it) or a problem; what can be done about it stands below it. Once for a machine it
    measures for some seconds what the processor does for number formats such as int8, by the time of a small network.

    \b
      opml doctor
      opml doctor --quick --json

    The exit code is 0 without problems, 1 with one or more, 4 for a wrong input.
    """
    from ..doctor import Asked, examine
    from ..doctor.text import finding_lines, finding_table

    check_config(config)
    options = {"store": store, "cache_dir": cache_dir, "data_dir": data_dir}
    findings = examine(Asked(config, options, quick))
    if json_wanted:
        show_json(finding_table(findings))
    else:
        show(finding_lines(findings, width()))
    sys.exit(1 if any(finding.state == "problem" for finding in findings) else 0)
