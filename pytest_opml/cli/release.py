"""``opml release``: say which run is the released one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import (
    Commands,
    as_json,
    history_of,
    root_of,
    run_title,
    settings_of,
    show,
    show_json,
    show_note,
    width,
    with_config,
    with_store,
)

if TYPE_CHECKING:
    from ..records.run import RunRecord


@click.group(cls=Commands, short_help="Say which run is the released one.")
def release() -> None:
    """Say which run is the released one, and store its artifacts.

    A session with --opml-baseline=release measures the stored artifacts again, in turn with its own, so that two
    releases are compared on one machine at one time. The artifacts lie in release_dir of [tool.opml], by default
    .opml/releases.

    \b
      opml release promote last --label v1.2
      opml release list
    """


@release.command("promote", short_help="Make a run the released one.")
@click.argument("run")
@click.option("--label", metavar="TEXT", default="", help="What you call it, such as v1.2.")
@click.option("--force", is_flag=True, help="Also where it is refused; the release then says what was overridden.")
@with_config
@with_store
@click.option("--cache-dir", metavar="DIR", help="The cache that the run used; by default that of the file.")
@as_json
def promote(
    run: str, label: str, force: bool, config: Path, store: str | None, cache_dir: str | None, json_wanted: bool
) -> None:
    """Make a run the released one, and store its artifacts for side-by-side measurements.

    RUN is its id or the beginning of it, last, a branch or a commit. Of a case that the released run lacks, the release
    before it counts.

    \b
      opml release promote last --label v1.2
      opml release promote 3f0c2a

    Where it is refused, the release before it stays. The exit code is 0; 1 where the run failed; 11 where it was
    interrupted, has only a part of the cases or cases without a result, was not judged in full, or has an artifact that
    cannot be stored any more; 4 for a wrong input.
    """
    from ..errors import SettingsError
    from ..history.base import Release
    from ..history.selectors import run_of
    from ..reports.terminal.run import exit_line
    from ..storage.releases import lost_artifacts, store_artifacts

    settings, label = settings_of(config, store=store, cache_dir=cache_dir), " ".join(label.split())
    with history_of(settings) as history:
        record = run_of(run, history, root_of(config))
        if not record.results:
            raise SettingsError(f"run {record.run_id[:12]} has no result to compare with")
        if not history.known([record.run_id]):
            raise SettingsError(f"run {record.run_id[:12]} is not in the history: opml import it first")
        code, reason = _refusal(record, lost_artifacts(record, settings.cache_dir, settings.release_dir))
        if reason and not force:
            advice = "the release stays as it was (--force promotes it all the same)"
            show_note(exit_line(code, f"run {record.run_id[:12]} {reason}; {advice}"))
            sys.exit(code)
        promotion = store_artifacts(record, settings.cache_dir, settings.release_dir)
        history.promote(Release(record.run_id, datetime.now(timezone.utc), label, reason))
    if json_wanted:
        stored = {"stored": promotion.stored, "not_stored": promotion.lost}
        show_json({"run": record.run_id, "label": label, **stored, "overrode": reason})
        return
    lines = [f"{run_title(record)} is the release now{f': {label}' if label else ''}"]
    lines += [f"forced, although it {reason}"] if reason else []
    lines += [f"stored {len(promotion.stored)} of {len(record.results)} artifacts in {settings.release_dir}"]
    lines += [
        f"not stored, compared by the figures of the run: {case}: {reason}" for case, reason in promotion.lost.items()
    ]
    show(lines)


def _refusal(record: RunRecord, lost: Mapping[str, str]) -> tuple[int, str]:
    """Say why a run is not to be a release, and the exit code for it; empty where it may be."""
    from ..reports.formatting import amount
    from ..runner.outcome import FAILED, NOT_JUDGED

    reasons = [record.rejected_for + (f" {amount(record.failed, 'budget')}" if record.failed else "")]
    if lost:
        case, why = next(iter(lost.items()))
        reasons.append(f"has {amount(len(lost), 'artifact')} that cannot be stored ({case}: {why})")
    return FAILED if record.rejected_for == "failed" else NOT_JUDGED, " and ".join(filter(None, reasons))


@release.command("list", short_help="List the released runs.")
@with_config
@with_store
@as_json
def list_releases(config: Path, store: str | None, json_wanted: bool) -> None:
    """List the released runs, the one that counts first.

    \b
      opml release list

    The exit code is 0, or 4 for a wrong input.
    """
    from ..history.base import Query
    from ..reports.terminal.history import release_lines, release_table

    with history_of(settings_of(config, store=store)) as history:
        releases = history.releases()
        runs = {run.run_id: run for run in history.summaries(Query(released=True), len(releases) or 1)}
    show_json(release_table(releases)) if json_wanted else show(release_lines(releases, runs, width()))


@release.command("withdraw", short_help="Take a release back.")
@click.argument("run")
@with_config
@with_store
@as_json
def withdraw(run: str, config: Path, store: str | None, json_wanted: bool) -> None:
    """Take a release back, and remove the artifacts that no other release shares; the run stays in the history.

    \b
      opml release withdraw 3f0c2a

    The exit code is 0, or 4 for a wrong input.
    """
    from ..history.selectors import run_of
    from ..storage.releases import remove_artifacts

    settings = settings_of(config, store=store)
    with history_of(settings) as history:
        record = run_of(run, history, root_of(config))
        history.withdraw(record.run_id)
        releases = [history.run(release.run_id) for release in history.releases()]
    removed = remove_artifacts(record, releases, settings.release_dir)
    if json_wanted:
        show_json({"run": record.run_id, "artifacts_removed": removed})
    else:
        show([f"{run_title(record)} is no release any more; artifacts removed: {removed}"])
