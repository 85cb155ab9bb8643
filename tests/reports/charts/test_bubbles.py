from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import pytest
import vl_convert
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_opml.records.result import Result
from pytest_opml.reports.cases import groups_of
from pytest_opml.reports.charts.bubbles import bubble_chart
from pytest_opml.reports.charts.chart import Chart
from tests.support.builders import make_case, make_result, make_run
from tests.support.pages import make_eight


def chart_of(*results: Result) -> Chart:
    (group,) = groups_of(make_run(results) if results else make_eight())
    chart = bubble_chart(group)
    assert chart
    return chart


def layer_of(chart: Chart, name: str) -> dict[str, Any]:
    layer: dict[str, Any] = next(layer for layer in chart.spec["layer"] if layer.get("name") == name)
    return layer


def test_a_bubble_has_its_figures_its_place_and_whether_it_is_on_the_front() -> None:
    cases = {row["name"]: row for row in chart_of().datasets["cases"]}
    best = cases["top10/int8"]
    assert (best["place"], best["front"], best["shown"]) == ("1", True, True)
    assert best["case"] == "digits/efficientnet_lite0/top10/int8"
    assert (best["seconds"], best["quality"], best["megabytes"]) == pytest.approx((0.914, 0.9533, 3.98))
    assert best["quality_text"] == "0.9533 (0.9233 to 0.9833)"
    assert best["seconds_text"] == "0.914 s (0.896 to 0.932)"
    assert not cases["top1/float16"]["front"]


def test_the_axes_say_what_is_better_and_the_area_is_the_size() -> None:
    encoding = layer_of(chart_of(), "bubbles")["encoding"]
    assert encoding["x"]["axis"]["title"] == "time, s (lower is better)"
    assert encoding["y"]["axis"]["title"] == "accuracy (higher is better)"
    assert encoding["size"]["field"] == "megabytes"
    assert encoding["size"]["scale"]["domain"][0] == encoding["size"]["scale"]["range"][0] == 0


def test_a_script_of_the_page_has_its_selections_and_its_field() -> None:
    chart = chart_of()
    params = {param["name"]: param["select"] for param in chart.spec["params"]}
    assert params["brush"] == {"type": "interval", "encodings": ["x", "y"]}
    assert params["pick"]["fields"] == params["hover"]["fields"] == ["case"]
    assert layer_of(chart, "bubbles")["encoding"]["opacity"]["condition"]["test"] == "datum.shown"


def test_models_have_shapes_where_there_are_several() -> None:
    assert "shape" not in layer_of(chart_of(), "bubbles")["encoding"]
    other_model = make_result(case=make_case(model="resnet50"), inference_s=20.0)
    shape = layer_of(chart_of(make_result(), other_model), "bubbles")["encoding"]["shape"]
    assert shape["scale"]["domain"] == ["efficientnet_lite0", "resnet50"]


def test_the_time_may_be_on_a_logarithmic_axis() -> None:
    spec = json.loads(json.dumps(chart_of().spec))
    scales = [layer["encoding"]["x"]["scale"] for layer in spec["layer"]]
    assert {scale["type"] for scale in scales} == {"linear"}
    assert min(scale["domain"][0] for scale in scales) > 0
    for scale in scales:  # as a page's script does
        scale["type"] = "log"
    axes = [scale for scale in vl_convert.vegalite_to_vega(spec)["scales"] if scale["name"] == "x"]
    assert [axis["type"] for axis in axes] == ["log"]


def test_the_line_joins_what_none_beats_in_time_and_quality() -> None:
    front = chart_of().datasets["front"]
    assert [row["case"] for row in front] == [
        "digits/efficientnet_lite0/top1/int8",
        "digits/efficientnet_lite0/top10/int8",
        "digits/efficientnet_lite0/top10/baseline",
    ]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(1e-4, 1e4), st.floats(0.01, 1e3)), min_size=1, max_size=6))
