"""The picture of quality against time, where the area of a bubble is the size of a case.

It is laid out here, in the units of ``geometry``; the template draws it as SVG.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..formatting import shortened, three_digits
from .geometry import CHARACTER, FONT, NARROW, Box, Tick
from .scales import log_ticks, scale, ticks, widened

_LINE = 1.25 * FONT
_LONGEST_LABEL = 26
_NEAR = 12.0  # a label farther from its bubble has a line to it


@dataclass(frozen=True)
class CasePoint:
    """A case on the three axes.

    Attributes:
        place: in the ranking.
        seconds: above 0.
        quality: 0 to 1.
        megabytes: 10^6 bytes, above 0.
        front: whether it is on the Pareto front.
        quality_name: what the quality is.
    """

    name: str
    place: str
    seconds: float
    quality: float
    megabytes: float
    front: bool
    quality_name: str = "accuracy"


@dataclass(frozen=True)
class Bubble:
    """The circle of a case and its label.

    Attributes:
        box: of the label; None where there was no room for one.
        led: whether a line leads to the label.
    """

    point: CasePoint
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
        """What the bubble stands for."""
        point = self.point
        front = ", on the Pareto front" if point.front else ""
        axes = f"{three_digits(point.seconds)} s, {three_digits(point.megabytes)} MB"
        return f"{point.name}: {point.quality_name} {point.quality:.4f}, {axes}{front}"


@dataclass(frozen=True)
class BubbleChart:
    """Quality against time, laid out; the largest bubbles come first."""

    width: float
    height: float
    plot: Box
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    bubbles: tuple[Bubble, ...]


def bubble_chart(points: Sequence[CasePoint], width: float) -> BubbleChart:
    """Lay out cases by time, on a logarithmic scale, and quality.

    Args:
        points: at least one, the best first: it is labelled first.
        width: of the picture; its height follows.
    """
    narrow = width < NARROW
    height = width * (1.0 if narrow else 0.6)
    plot = Box(46.0, 10.0, width - 10.0, height - 44.0)
    largest = max(point.megabytes for point in points)
    most = 16.0 if narrow else 26.0
    margin = (most + 6.0) / (plot.right - plot.left), (most + 6.0) / (plot.bottom - plot.top)
    times = widened([math.log10(point.seconds) for point in points], 0.1, margin[0])
    shares = widened([point.quality for point in points], 0.01, margin[1])
    x, y = scale(times, plot.left, plot.right), scale(shares, plot.bottom, plot.top)
    circles = [
        Bubble(
            point,
            x(math.log10(point.seconds)),
            y(point.quality),
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


def _labelled(bubbles: Sequence[Bubble], plot: Box) -> list[Bubble]:
    """Label the bubbles: the best choose first, or those near an edge where that names more."""
    by_room = sorted(bubbles, key=lambda bubble: min(bubble.x - plot.left, plot.right - bubble.x))
    attempts = [_labelled_in_turn(order, plot) for order in (bubbles, by_room)]
    return max(attempts, key=lambda attempt: sum(len(bubble.label) for bubble in attempt))


def _labelled_in_turn(bubbles: Sequence[Bubble], plot: Box) -> list[Bubble]:
    """Label each bubble with its name, where that fits beside what is there; else with its place in the ranking."""
    names = shortened([bubble.point.name for bubble in bubbles], _LONGEST_LABEL)
    taken = [_around(bubble) for bubble in bubbles]
    labelled = []
    for bubble, name in zip(bubbles, names, strict=True):
        spots = (spot for text in (name, bubble.point.place) for spot in _spots(bubble, text, plot, taken))
        label, box, led = next(spots, ("", None, False))
        if box:
            taken.append(box)
        labelled.append(replace(bubble, label=label, box=box, led=led))
    return labelled


def _around(bubble: Bubble) -> Box:
    # the square that covers as much as the circle, so that a label may come near on the diagonal
    half = bubble.radius * math.sqrt(math.pi) / 2
    return Box(bubble.x - half, bubble.y - half, bubble.x + half, bubble.y + half)


def _spots(bubble: Bubble, text: str, plot: Box, taken: Sequence[Box]) -> Iterable[tuple[str, Box, bool]]:
    """Yield free places for a label, the nearest first."""
    half = len(text) * CHARACTER / 2, _LINE / 2
    for gap in (3.0, 12.0, 24.0, 40.0, 60.0):
        for across, down in ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1)):
            reach = (bubble.radius + gap) * (1.0 if 0 in (across, down) else math.sqrt(0.5))
            x, y = bubble.x + across * (reach + half[0]), bubble.y + down * (reach + half[1])
            if across == 0:
                x = min(max(x, plot.left + half[0]), plot.right - half[0])
            box = Box(x - half[0], y - half[1], x + half[0], y + half[1])
            way = list(_way(bubble, box)) if gap > _NEAR else []
            if plot.holds(box) and not any(part.overlaps(box_there) for part in (box, *way) for box_there in taken):
                yield text, box, gap > _NEAR


def _way(bubble: Bubble, box: Box) -> Iterable[Box]:
    """Yield points of the line that leads to a label, from the edge of its bubble on."""
    x, y = replace(bubble, box=box).lead
    length = math.hypot(x - bubble.x, y - bubble.y)
    for number in range(10):
        share = (bubble.radius + number / 10 * (length - bubble.radius)) / length
        at = bubble.x + share * (x - bubble.x), bubble.y + share * (y - bubble.y)
        yield Box(*at, *at)
