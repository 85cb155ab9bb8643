"""``opml import``: take runs into the history."""

from __future__ import annotations

from pathlib import Path

import click

from .common import as_json, history_of, root_of, settings_of, show, show_json, with_config, with_store


@click.command("import", short_help="Read runs into the history.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@with_config
@with_store
@as_json
def import_runs(paths: tuple[Path, ...], config: Path, store: str | None, json_wanted: bool) -> None:
    """Read runs into the history, all of them or none.

    PATH is a file that `opml export` or --opml-json wrote, or that a run left whose history failed (it is removed
    then); or are files and folders that pytest-benchmark saved
    (.benchmarks, --benchmark-json). A run that is there already with the same content is left as it is; one with
    another content is refused. What pytest-benchmark timed is shown by `opml trend` under the name of its test.

    \b
      opml import history.jsonl.gz --store postgresql://host/opml
      opml import .benchmarks

    The exit code is 0, or 4 for a wrong input; nothing was added then.
    """
    from ..errors import UsageError
    from ..history.git import ancestry_in
    from ..history.pytest_benchmark import import_benchmarks, is_saved
    from ..history.store import state_folder
    from ..history.transfer import import_lines
    from ..reports.formatting import amount
    from ..runner.unwritten import remove_taken

    kinds = {is_saved(path) for path in paths}
    if kinds != {True} and len(paths) > 1:
        raise UsageError("only files of pytest-benchmark can be many: import each export or record by itself")
    settings = settings_of(config, store=store)
    with history_of(settings, create=True) as history:
        if kinds == {True}:
            added = import_benchmarks(history, paths)
        else:
            added = import_lines(history, paths[0], ancestry=ancestry_in(root_of(config)))
    remove_taken(paths[0], state_folder(settings.store, root_of(config)))
    if json_wanted:
        show_json(added._asdict())
        return
    removed = f"; {amount(added.removed, 'run')} left out, removed before (opml history --removed)"
    same = f"; {amount(added.same, 'run')} there already" if added.same else ""
    releases = f", {amount(added.releases, 'release')}" if added.releases else ""
    show([f"{amount(added.runs, 'run')} added{releases}{same}{removed if added.removed else ''}"])
