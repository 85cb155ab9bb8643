"""The picture of what each axis adds to the OpScore of a case, against its reference: a bar for each case.

It is laid out here, in the units of ``geometry``; the template draws it as SVG.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ...analysis.op_score import Difference
from ..formatting import shortened
from .geometry import CHARACTER, NARROW, Box, Tick
from .scales import scale, ticks, widened

_ROW = 30.0


@dataclass(frozen=True)
class CaseDifference:
    """How far the OpScore of a case is from that of its reference, by axis."""

    name: str
    parts: Difference


@dataclass(frozen=True)
class Segment:
    """The part of a bar that stands for one axis."""

    axis: str
    left: float
    width: float
    value: float


@dataclass(frozen=True)
class Bar:
    """The bar of a case, losses to the right of zero and gains to its left.

    Attributes:
        label: the name of the case, cut where it is long.
        total: where the whole difference lies.
    """

    case: CaseDifference
    label: str
    top: float
    segments: tuple[Segment, ...]
    total: float


@dataclass(frozen=True)
class ScoreAxesChart:
    """The difference of each OpScore to that of its reference, by axis, laid out."""

    width: float
    height: float
    plot: Box
    zero: float
    ticks: tuple[Tick, ...]
    bars: tuple[Bar, ...]


def score_axes_chart(cases: Sequence[CaseDifference], width: float) -> ScoreAxesChart:
    """Lay out differences between scores as bars, stacked on each side of zero.

    Args:
        cases: at least one, from the top.
        width: of the picture; its height follows.
    """
    room = int(width * 0.34 / CHARACTER)
    labels = shortened([case.name for case in cases], min(room, max(len(case.name) for case in cases)))
    left = max(map(len, labels)) * CHARACTER + 12.0
    plot = Box(left, 6.0, width - 48.0, 6.0 + _ROW * len(cases))
    gains = [sum(min(part, 0.0) for part in case.parts) for case in cases]
    losses = [sum(max(part, 0.0) for part in case.parts) for case in cases]
    ends = widened([*gains, *losses, 0.0], 0.1, 0.02)
    x = scale(ends, plot.left, plot.right)
    bars = []
    for number, (case, label) in enumerate(zip(cases, labels, strict=True)):
        segments = tuple(_segments(case.parts, x))
        bars.append(Bar(case, label, plot.top + _ROW * number, segments, x(case.parts.total)))
    values = ticks(*ends, 4 if width < NARROW else 8)
    x_ticks = tuple(Tick(x(value), f"{round(value, 6) + 0.0:+g}" if value else "0") for value in values)
    return ScoreAxesChart(width, plot.bottom + 40.0, plot, x(0.0), x_ticks, tuple(bars))


def _segments(parts: Difference, x: Callable[[float], float]) -> Iterable[Segment]:
    """Stack the parts from zero outwards, on each side in the same order of the axes."""
    ends = {True: 0.0, False: 0.0}
    for axis, part in parts._asdict().items():
        before = ends[part < 0]
        ends[part < 0] = after = before + part
        near, far = sorted((x(before), x(after)))
        yield Segment(axis, near, far - near, part)
