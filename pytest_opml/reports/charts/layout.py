"""The pictures of a run, laid out: where bubbles, labels, ticks and bars go. The template draws them as SVG.

Lengths are in the units of the picture's own coordinates, from its upper left corner; a unit is a pixel at full width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ..formatting import shortened, three_digits
from .scales import log_ticks, scale, ticks, widened

_FONT = 12.0
_CHARACTER = 0.56 * _FONT  # the average of a sans-serif font, on the wide side
_LINE = 1.25 * _FONT
_ROW = 30.0
_LONGEST_LABEL = 26
_NARROW = 480.0
_NEAR = 12.0  # a label farther from its bubble has a line to it


@dataclass(frozen=True)
class Point:
    """A case on the three axes: seconds above 0, a share, 10^6 bytes; ``front``: no other surpasses it on all."""

    name: str
    place: str
    seconds: float
    accuracy: float
    megabytes: float
    front: bool


@dataclass(frozen=True)
class Shift:
    """How far the OpScore of a case is from its reference's, by axis."""

    name: str
    error: float
    time: float
    size: float

    @property
    def total(self) -> float:
        """The whole difference."""
        return self.error + self.time + self.size


@dataclass(frozen=True)
class Box:
    """A rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        """Whether they share more than an edge."""
        beside = self.right <= other.left or other.right <= self.left
        return not (beside or self.bottom <= other.top or other.bottom <= self.top)

    def holds(self, other: Box) -> bool:
        """Whether the other lies wholly within."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom


@dataclass(frozen=True)
class Tick:
    """A line of the grid, and what it stands for."""

    at: float
    label: str


@dataclass(frozen=True)
class Bubble:
    """A case: its circle, its label in ``box`` (None where there was no room), and whether a line leads to it."""

    point: Point
    x: float
    y: float
    radius: float
    label: str = ""
    box: Box | None = None
    led: bool = False

    @property
    def lead(self) -> tuple[float, float]:
        """Where a line from the centre meets the label."""
        box = self.box or Box(self.x, self.y, self.x, self.y)
        return min(max(self.x, box.left), box.right), min(max(self.y, box.top), box.bottom)

    @property
    def text(self) -> str:
        """What it stands for."""
        point = self.point
        front = ", on the Pareto front" if point.front else ""
        figures = f"accuracy {point.accuracy:.4f}, {three_digits(point.seconds)} s, {three_digits(point.megabytes)} MB"
        return f"{point.name}: {figures}{front}"


@dataclass(frozen=True)
class BubbleChart:
    """Accuracy against time, the area of a bubble its size; the largest bubbles come first."""

    width: float
    height: float
    plot: Box
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    bubbles: tuple[Bubble, ...]


@dataclass(frozen=True)
class Segment:
    """The part of a bar that one axis has."""

    axis: str
    left: float
    width: float
    value: float


@dataclass(frozen=True)
class Bar:
    """A case: losses to the right of zero, gains to its left; ``total``: where the whole difference lies."""

    shift: Shift
    label: str
    top: float
    segments: tuple[Segment, ...]
    total: float


@dataclass(frozen=True)
class BarChart:
    """The difference of each OpScore to its reference's, by axis."""

    width: float
    height: float
    plot: Box
    zero: float
    ticks: tuple[Tick, ...]
    bars: tuple[Bar, ...]


def bubble_chart(points: Sequence[Point], width: float) -> BubbleChart:
    """Lay out cases by time, on a logarithmic scale, and accuracy.

    Args:
        points: at least one, the best first: it is labelled first.
        width: of the picture; its height follows.
    """
    narrow = width < _NARROW
    height = width * (1.0 if narrow else 0.6)
    plot = Box(46.0, 10.0, width - 10.0, height - 44.0)
    largest = max(point.megabytes for point in points)
    most = 16.0 if narrow else 26.0
    margin = (most + 6.0) / (plot.right - plot.left), (most + 6.0) / (plot.bottom - plot.top)
    times = widened([math.log10(point.seconds) for point in points], 0.1, margin[0])
    shares = widened([point.accuracy for point in points], 0.01, margin[1])
    x, y = scale(times, plot.left, plot.right), scale(shares, plot.bottom, plot.top)
    circles = [
        Bubble(
            point,
            x(math.log10(point.seconds)),
            y(point.accuracy),
            max(3.0, most * math.sqrt(point.megabytes / largest)),
        )
        for point in points
    ]
    x_values = log_ticks(10 ** times[0], 10 ** times[1], 4 if narrow else 8)
    y_values = ticks(*shares, 5)
    decimals = max((len(f"{value:.6f}".rstrip("0").partition(".")[2]) for value in y_values), default=0)
    return BubbleChart(
        width,
        height,
        plot,
        tuple(Tick(x(math.log10(value)), f"{value:.12g}") for value in x_values),
        tuple(Tick(y(value), f"{value:.{decimals}f}") for value in y_values),
        tuple(sorted(_labelled(circles, plot), key=lambda bubble: -bubble.radius)),
    )


