"""``opml trend``: show the history of a metric, and its lasting steps."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import (
    as_json,
    history_of,
    match_cases,
    root_of,
    settings_of,
    show,
    show_json,
    since,
    width,
    with_config,
    with_store,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..analysis.trend import Point, Shift
    from ..history.base import History, Query
    from ..metrics import Metric


@click.command(short_help="Show the history of a metric, and its lasting steps.")
@click.argument("case")
@click.option("--metric", "name", metavar="METRIC", help="By default op_score; of an imported benchmark call_s.")
@click.option("--branch", metavar="BRANCH", help="Measured on this branch.")
@click.option("--profile", metavar="PROFILE", help="On this kind of hardware; by default that of the newest result.")
@click.option("--since", metavar="WHEN", callback=since, help="From a day on (2026-01-31), or an age (12h, 30d, 2w).")
@click.option("--limit", type=click.IntRange(1, 1_000), default=1_000, show_default=True, help="The newest so many.")
@click.option("--picture", metavar="FILE", type=click.Path(path_type=Path), help="Write it as .png, .svg or .pdf too.")
@with_config
@with_store
@as_json
def trend(
    case: str,
    name: str | None,
    branch: str | None,
    profile: str | None,
    since: datetime | None,
    limit: int,
    picture: Path | None,
    config: Path,
    store: str | None,
    json_wanted: bool,
) -> None:
    """Show how a metric of a case developed, and find the commits that changed it for good.

    CASE is the id of a case, the name of an imported benchmark, or a pattern that only one of them matches. A step is a
    change that lasts, not a single odd run. Where the noise is independent, a history without any shows one in less
    than a hundredth of cases; more where neighbours are alike. Times are searched on each machine by itself.

    \b
      opml trend digits/efficientnet_lite0/top10/int8
      opml trend '*/top10/int8' --metric inference_s --branch main --since 90d
      opml trend '*/top10/int8' --metric size_mb --picture size.svg

    The exit code is 0, or 4 for a wrong input.
    """
    from ..analysis.trend import find_shifts
    from ..errors import SettingsError, listed
    from ..history.base import Query
    from ..history.git import between
    from ..reports.terminal.trend import trend_lines, trend_table
    from ..storage.whole_files import check_writable

    if picture:
        from ..reports.figures.pictures import picture_format

        picture_format(picture)  # a wrong ending is said before the history is searched
    with history_of(settings_of(config, store=store)) as history:
        cases = match_cases(history, case)
        if len(cases) > 1:
            raise SettingsError(f"{case!r} matches {len(cases)} cases, and a trend is of one: {listed(cases)}")
        case, query = cases[0], Query(cases=cases, profile=profile, branch=branch, since=since)
        metric, points = _points(history, query, name, limit)
    if not points:
        raise SettingsError(f"the history holds no {metric.name} of {case} that was asked for")
    if picture:
        check_writable(picture)
    shifts = find_shifts(points, metric)

    def commits(old: str, new: str) -> Sequence[str] | None:
        return between(root_of(config), old, new)

    if picture:
        _draw(picture, case, metric, points, shifts)
    if json_wanted:
        show_json(trend_table(case, metric, points, shifts, commits))
    else:
        show(trend_lines(case, metric, points, shifts, commits, width()))


def _draw(path: Path, case: str, metric: Metric, points: Sequence[Point], shifts: Sequence[Shift]) -> None:
    """Write a history that has a value as a picture.

    Raises:
        StorageError: the file cannot be written.
    """
    from ..reports.charts.trend import trend_chart
    from ..reports.figures.pictures import write_picture

    if chart := trend_chart(case, metric, points, shifts):
        write_picture(path, chart)


def _points(history: History, query: Query, name: str | None, limit: int) -> tuple[Metric, list[Point]]:
    """The values of a metric in the order of time, on one kind of hardware; of the default metric where none is named.

    Raises:
        SettingsError: there is no such metric, or its values are not kept apart.
    """
    from ..analysis.trend import Point
    from ..errors import SettingsError
    from ..history.base import CALL_S, COLUMNS
    from ..metrics import METRICS, Metric

    call = Metric(CALL_S, lambda _: None, "s", machine_dependent=True)
    newest = history.rows(query, 1)
    if name is None:
        name = "op_score" if not newest or newest[0].figures["op_score"] is not None else CALL_S
    if name not in (*COLUMNS, CALL_S):
        raise SettingsError(f"--metric: unknown metric {name!r}; known: {', '.join((*COLUMNS, CALL_S))}")
    metric = call if name == CALL_S else METRICS[name]
    if newest:
        query = query._replace(profile=newest[0].profile)
    rows = [row for row in reversed(history.rows(query, limit)) if row.figures[name] is not None]
    return metric, [
        Point(row.run_id, row.started, row.commit, row.branch, row.machine, row.figures[name] or 0.0) for row in rows
    ]
