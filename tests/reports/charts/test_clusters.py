from __future__ import annotations

import pytest

from pytest_opml.reports.cases import groups_of
from pytest_opml.reports.charts.clusters import clustered, clusters_chart, clusters_of
from tests.support.builders import make_case, make_result, make_run


@pytest.mark.parametrize(
    ("technique", "expected"),
    [
        ("cluster-256", ("cluster", 256)),
        ("tfmot-cluster-16", ("tfmot-cluster", 16)),
        ("palettize-4", ("palettize", 16)),
        ("prune-0.5+cluster-64,skip=ends+int8", ("prune-0.5+cluster+int8", 64)),
        ("palettize-99", ("palettize", 2**32)),
        ("baseline", None),
        ("clusters-5", None),
        ("cluster-x", None),
        ("my-cluster-5", None),
    ],
)
def test_the_number_of_clusters_is_read_from_a_chain(technique: str, expected: tuple[str, int] | None) -> None:
    assert clusters_of(technique) == expected


def test_each_series_goes_up_in_its_number_of_clusters() -> None:
    results = [make_result(case=make_case(f"cluster-{number}")) for number in (256, 16, 64)]
    (group,) = groups_of(make_run([*results, make_result("palettize-3")]))
    assert [(name, number) for name, number, _ in clustered(group)] == [
        *(("cluster", number) for number in (16, 64, 256)),
        ("palettize", 8),
    ]
    chart = clusters_chart(group)
    assert chart
    assert [panel["layer"][0]["encoding"]["y"]["field"] for panel in chart.spec["hconcat"]] == [
        "quality",
        "megabytes",
        "preparation",
    ]
    assert {panel["layer"][0]["encoding"]["x"]["scale"]["type"] for panel in chart.spec["hconcat"]} == {"log"}


def test_one_number_of_clusters_has_no_chart() -> None:
    (group,) = groups_of(make_run([make_result(), make_result("cluster-16"), make_result("palettize-4")]))
    assert clusters_chart(group) is None
