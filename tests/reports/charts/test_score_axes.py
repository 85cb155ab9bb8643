from __future__ import annotations

import pytest

from pytest_opml.analysis.op_score import Difference
from pytest_opml.reports.charts.score_axes import CaseDifference, score_axes_chart

WIDTHS = (760.0, 340.0)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_parts_of_a_bar_are_stacked_on_each_side_of_zero(width: float) -> None:
    chart = score_axes_chart(
        [CaseDifference("a", Difference(0.1, -0.5, -0.4)), CaseDifference("b", Difference(0.2, 0.3, 0.0))], width
    )
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
    chart = score_axes_chart([CaseDifference("a", Difference(0.0, 0.0, 0.0))], 340.0)
    assert chart.bars[0].total == pytest.approx(chart.zero)


def test_a_name_too_long_for_a_bar_is_cut_in_its_middle() -> None:
    (bar,) = score_axes_chart([CaseDifference("a" * 50 + "/int8", Difference(0.1, 0.1, 0.1))], 340.0).bars
    assert "…" in bar.label
    assert bar.label.endswith("/int8")
