"""The picture of the history of one metric of a case."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from ...analysis.trend import Point, Shift
from ...errors import MissingDependencyError, StorageError
from ...metrics import Metric
from ..formatting import short_hash

FORMATS = (".png", ".svg", ".pdf")


def draw_trend(path: Path, case_id: str, metric: Metric, points: Sequence[Point], shifts: Sequence[Shift]) -> None:
    """Draw the values over time, a colour for each machine, and the levels between the steps.

    Args:
        path: ends in one of ``FORMATS``; replaced where it exists.
        case_id: whose history it is.
        metric: whose values.
        points: in the order of time; at least one. Where a clock was wrong, the axis has their numbers instead of it.
        shifts: the steps among them.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        StorageError: the ending is another one, or the file cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise StorageError(f"{path}: a picture ends in {', '.join(FORMATS)}")
    try:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("a picture of a trend", "matplotlib", extra="plot") from error

    moments = [point.started for point in points]
    is_in_time = moments == sorted(moments)
    numbers = {point.run_id: number for number, point in enumerate(points, 1)}

    def day(point: Point) -> float:
        return float(date2num(point.started)) if is_in_time else numbers[point.run_id]

    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots()
    for machine in dict.fromkeys(point.machine for point in points):
        own = [point for point in points if point.machine == machine]
        axes.plot([day(point) for point in own], [point.value for point in own], ".", alpha=0.6, label=_plain(machine))
        steps = [shift for shift in shifts if shift.machine in ("", machine)]
        ends = [day(own[0]), *(day(shift.at) for shift in steps), day(own[-1])]
        levels = [steps[0].step.before, *(shift.step.after for shift in steps)] if steps else []
        for (start, end), level in zip(pairwise(ends), levels, strict=False):
            axes.hlines(level, start, end, colors="black", linewidth=1.5)
    for shift in shifts:
        axes.axvline(day(shift.at), color="black", linewidth=0.8, linestyle=":")
        label, place = short_hash(shift.at.commit or shift.at.run_id), (day(shift.at), 1.0)
        axes.annotate(label, place, xycoords=("data", "axes fraction"), rotation=90, va="top", ha="right")
    if is_in_time:
        locator = AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set_title(_plain(case_id))
    axes.set_ylabel(f"{metric.name} [{metric.unit}]" if metric.unit else metric.name)
    axes.set_xlabel("run (UTC)" if is_in_time else "run, the oldest first; a clock was wrong")
    axes.legend(loc="best", fontsize="small")
    try:
        figure.savefig(path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from error


def _plain(text: str) -> str:
    """Return a text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")
