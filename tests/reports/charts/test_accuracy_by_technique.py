from __future__ import annotations

from pytest_opml.records.case_record import CaseRecord
from pytest_opml.reports.cases import groups_of
from pytest_opml.reports.charts.accuracy_by_technique import accuracy_by_technique_chart
from pytest_opml.reports.charts.chart import Chart
from tests.support.builders import make_result, make_run


def chart_of(cases: dict[tuple[str, str], float]) -> Chart:
    """The chart of cases: the accuracy by model and technique."""
    results = [
        make_result(case=CaseRecord(dataset="digits", model=model, technique=technique), accuracy=accuracy)
        for (model, technique), accuracy in cases.items()
    ]
    (group,) = groups_of(make_run(results))
    chart = accuracy_by_technique_chart(group)
    assert chart
    return chart


def test_of_many_models_those_of_the_best_cases_are_drawn() -> None:
    cases = {
        (f"model{place:02}", technique): 0.5 + place / 50 for place in range(12) for technique in ("baseline", "int8")
    }
    chart = chart_of(cases)
    assert {row["series"] for row in chart.datasets["techniques"]} == {f"model{place:02}" for place in range(4, 12)}
    assert "16 of 24 cases are shown." in chart.summary


def test_a_technique_without_a_point_has_no_place_on_the_axis() -> None:
    cases = {(f"model{place:02}", "baseline"): 0.9 - place / 50 for place in range(10)}
    chart = chart_of(cases | {("model00", "int8"): 0.8, ("model09", "float16"): 0.5})
    domain = chart.spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert domain == ["baseline", "int8"]
    assert chart.summary.startswith("Accuracy of 2 techniques")
