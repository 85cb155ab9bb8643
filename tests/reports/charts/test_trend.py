from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest

from pytest_opml.analysis.trend import Point, find_shifts
from pytest_opml.metrics import METRICS
from pytest_opml.reports.charts.trend import BudgetLine, trend_chart
from tests.support.charts import check_chart
from tests.support.pages import HOSTILE

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
CASE = "digits/efficientnet_lite0/top1/int8"
SIZE = METRICS["size_mb"]


def points_of(values: Sequence[float], machine: str = "One CPU, 2 cores", text: str = "") -> list[Point]:
    return [
        Point(f"run-{number}{text}", START + timedelta(days=number), f"{number:040x}", f"main{text}", machine, value)
        for number, value in enumerate(values)
    ]


def test_steps_have_levels_between_them_and_a_commit() -> None:
    points = points_of([4.0] * 5 + [4.2] * 5)
    chart = trend_chart(CASE, SIZE, points, find_shifts(points, SIZE))
    assert chart
    assert [level["value"] for level in chart.datasets["levels"]] == [4.0, 4.2]
    (step,) = chart.datasets["steps"]
    assert (step["at"], step["text"]) == (chart.datasets["points"][5]["at"], f"{5:040x}"[:10])
    assert chart.datasets["levels"][0]["end"] == chart.datasets["levels"][1]["at"] == step["at"]
    assert "1 lasting step" in chart.summary


def test_the_axis_has_time_or_the_number_of_the_run_where_a_clock_was_wrong() -> None:
    points = points_of([4.0, 4.1, 4.2])
    chart = trend_chart(CASE, SIZE, points)
    assert chart
    assert chart.spec["layer"][2]["encoding"]["x"]["type"] == "temporal"
    assert chart.datasets["points"][0]["at"] == START.timestamp() * 1_000
    chart = trend_chart(CASE, SIZE, [points[1], points[0], points[2]])
    assert chart
    assert chart.spec["layer"][2]["encoding"]["x"]["type"] == "quantitative"
    assert [row["at"] for row in chart.datasets["points"]] == [1, 2, 3]


def test_budgets_are_lines_and_machines_are_told_apart() -> None:
    points = points_of([4.0, 4.1]) + points_of([4.3], "Another CPU")
    chart = trend_chart(CASE, SIZE, points, limits=[BudgetLine(5.0, "max = 5")])
    assert chart
    assert chart.datasets["limits"] == [{"value": 5.0, "text": "max = 5"}]
    colours = chart.spec["layer"][2]["encoding"]["color"]["scale"]["domain"]
    assert colours == ["One CPU, 2 cores", "Another CPU"]
    assert chart.spec["layer"][2]["encoding"]["y"]["axis"]["title"] == "size_mb, MB (lower is better)"


def test_many_machines_share_a_colour_from_the_eighth_on() -> None:
    points = [point for number in range(12) for point in points_of([4.0], f"CPU {number}")]
    chart = trend_chart(CASE, SIZE, points)
    assert chart
    names = [row["machine"] for row in chart.datasets["points"]]
    assert names[:7] == [f"CPU {number}" for number in range(7)]
    assert set(names[7:]) == {"other machines"}


def test_without_a_value_there_is_no_chart() -> None:
    assert trend_chart(CASE, SIZE, []) is None


@pytest.mark.parametrize("text", ["plain", *HOSTILE, "x" * 10_000], ids=lambda text: ascii(text[:20]))
def test_any_text_is_shown(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    points = points_of([4.0] * 5 + [4.2] * 5, text, text)
    chart = trend_chart(text, SIZE, points, find_shifts(points, SIZE), [BudgetLine(5.0, text)])
    assert chart
    check_chart(chart, capfd)
