from __future__ import annotations

from typing import Any

from pytest_opml.gate.best_case import Selection, select_best
from pytest_opml.gate.budgets import parse_gate
from pytest_opml.gate.run_verdicts import judge_run
from tests.support.builders import make_case, make_device, make_result, make_run

RESULTS = [
    make_result(accuracy=0.95),
    make_result("int8", 0.90, 3.0, 4.0),
    make_result("cluster-8", 0.94, 10.0, 5.0),
    make_result("float16", 0.95, 20.0, 7.0),
]


def chosen(table: dict[str, Any], **fields: Any) -> Selection:
    record = make_run(RESULTS, **fields)
    (only,) = select_best(record, judge_run(record, parse_gate(table, "gate", ("v100",))))
    return only


def technique(result: Any) -> str | None:
    return None if result is None else result.case.technique


def test_without_budgets_the_best_score_is_chosen() -> None:
    found = chosen({})
    assert technique(found.best) == "int8"
    assert [technique(result) for result in found.results] == ["int8", "cluster-8", "baseline", "float16"]
    assert found.allowed == found.results
    assert found.without == ()


def test_the_best_keeps_all_budgets_and_each_budget_has_its_price() -> None:
    # int8 keeps neither, cluster-8 not the second
    found = chosen({"deflated_mb": {"min": 4.0}, "size_mb": {"min": 6}})
    assert technique(found.best) == "baseline"
    assert {budget: technique(best) for budget, best in found.without} == {
        "deflated_mb min": "baseline",
        "size_mb min": "cluster-8",
    }


def test_where_none_keeps_them_there_is_no_best() -> None:
    found = chosen({"size_mb": {"max": 1}})
    assert found.best is None
    assert {budget: technique(best) for budget, best in found.without} == {"size_mb max": "int8"}
    assert found.as_plain()["best"] is None


def test_the_pareto_front_is_that_of_all() -> None:
    front = chosen({"size_mb": {"max": 1}}).pareto
    assert [name.rpartition("/")[2] for name in front] == ["int8", "cluster-8", "baseline", "float16"]


def test_a_reference_that_was_not_collected_cannot_be_chosen() -> None:
    found = chosen({}, reference_only=(make_case("int8").id,))
    assert technique(found.best) == "cluster-8"


def test_what_could_not_be_judged_is_not_within_the_budgets() -> None:
    assert chosen({"energy_j": {"max": 5}}).best is None
    assert technique(chosen({"energy_j": {"max": 5, "optional": True}}).best) == "int8"


def test_each_device_has_a_best_case_of_its_own() -> None:
    figures = {"t4": {"baseline": 14.0, "int8": 3.0}, "cpu": {"baseline": 14.0, "int8": 12.0}}
    results = [
        make_result(technique, size_mb=size, device=make_device(profile))
        for profile, sizes in figures.items()
        for technique, size in sizes.items()
    ]
    record = make_run(results)
    gate = parse_gate({"gpu": {"t4": {"size_mb": {"min": 5}}}}, "gate", ("cpu", "t4"))
    choices = select_best(record, judge_run(record, gate))
    best = [(choice.best.device.profile, choice.best.case.technique) for choice in choices if choice.best]
    assert best == [("t4", "baseline"), ("cpu", "int8")]
