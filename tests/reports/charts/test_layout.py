from __future__ import annotations

import math
import random
from itertools import combinations, product

import pytest

from pytest_opml.reports.charts.layout import Box, BubbleChart, Point, Shift, bar_chart, bubble_chart
from pytest_opml.reports.charts.scales import log_ticks, scale, ticks, widened
from tests.support.pages import make_page

WIDTHS = (760.0, 340.0)


def some_points(count: int, seed: int = 1) -> list[Point]:
    draw = random.Random(seed)
    return [
        Point(
            f"top{n}/cluster-{n}", str(n), draw.uniform(1, 20), draw.uniform(0.9, 1.0), draw.uniform(1, 20), n % 3 == 0
        )
        for n in range(count)
    ]


def boxes(chart: BubbleChart) -> list[Box]:
    return [bubble.box for bubble in chart.bubbles if bubble.box]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_cases_of_the_readme_are_all_named_beside_their_bubbles(width: float) -> None:
    points = make_page().test_sets[0].points
    chart = bubble_chart(points, width)
    assert {bubble.label for bubble in chart.bubbles} == {point.name for point in points}


@pytest.mark.parametrize(("width", "count", "seed"), list(product(WIDTHS, (1, 2, 24, 150), (1, 2))))
def test_no_label_lies_on_another_or_on_a_bubble_or_outside(width: float, count: int, seed: int) -> None:
    chart = bubble_chart(some_points(count, seed), width)
    assert not any(one.overlaps(other) for one, other in combinations(boxes(chart), 2))
    assert all(chart.plot.holds(box) for box in boxes(chart))
    for box, bubble in product(boxes(chart), chart.bubbles):
        across = max(box.left - bubble.x, 0.0, bubble.x - box.right)
        down = max(box.top - bubble.y, 0.0, bubble.y - box.bottom)
        # the corners of a label may touch the rim of a circle
        assert math.hypot(across, down) > bubble.radius * 0.85


@pytest.mark.parametrize("width", WIDTHS)
def test_bubbles_lie_where_their_figures_say(width: float) -> None:
    points = [
        Point("a", "1", 1.0, 0.9, 4.0, True),
        Point("b", "2", 10.0, 0.8, 1.0, True),
        Point("c", "3", 100.0, 0.7, 1.0, False),
    ]
    chart = bubble_chart(points, width)
    assert chart.bubbles[0].point.name == "a"
    found = {bubble.point.name: bubble for bubble in chart.bubbles}
    assert found["b"].x - found["a"].x == pytest.approx(found["c"].x - found["b"].x)
    assert found["a"].y < found["b"].y < found["c"].y
    assert (found["a"].radius / found["b"].radius) ** 2 == pytest.approx(4.0)
    assert {tick.label for tick in chart.x_ticks} >= {"1", "10", "100"}
    (ten,) = [tick.at for tick in chart.x_ticks if tick.label == "10"]
    assert ten == pytest.approx(found["b"].x)
    for bubble in chart.bubbles:
        assert chart.plot.left <= bubble.x - bubble.radius < bubble.x + bubble.radius <= chart.plot.right
        assert chart.plot.top <= bubble.y - bubble.radius < bubble.y + bubble.radius <= chart.plot.bottom


def test_equal_cases_are_drawn_too() -> None:
    chart = bubble_chart([Point(name, "1", 2.0, 1.0, 3.0, True) for name in "abc"], 340.0)
    assert len({(bubble.x, bubble.y) for bubble in chart.bubbles}) == 1
    assert sorted(bubble.label for bubble in chart.bubbles) == ["a", "b", "c"]
    assert chart.y_ticks


def test_what_a_bubble_stands_for_is_told_in_words() -> None:
    (bubble,) = bubble_chart([Point("int8", "1", 0.905, 0.9182, 3.98, True)], 760.0).bubbles
    assert bubble.text == "int8: accuracy 0.9182, 0.905 s, 3.98 MB, on the Pareto front"


@pytest.mark.parametrize("width", WIDTHS)
def test_the_parts_of_a_bar_are_stacked_on_each_side_of_zero(width: float) -> None:
    chart = bar_chart([Shift("a", 0.1, -0.5, -0.4), Shift("b", 0.2, 0.3, 0.0)], width)
    a, b = chart.bars
    error, time, size = a.segments
    unit = error.width / 0.1
    assert error.left == pytest.approx(chart.zero)
    assert time.left + time.width == pytest.approx(chart.zero)
    assert size.left + size.width == pytest.approx(time.left)
    assert [time.width, size.width] == pytest.approx([0.5 * unit, 0.4 * unit])
    assert a.total == pytest.approx(chart.zero - 0.8 * unit)
    assert b.segments[1].left == pytest.approx(b.segments[0].left + b.segments[0].width)
    assert b.segments[2].width == 0
    assert chart.plot.left <= size.left
    assert b.segments[1].left + b.segments[1].width <= chart.plot.right
    assert (b.top - a.top, "0" in {tick.label for tick in chart.ticks}) == (30.0, True)


def test_a_difference_of_nothing_is_drawn_too() -> None:
    chart = bar_chart([Shift("a", 0.0, 0.0, 0.0)], 340.0)
    assert chart.bars[0].total == pytest.approx(chart.zero)


def test_a_name_too_long_for_a_bar_is_cut_in_its_middle() -> None:
    (bar,) = bar_chart([Shift("a" * 50 + "/int8", 0.1, 0.1, 0.1)], 340.0).bars
    assert "…" in bar.label
    assert bar.label.endswith("/int8")


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0.905, 11.0, 8, [1, 1.5, 2, 3, 4, 5, 7, 10]),
        (0.905, 11.0, 4, [1, 2, 5, 10]),
        (3.1, 3.4, 4, [3.1, 3.2, 3.3, 3.4]),
        (2.1, 9.3, 8, [3, 4, 5, 7]),
        (1e-4, 1e4, 4, [1e-4, 0.1, 100]),
    ],
)
def test_the_values_of_a_logarithmic_scale_are_round(low: float, high: float, most: int, expected: list[float]) -> None:
    assert log_ticks(low, high, most) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(20))
def test_round_values_lie_within_and_are_no_more_than_wanted(seed: int) -> None:
    draw = random.Random(seed)
    low = draw.uniform(-5, 5) * 10 ** draw.randint(-4, 4)
    high = low + draw.uniform(0.01, 5) * 10 ** draw.randint(-4, 4)
    found = ticks(low, high, 6)
    assert 1 <= len(found) <= 6
    assert all(low - 1e-9 * abs(low) <= value <= high + 1e-9 * abs(high) for value in found)
    assert ticks(low, low, 6) == []


def test_a_scale_has_room_beside_its_values() -> None:
    assert widened([1.0, 2.0], 0.1, 0.1) == pytest.approx((0.875, 2.125))
    assert widened([1.0], 0.2, 0.0) == pytest.approx((0.9, 1.1))
    assert scale((0.0, 2.0), 10.0, 20.0)(1.0) == pytest.approx(15.0)