def test_lines_of_equal_score_have_it_and_stay_within_the_axes(figures: list[tuple[float, float, float]]) -> None:
    results = [
        make_result(case=make_case(f"cluster-{number + 2}"), accuracy=quality, inference_s=seconds, size_mb=size)
        for number, (quality, seconds, size) in enumerate(figures)
    ]
    chart = chart_of(*results)
    encoding = layer_of(chart, "bubbles")["encoding"]
    (first, last), (low, high) = encoding["x"]["scale"]["domain"], encoding["y"]["scale"]["domain"]
    assert 0 < first < last
    assert low < high
    for row in chart.datasets["cases"]:
        assert first <= float(row["seconds"] or 0) <= last
        assert low <= float(row["quality"] or 0) <= high
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in chart.datasets["equal_scores"]:
        lines.setdefault(str(row["score"]), []).append((float(row["seconds"] or 0), float(row["quality"] or 0)))
    assert len(lines) <= 8
    for points in lines.values():
        assert all(first * 0.999 <= seconds <= last * 1.001 and low <= quality <= high for seconds, quality in points)
        products = [(1 - quality) * seconds for seconds, quality in points[1:-1]]
        assert max(products) == pytest.approx(min(products), rel=1e-6)


def test_from_line_to_line_is_a_factor_of_two_in_the_score() -> None:
    scores = sorted({float(str(row["score"])) for row in chart_of().datasets["equal_scores"]})
    assert len(scores) >= 3
    assert all(after - before == pytest.approx(math.log10(2), abs=0.011) for before, after in pairwise(scores))


def test_few_bubbles_have_a_number_and_a_key_and_many_have_none() -> None:
    def texts(count: int) -> list[dict[str, Any]]:
        results = [make_result(case=make_case(f"cluster-{n + 2}"), inference_s=1.0 + n) for n in range(count)]
        return [
            layer["encoding"] for layer in chart_of(*results).spec["layer"] if layer["mark"].get("style") == "label"
        ]

    (few,) = texts(25)
    assert [label.split()[0] for label in few["strokeWidth"]["scale"]["domain"]] == [str(n) for n in range(1, 26)]
    (more,) = texts(40)
    assert "strokeWidth" not in more
    assert texts(41) == []


def test_bubbles_that_lie_upon_one_another_share_a_label() -> None:
    near = [make_result(case=make_case(f"cluster-{n + 2}"), accuracy=0.9, inference_s=5 + n / 1e4) for n in range(3)]
    far = make_result(inference_s=50.0)
    labels = {row["place"]: row["label"] for row in chart_of(*near, far).datasets["cases"]}
    assert sorted(map(str, labels.values())) == ["", "", "1,2,3", "4"]


def test_a_legend_is_never_longer_than_there_are_colours() -> None:
    results = [make_result(case=make_case(f"cluster-{n + 2}"), inference_s=1.0 + n) for n in range(50)]
    chart = chart_of(*results)
    domain = layer_of(chart, "bubbles")["encoding"]["fill"]["scale"]["domain"]
    assert len(domain) == 12
    assert domain[-1] == "other techniques"
    assert {row["technique"] for row in chart.datasets["cases"]} == set(domain)


def test_lines_so_near_that_their_numbers_would_lie_upon_one_another_have_fewer() -> None:
    results = [
        make_result(f"cluster-{n + 2}", 0.5 + n / 40, 10.0 ** (-4 + n / 2), 0.01 * 10 ** (n / 3)) for n in range(15)
    ]
    chart = chart_of(*results)
    first, last = layer_of(chart, "bubbles")["encoding"]["x"]["scale"]["domain"]
    ends = [row for row in chart.datasets["equal_scores"] if row["text"]]
    assert len({row["score"] for row in chart.datasets["equal_scores"]}) > len(ends) >= 1
    assert str(ends[-1]["text"]).startswith("OpScore ")
    places = [((float(row["seconds"] or 0) - first) / (last - first) * 640, len(str(row["text"]))) for row in ends]
    assert all(x > 6 * letters for x, letters in places)  # none reaches over the axis


def test_one_case_is_one_case() -> None:
    assert "time of 1 case;" in chart_of(make_result()).summary
    assert "time of 8 cases;" in chart_of().summary