def bar_chart(shifts: Sequence[Shift], width: float) -> BarChart:
    """Lay out differences between scores as bars, stacked on each side of zero.

    Args:
        shifts: at least one, from the top.
        width: of the picture; its height follows.
    """
    room = int(width * 0.34 / _CHARACTER)
    labels = shortened([shift.name for shift in shifts], min(room, max(len(shift.name) for shift in shifts)))
    left = max(map(len, labels)) * _CHARACTER + 12.0
    plot = Box(left, 6.0, width - 48.0, 6.0 + _ROW * len(shifts))
    gains = [sum(min(part, 0.0) for part in _parts(shift).values()) for shift in shifts]
    losses = [sum(max(part, 0.0) for part in _parts(shift).values()) for shift in shifts]
    ends = widened([*gains, *losses, 0.0], 0.1, 0.02)
    x = scale(ends, plot.left, plot.right)
    bars = []
    for number, (shift, label) in enumerate(zip(shifts, labels, strict=True)):
        segments = tuple(_segments(_parts(shift), x))
        bars.append(Bar(shift, label, plot.top + _ROW * number, segments, x(shift.total)))
    marks = ticks(*ends, 4 if width < _NARROW else 8)
    shown = tuple(Tick(x(value), f"{round(value, 6) + 0.0:+g}" if value else "0") for value in marks)
    return BarChart(width, plot.bottom + 40.0, plot, x(0.0), shown, tuple(bars))


def _parts(shift: Shift) -> dict[str, float]:
    return {"error": shift.error, "time": shift.time, "size": shift.size}


def _segments(parts: dict[str, float], x: Callable[[float], float]) -> Iterable[Segment]:
    """From zero outwards, on each side in the same order of the axes."""
    ends = {True: 0.0, False: 0.0}
    for axis, part in parts.items():
        before = ends[part < 0]
        ends[part < 0] = after = before + part
        near, far = sorted((x(before), x(after)))
        yield Segment(axis, near, far - near, part)


def _labelled(bubbles: Sequence[Bubble], plot: Box) -> list[Bubble]:
    """The bubbles with their labels: the best choose first, or those near an edge where that names more."""
    by_room = sorted(bubbles, key=lambda bubble: min(bubble.x - plot.left, plot.right - bubble.x))
    tried = [_labelled_in_turn(order, plot) for order in (bubbles, by_room)]
    return max(tried, key=lambda found: sum(len(bubble.label) for bubble in found))


def _labelled_in_turn(bubbles: Sequence[Bubble], plot: Box) -> list[Bubble]:
    """Each with its name, where that fits beside what is there; else with its place in the ranking."""
    names = shortened([bubble.point.name for bubble in bubbles], _LONGEST_LABEL)
    taken = [_around(bubble) for bubble in bubbles]
    found = []
    for bubble, name in zip(bubbles, names, strict=True):
        spots = (spot for text in (name, bubble.point.place) for spot in _spots(bubble, text, plot, taken))
        label, box, led = next(spots, ("", None, False))
        if box:
            taken.append(box)
        found.append(replace(bubble, label=label, box=box, led=led))
    return found


def _around(bubble: Bubble) -> Box:
    # the square that covers as much as the circle, so that a label may come near on the diagonal
    half = bubble.radius * math.sqrt(math.pi) / 2
    return Box(bubble.x - half, bubble.y - half, bubble.x + half, bubble.y + half)


def _spots(bubble: Bubble, text: str, plot: Box, taken: Sequence[Box]) -> Iterable[tuple[str, Box, bool]]:
    """Free places for a label, the nearest first."""
    half = len(text) * _CHARACTER / 2, _LINE / 2
    for gap in (3.0, 12.0, 24.0, 40.0, 60.0):
        for across, down in ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1)):
            reach = (bubble.radius + gap) * (1.0 if 0 in (across, down) else math.sqrt(0.5))
            x, y = bubble.x + across * (reach + half[0]), bubble.y + down * (reach + half[1])
            if across == 0:
                x = min(max(x, plot.left + half[0]), plot.right - half[0])
            box = Box(x - half[0], y - half[1], x + half[0], y + half[1])
            way = list(_way(bubble, box)) if gap > _NEAR else []
            if plot.holds(box) and not any(part.overlaps(other) for part in (box, *way) for other in taken):
                yield text, box, gap > _NEAR


def _way(bubble: Bubble, box: Box) -> Iterable[Box]:
    """Points of the line that leads to a label, from the edge of its bubble on."""
    x, y = replace(bubble, box=box).lead
    length = math.hypot(x - bubble.x, y - bubble.y)
    for number in range(10):
        share = (bubble.radius + number / 10 * (length - bubble.radius)) / length
        at = bubble.x + share * (x - bubble.x), bubble.y + share * (y - bubble.y)
        yield Box(*at, *at)
