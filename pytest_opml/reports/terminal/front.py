"""The chart of a ranking in characters: quality against time, each case by its place in the table.

It is drawn in ASCII, which every terminal and every log shows. The charting library of the trends cannot write a
number at a point, so the grid is drawn here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..cases import RankingRow
from ..formatting import wrapped
from ..ranking_columns import quality_title
from .scales import log_ticks, scale, ticks, widened
from .styles import Line, Span, Style

_HEIGHT, _NARROWEST, _WIDEST = 10, 80, 100
_FEWEST, _MOST = 3, 30  # cases: fewer need no chart, and of more only those on the front are legible
_MARGIN = 0.05  # of a scale, beyond the values
_LEAST_QUALITY = 0.01  # that the scale shows at the least: smaller differences would look like large ones
_LEAST_SHARE = 0.1  # of the longest time, likewise
_LOGARITHMIC_FROM = 10.0  # times the shortest time
_Y_TICKS, _COLUMNS_PER_TICK = 4, 12


class _Label(NamedTuple):
    """The places of cases that lie at one spot of a row, or so near to it that their texts would meet."""

    column: int
    places: tuple[str, ...]

    @property
    def text(self) -> str:
        return ",".join(self.places)


def front_lines(rows: Sequence[RankingRow], width: int) -> list[str]:
    """Draw the cases of a ranking by quality and time.

    Args:
        rows: of the ranking; those that are no cases are left out.
        width: columns that no line exceeds.

    Returns:
        Lines of plain text, the members of the front strong; none below 80 columns, and for fewer than three cases.
    """
    cases = [row for row in rows if row.result]
    if width < _NARROWEST or len(cases) < _FEWEST:
        return []
    drawn, which = _drawn(cases)
    times, qualities = [row.entry.seconds for row in drawn], [row.entry.quality for row in drawn]
    is_log = max(times) > _LOGARITHMIC_FROM * min(times) > 0
    x_values = [math.log10(seconds) for seconds in times] if is_log else times
    x_least = math.log10(1 + _LEAST_SHARE) if is_log else _LEAST_SHARE * max(times) or 1.0
    x_ends, y_ends = widened(x_values, x_least, _MARGIN), widened(qualities, _LEAST_QUALITY, _MARGIN)
    y_labels = _y_labels(y_ends)
    margin = max(map(len, y_labels.values()))
    columns = min(width, _WIDEST) - margin - len(" |")
    to_column, to_row = scale(x_ends, 0, columns), scale(y_ends, _HEIGHT, 0)
    by_row: dict[int, list[_Label]] = {}
    for row, x, quality in zip(drawn, x_values, qualities, strict=True):
        label = _Label(min(int(to_column(x)), columns - 1), (row.place,))
        by_row.setdefault(min(int(to_row(quality)), _HEIGHT - 1), []).append(label)
    plot = [
        _plot_line(f"{y_labels.get(number, ''):>{margin}} |", _apart(by_row.get(number, ()), columns), columns)
        for number in range(_HEIGHT)
    ]
    most = max(2, columns // _COLUMNS_PER_TICK)
    marks = (
        [(math.log10(value), value) for value in log_ticks(10 ** x_ends[0], 10 ** x_ends[1], most)] if is_log else []
    )
    marks = marks or [(value, value) for value in ticks(*x_ends, most)]
    axis = _x_axis([(int(to_column(x)), f"{value:g}") for x, value in marks], columns)
    heads = [f"{'':{margin}} +", " " * (margin + 2)]
    titles = _title(rows, which, is_log=is_log)
    title = [line for text in titles for line in wrapped(text, width)]
    return [*title, *plot, *((head + line).rstrip() for head, line in zip(heads, axis, strict=True))]


def _drawn(cases: Sequence[RankingRow]) -> tuple[Sequence[RankingRow], str]:
    """Return those of the cases that are drawn, and what of so many they are; empty where that is all of them."""
    if len(cases) <= _MOST:
        return cases, ""
    front = [row for row in cases if row.place.startswith("*")]
    if len(front) >= _FEWEST:
        return front, "the front"
    best = cases[:_MOST]
    return [*best, *(row for row in front if all(row is not one for one in best))], f"the front and the best {_MOST}"


def _title(rows: Sequence[RankingRow], which: str, *, is_log: bool) -> tuple[str, str]:
    quality = quality_title([row.result.quality.name for row in rows if row.result])
    scale_text = ", logarithmic" if is_log else ""
    shown = f"of so many cases only {which} {'are' if ' and ' in which else 'is'} drawn."
    if not which:
        shown = "*: on the Pareto front, which counts size too."
    return (
        f"{quality} (higher is better) against time in s (lower is better{scale_text})",
        f"Numbers are places in the table; {shown}",
    )


def _y_labels(ends: tuple[float, float]) -> dict[int, str]:
    """Return the texts of round qualities by the row that they fall on."""
    values = ticks(*ends, _Y_TICKS)
    decimals = max(len(f"{value:.12f}".rstrip("0").partition(".")[2]) for value in values)
    height = scale(ends, _HEIGHT, 0)
    return {min(int(height(value)), _HEIGHT - 1): f"{value:.{decimals}f}" for value in values}


def _apart(labels: Iterable[_Label], columns: int) -> list[_Label]:
    """Return the labels of a row from left to right with at least a blank between two; those that meet are one."""
    ordered = sorted(labels, key=lambda label: label.column)
    at = 1
    while at < len(ordered):
        left, right = ordered[at - 1], ordered[at]
        if _start(left, columns) + len(left.text) < _start(right, columns):
            at += 1
            continue
        ordered[at - 1 : at + 1] = [_together(left, right, columns)]
        at = max(1, at - 1)  # the longer text may meet the one before it
    return ordered


def _together(left: _Label, right: _Label, columns: int) -> _Label:
    """Return two labels as one, at the place of the left one, in the order of the ranking."""
    places = dict.fromkeys(place for place in (*left.places, *right.places) if not place.startswith("+"))
    more = sum(int(place) for place in (*left.places, *right.places) if place.startswith("+"))
    ordered = sorted(places, key=lambda place: int(place.lstrip("*")))
    while len(",".join(ordered)) > columns // 2:
        ordered.pop()
        more += 1
    return _Label(left.column, (*ordered, *([f"+{more}"] if more else [])))


def _start(label: _Label, columns: int) -> int:
    """Return the column in which the text of a label begins: its first digit lies on the point, where there is room."""
    star = label.text.startswith("*")
    return max(0, min(label.column - star, columns - len(label.text)))


def _plot_line(head: str, labels: Sequence[_Label], columns: int) -> Line:
    """Return a row of the chart, the members of the front in it strong."""
    text, spans = head, list[Span]()
    for label in labels:
        text = text.ljust(len(head) + _start(label, columns))
        for number, place in enumerate(label.places):
            text += "," if number else ""
            if place.startswith("*"):
                spans.append(Span(len(text), len(text) + len(place), Style.STRONG))
            text += place
    return Line(text.rstrip(), spans)


def _x_axis(marks: Sequence[tuple[int, str]], columns: int) -> tuple[str, str]:
    """Return the axis with a cross at each round value, and the values below it."""
    axis, texts = ["-"] * columns, ""
    for column, text in marks:
        start = min(max(0, column - len(text) // 2), columns - len(text))
        if not texts or start > len(texts):
            axis[min(column, columns - 1)] = "+"
            texts = texts.ljust(start) + text
    return "".join(axis), texts
