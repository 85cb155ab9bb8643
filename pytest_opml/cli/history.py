"""The commands that look into the history: history, compare, release."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import (
    Commands,
    as_json,
    history_of,
    parse_age,
    root_of,
    run_meant,
    settings_of,
    show,
    show_json,
    width,
    with_config,
    with_store,
)

if TYPE_CHECKING:
    from ..history.base import History
    from ..records.result import RunRecord


def since(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """The callback of an option that takes a day, or how long ago."""
    from ..errors import UsageError

    if value is None:
        return None
    try:
        day = datetime.fromisoformat(value)
        return day if day.tzinfo else day.replace(tzinfo=timezone.utc)
    except ValueError:
        try:
            ago: timedelta = parse_age(value)
            return datetime.now(timezone.utc) - ago
        except (UsageError, OverflowError):
            text = f"{value!r} is no day such as 2026-01-31, and no age such as 12h, 30d or 2w"
            raise click.BadParameter(text, ctx, param) from None


def matching(history: History, pattern: str) -> tuple[str, ...]:
    """The case of the history that is called so, or those that a pattern matches.

    Raises:
        SettingsError: none does; the nearest names are listed.
    """
    from ..errors import UnknownNameError

    known = history.case_ids()
    if pattern in known:  # the name of a benchmark may have brackets, which mean something else in a pattern
        return (pattern,)
    found = tuple(name for name in known if fnmatchcase(name, pattern))
    if not found:
        raise UnknownNameError("case of the history", pattern, known)
    return found


@click.command("history", short_help="List the runs, or the results of cases.")
@click.option("--case", metavar="PATTERN", help="Results of these cases, such as '*/int8', instead of whole runs.")
@click.option("--branch", metavar="BRANCH", help="Measured on this branch.")
@click.option("--profile", metavar="PROFILE", help="Measured on this kind of hardware, such as v100.")
@click.option(
    "--since", metavar="WHEN", callback=since, help="Not before a day (2026-01-31), or an age (12h, 30d, 2w)."
)
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many at most.")
@with_config
@with_store
@as_json
def list_history(
    case: str | None,
    branch: str | None,
    profile: str | None,
    since: datetime | None,
    limit: int,
    config: Path,
    store: str | None,
    json_wanted: bool,
) -> None:
    """List the runs of the history, or the results of cases, the newest first.

    \b
      opml history
      opml history --branch main --since 30d
      opml history --case '*/top10/int8' --profile v100 --limit 50

    The exit code is 0, or 4 for a wrong input.
    """
    from ..history.base import Query
    from ..reports.terminal.history import row_lines, row_table, run_lines, run_table

    query = Query(profile=profile, branch=branch, since=since)
    with history_of(settings_of(config, store=store)) as history:
        if case is not None:
            rows = history.rows(query._replace(cases=matching(history, case)), limit)
            show_json(row_table(rows)) if json_wanted else show(row_lines(rows, width()))
            return
        runs = history.summaries(query, limit)
        labels = {release.run_id: release.label for release in history.releases()}
    show_json(run_table(runs, labels)) if json_wanted else show(run_lines(runs, labels, width()))


@click.command(short_help="Compare two runs, case by case.")
@click.argument("earlier")
@click.argument("later")
@with_config
@with_store
@as_json
def compare(earlier: str, later: str, config: Path, store: str | None, json_wanted: bool) -> None:
    """Compare the cases of two runs on the same kind of hardware: accuracy, time, size, OpScore.

    EARLIER and LATER are each the file that --opml-json wrote, or a run of the history: its id or the beginning of it,
    last, release, a branch (its newest run), or a commit. Times are compared where both were measured on the same
    machine. Nothing is judged here; `opml gate` does that.

    \b
      opml compare main last
      opml compare v1.2 HEAD
      opml compare before.json after.json --json

    The exit code is 0, or 4 for a wrong input.
    """
    from ..errors import SettingsError
    from ..records.result import Baseline
    from ..reports.cases import short_names
    from ..reports.comparison_rows import comparisons, table_lines, without_baseline

    settings, root = settings_of(config, store=store), root_of(config)
    before, after = (run_meant(text, settings, root) for text in (earlier, later))
    old, new = ([device.profile for device in run.devices] for run in (before, after))
    if not set(old) & set(new):
        raise SettingsError(
            f"{earlier} was measured on {', '.join(old)} and {later} on {', '.join(new)}; "
            "only runs on the same kind of hardware are compared"
        )
    about = {"name": earlier, "run_id": before.run_id, "started": before.started, "commit": before.commit}
    baselines = {
        result.key: Baseline.model_validate(about | {"device": result.device, "result": result})
        for result in before.results
    }
    found = comparisons(after, baselines)
    if json_wanted:
        show_json([each.as_plain() for each in found])
    elif not found:
        show([f"{earlier} and {later} have no case in common"])
    else:
        missing = without_baseline(after, baselines)
        title = f"{_named(after)} against {_named(before)}"
        show(table_lines(title, found, missing, short_names(after), width()))


def _named(run: RunRecord) -> str:
    commit = f", commit {run.commit.commit[:10]}" if run.commit else ""
    return f"run {run.run_id[:12]} of {run.started:%Y-%m-%d %H:%M}{commit}"


@click.group(cls=Commands, short_help="Say which run is the released one.")
def release() -> None:
    """Say which run is the released one, and keep its artifacts.

    A session with --opml-baseline=release measures the kept artifacts again, in turn with its own, so that two
    releases are compared on one machine at one time. The artifacts lie in release_dir of [tool.opml], by default
    .opml/releases.

    \b
      opml release promote last --label v1.2
      opml release list
    """


@release.command("promote", short_help="Make a run the released one.")
@click.argument("run")
@click.option("--label", metavar="TEXT", default="", help="What you call it, such as v1.2.")
@click.option("--anyway", is_flag=True, help="Also where the run broke a budget.")
@with_config
@with_store
@click.option("--cache-dir", metavar="DIR", help="The cache that the run used; by default that of the file.")
@as_json
def promote(
    run: str, label: str, anyway: bool, config: Path, store: str | None, cache_dir: str | None, json_wanted: bool
) -> None:
    """Make a run the released one, and keep its artifacts for side-by-side measurements.

    RUN is its id or the beginning of it, last, a branch or a commit. Of a case that the released run lacks, the release
    before it counts.

    \b
      opml release promote last --label v1.2
      opml release promote 3f0c2a

    The exit code is 0, or 4 for a wrong input: a run that broke budgets among it.
    """
    from ..errors import SettingsError
    from ..history.base import Release
    from ..history.selectors import run_of
    from ..storage.releases import keep

    settings, label = settings_of(config, store=store, cache_dir=cache_dir), " ".join(label.split())
    with history_of(settings) as history:
        record = run_of(run, history, root_of(config))
        broken = sum(check.verdict == "fail" for check in record.checks)
        if broken and not anyway:
            raise SettingsError(f"run {record.run_id[:12]} broke {broken} budgets; --anyway promotes it all the same")
        if not record.results:
            raise SettingsError(f"run {record.run_id[:12]} has no result to compare with")
        if not history.known([record.run_id]):
            raise SettingsError(f"run {record.run_id[:12]} is not in the history: opml import it first")
        kept = keep(record, settings.cache_dir, settings.release_dir)
        history.promote(Release(record.run_id, datetime.now(timezone.utc), label))
    if json_wanted:
        show_json({"run": record.run_id, "label": label, "kept": kept.kept, "not_kept": kept.lost})
        return
    lines = [f"{_named(record)} is the release now{f': {label}' if label else ''}"]
    lines += [f"kept {len(kept.kept)} of {len(record.results)} artifacts in {settings.release_dir}"]
    lines += [f"not kept, compared as it was stored: {case}: {reason}" for case, reason in kept.lost.items()]
    show(lines)


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
    from ..storage.releases import drop

    settings = settings_of(config, store=store)
    with history_of(settings) as history:
        record = run_of(run, history, root_of(config))
        history.withdraw(record.run_id)
        others = [history.run(each.run_id) for each in history.releases()]
    gone = drop(record, others, settings.release_dir)
    if json_wanted:
        show_json({"run": record.run_id, "artifacts_removed": gone})
    else:
        show([f"{_named(record)} is no release any more; artifacts removed: {gone}"])


COMMANDS = (list_history, compare, release)
