from __future__ import annotations

import math
import random
from itertools import combinations, product

import pytest

from pytest_opml.reports.charts.bubbles import BubbleChart, CasePoint, bubble_chart
from pytest_opml.reports.charts.geometry import Box
from tests.support.pages import make_page

WIDTHS = (760.0, 340.0)


def some_points(count: int, seed: int = 1) -> list[CasePoint]:
    draw = random.Random(seed)
    return [
        CasePoint(
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
        CasePoint("a", "1", 1.0, 0.9, 4.0, True),
        CasePoint("b", "2", 10.0, 0.8, 1.0, True),
        CasePoint("c", "3", 100.0, 0.7, 1.0, False),
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
    chart = bubble_chart([CasePoint(name, "1", 2.0, 1.0, 3.0, True) for name in "abc"], 340.0)
    assert len({(bubble.x, bubble.y) for bubble in chart.bubbles}) == 1
    assert sorted(bubble.label for bubble in chart.bubbles) == ["a", "b", "c"]
    assert chart.y_ticks


def test_what_a_bubble_stands_for_is_told_in_words() -> None:
    (bubble,) = bubble_chart([CasePoint("int8", "1", 0.905, 0.9182, 3.98, True)], 760.0).bubbles
    assert bubble.text == "int8: accuracy 0.9182, 0.905 s, 3.98 MB, on the Pareto front"
