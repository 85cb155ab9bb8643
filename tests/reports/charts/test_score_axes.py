from __future__ import annotations

import math

import pytest

from pytest_opml.reports.cases import groups_of
from pytest_opml.reports.charts.score_axes import score_axes_chart
from tests.support.builders import make_case, make_result, make_run
from tests.support.pages import make_eight


def test_the_parts_of_a_bar_add_up_to_its_total() -> None:
    (group,) = groups_of(make_eight())
    chart = score_axes_chart(group)
    assert chart
    assert len(chart.datasets["totals"]) == 6
    for total in chart.datasets["totals"]:
        parts = [row for row in chart.datasets["parts"] if row["case"] == total["case"]]
        assert [row["axis"] for row in parts] == ["error", "time", "size"]
        assert sum(float(row["difference"] or 0) for row in parts) == pytest.approx(total["total"])


def test_a_time_beside_the_reference_is_the_ratio_of_the_two() -> None:
    (group,) = groups_of(make_eight())
    chart = score_axes_chart(group)
    assert chart
    time = next(
        row
        for row in chart.datasets["parts"]
        if row["case"] == "digits/efficientnet_lite0/top1/int8" and row["axis"] == "time"
    )
    assert time["difference"] == pytest.approx(math.log10(0.285))


def test_references_alone_have_no_chart_and_of_many_cases_the_best_are_shown() -> None:
    (group,) = groups_of(make_run([make_result()]))
    assert score_axes_chart(group) is None
    many = [make_result(case=make_case(f"cluster-{n + 2}"), size_mb=1.0 + n) for n in range(50)]
    (group,) = groups_of(make_run([make_result(), *many]))
    chart = score_axes_chart(group)
    assert chart
    assert len(chart.datasets["totals"]) == 40
    assert "Of 50 cases these are the 40 best" in chart.summary


def test_the_axis_has_room_for_the_numbers_beside_the_bars() -> None:
    results = [make_result(), make_result("int8", 0.7, 2.0, 4.0), make_result("float16", 0.9, 40.0, 60.0)]
    (group,) = groups_of(make_run(results))
    chart = score_axes_chart(group)
    assert chart
    (domain,) = {
        tuple(layer["encoding"]["x"]["scale"]["domain"])
        for layer in chart.spec["layer"]
        if "data" in layer and "scale" in layer["encoding"]["x"]
    }
    losses = [float(row["loss"] or 0) for row in chart.datasets["totals"]]
    gains = [float(row["gain"] or 0) for row in chart.datasets["totals"]]
    assert domain[0] == min(gains)
    assert domain[1] > max(losses) + 0.1 * (max(losses) - min(gains))


def test_cases_without_any_difference_have_an_axis() -> None:
    (group,) = groups_of(make_run([make_result(), make_result("int8"), make_result("float16")]))
    chart = score_axes_chart(group)
    assert chart
    assert chart.spec["layer"][0]["encoding"]["x"]["scale"]["domain"] == [-0.1, 0.1]
