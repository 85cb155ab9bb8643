"""``opml serve``: show the site over the history on this machine, and follow the history."""

from __future__ import annotations

from pathlib import Path

import click

from .common import history_of, settings_of, show, show_note, with_config, with_store


@click.command(short_help="Show the site over the history in a browser here.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8_765, show_default=True, help="0: any free one.")
@click.option("--dir", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Where the site is built.")
@click.option("--title", metavar="TEXT", default="OpML results", show_default=True, help="Over all pages.")
@click.option("--branch", metavar="BRANCH", help="Of badges and steps; by default main, master or trunk.")
@with_config
@with_store
def serve(port: int, folder: Path | None, title: str, branch: str | None, config: Path, store: str | None) -> None:
    """Show the site over the history in a browser on this machine, and rebuild it when the history has new runs.

    Only this machine can reach it (127.0.0.1). Without --dir the site is in a folder that is removed at the end. Ctrl-C
    or SIGTERM ends the command.

    \b
      opml serve
      opml serve --port 9000 --dir public

    The exit code is 0, or 4 for a wrong input.
    """
    from ..reports.site.build import SiteOptions, check_folder
    from ..reports.site.server import serve_site
    from ..runner.signals import EndSignals

    if folder is not None:
        check_folder(folder)
    options = SiteOptions(" ".join(title.split()) or "OpML results", branch)
    settings = settings_of(config, store=store)

    def say(text: str) -> None:
        show([text])

    with EndSignals(ends_process=True):  # SIGTERM and SIGHUP too, or the folder would stay
        serve_site(lambda: history_of(settings), options, port, folder, say, show_note)
