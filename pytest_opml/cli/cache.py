"""``opml cache``: show what the cache holds, and make it smaller."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import click

from .common import Commands, age, as_json, settings_of, show, show_json, width, with_cache_dir, with_config


@click.group(cls=Commands, short_help="Show what the cache holds, and make it smaller.")
def cache() -> None:
    """Show what the cache of trained models and artifacts holds, and make it smaller.

    Whatever is in the cache can be made again; without it, the next run trains anew.

    \b
      opml cache size
      opml cache prune --older-than 30d
    """


@cache.command(short_help="Show what the cache holds, by kind.")
@with_config
@with_cache_dir
@as_json
def size(config: Path, cache_dir: str | None, json_wanted: bool) -> None:
    """Show what the cache holds, by kind, with its size and when the last of each kind was used.

    Kinds are trained models, artifacts, steps of chains and digests of image files; folders that are half built and
    the free space on the disk are shown too. Nothing is made or changed.

    \b
      opml cache size
      opml cache size --cache-dir build/cache --json

    The exit code is 0, or 4 for a wrong input.
    """
    from ..reports.terminal.cache import contents_lines, contents_table
    from ..storage.cache_cleanup import inspect_cache

    contents = inspect_cache(settings_of(config, cache_dir=cache_dir).cache_dir)
    if json_wanted:
        show_json(contents_table(contents))
    else:
        show(contents_lines(contents, width()))


@cache.command(short_help="Remove entries, the least recently used first.")
@click.option("--older-than", metavar="AGE", callback=age, help="Entries that nobody used for this long: 12h, 30d, 2w.")
@click.option(
    "--max-mb",
    metavar="N",
    type=click.FloatRange(min=0),
    help="Entries, the least recently used first, until no more than N MB (10^6 bytes) are left.",
)
@click.option("--all", "everything", is_flag=True, help="Every entry.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@with_config
@with_cache_dir
@as_json
def prune(
    older_than: timedelta | None,
    max_mb: float | None,
    everything: bool,
    dry_run: bool,
    config: Path,
    cache_dir: str | None,
    json_wanted: bool,
) -> None:
    """Remove entries from the cache, and say what went and how much room that made.

    Damaged entries, and what killed runs left half built, always go, and go first; without an option nothing else does.
    What a running session uses stays, whatever was asked for.

    \b
      opml cache prune --older-than 30d
      opml cache prune --max-mb 2000 --dry-run

    The exit code is 0, or 4 for a wrong input.
    """
    from ..errors import UsageError
    from ..reports.terminal.cache import pruned_lines, pruned_table
    from ..storage.cache_cleanup import CleanupPolicy, prune

    if max_mb is not None and math.isnan(max_mb):
        raise UsageError("--max-mb: must be a number, not nan")
    policy = CleanupPolicy(older_than, None if max_mb is None else max_mb * 1e6, everything)
    report = prune(settings_of(config, cache_dir=cache_dir).cache_dir, policy, dry_run=dry_run)
    if json_wanted:
        show_json(pruned_table(report))
    else:
        show(pruned_lines(report, width()))
