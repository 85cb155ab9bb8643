from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.records.result import Result
from pytest_opml.records.run import Check, FailureKind, RunRecord
from pytest_opml.reports.remedies import Remedy, needed_change, remedies
from tests.support.builders import make_case, make_device, make_failure, make_result, make_run
from tests.support.pages import BUDGETS, gate_of, make_baselines, make_eight


def judged(results: list[Result], table: dict[str, Any], **fields: Any) -> RunRecord:
    record = make_run(results, **fields)
    return record.model_copy(update={"checks": judge_run(record, gate_of(table))})


def only(record: RunRecord, table: dict[str, Any] | None = None) -> Remedy:
    (remedy,) = remedies(record, gate_of(table or {}).terms)
    return remedy


def make_check(metric: str, rule: str, value: float, limit: float, **fields: Any) -> Check:
    given = {"case_id": make_case().id, "metric": metric, "rule": rule, "value": value, "limit": limit}
    return Check(**given | {"budget": "b", "source": "s", "verdict": "fail", "blocking": True} | fields)


# --- by how much


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (("size_mb", "max", 4.71, 4.5), "size_mb must shrink by at least 0.21 MB (4.5 %)."),
        (("latency_ms.p99", "max", 61.0, 60.0), "latency_ms.p99 must fall by at least 1 ms (1.6 %)."),
        (("throughput", "min", 90.0, 100.0), "throughput must rise by at least 10 examples/s (11 %)."),
        (("accuracy", "min", 0.868, 0.88), "accuracy must rise by at least 0.012, which is 6 of 500 test examples."),
        (("recall", "min", 0.868, 0.88), "recall must rise by at least 0.012."),
        (
            ("op_score", "max", 1.8, 1.5),
            "op_score must fall by at least 0.3, as when the error, the time or the size is divided by 2.",
        ),
        (("rank", "max", 3.0, 1.0), "rank must fall by at least 2."),
        (("of.a.package", "max", 1e9, 1.0), "of.a.package must fall by at least 1000000000."),
        (("of.a.package", "max", 1e-9, 0.0), "of.a.package must fall by at least 0.000000001."),
    ],
)
def test_a_failure_says_by_how_much_its_figure_misses(check: tuple[Any, ...], text: str) -> None:
    assert needed_change(make_check(*check), make_result()) == text


def test_a_clear_pass_takes_the_whole_interval() -> None:
    check = make_check("accuracy", "min", 0.868, 0.88, low=0.848, high=0.888)
    assert needed_change(check, make_result()).endswith(
        "; for a clear pass by about 0.032, since the whole interval counts."
    )
    impossible = make_check("accuracy", "min", 0.97, 0.99, low=0.94, high=0.98)
    assert "clear" not in needed_change(impossible, make_result())
    unbounded = make_check("inference_s", "max", 2.0, 1.0, low=0.1, high=1e9)
    assert "clear" not in needed_change(unbounded, make_result())


def test_a_share_that_is_no_whole_number_of_examples_has_no_such_number() -> None:
    assert "test examples" not in needed_change(make_check("accuracy", "min", 0.8691, 0.88), make_result())
    assert "test examples" not in needed_change(make_check("accuracy", "min", 0.868, 0.88), None)
    of_slice = make_check("accuracy", "min", 0.5, 0.8, slice="class=cat")
    assert "test examples" not in needed_change(of_slice, make_result())


def test_a_check_without_a_value_needs_nothing() -> None:
    assert needed_change(make_check("size_mb", "max", 1.0, 2.0).model_copy(update={"value": None}), None) == ""


@given(right=st.integers(0, 499), limit=st.floats(0, 1))
def test_so_many_examples_more_are_just_enough(right: int, limit: float) -> None:
    if right / 500 >= limit:
        return
    text = needed_change(make_check("accuracy", "min", right / 500, limit), make_result())
    more = int(text.partition("which is ")[2].partition(" of")[0]) if "which is" in text else None
    if more is not None:
        assert (right + more) / 500 >= limit - 1e-6
        assert more == 1 or (right + more - 1) / 500 < limit


# --- of a run


def test_a_run_that_passes_needs_nothing() -> None:
    assert remedies(make_eight(BUDGETS)) == ()


def test_a_failure_names_the_best_case_that_passes() -> None:
    results = [make_result(size_mb=14.2), make_result("int8", 0.9, 3.0, 4.0), make_result("float16", 0.9, 9.0, 4.5)]
    remedy = only(judged(results, {"size_mb": {"max": 5}}))
    assert (remedy.case, remedy.verdict) == ("baseline", "fail")
    assert remedy.problems == ("size_mb 14.2 MB is above 5 MB (max = 5)",)
    assert remedy.advice == (
        "size_mb must shrink by at least 9.2 MB (65 %).",
        f"int8 passes every budget here, at OpScore {results[1].op_score.value:.3f}, the best of 2 that do.",
    )


def test_a_case_on_another_test_set_is_no_alternative() -> None:
    elsewhere = make_result(case=make_case("int8", dataset="data/other.npz"), size_mb=4.0)
    remedy = only(judged([make_result(size_mb=14.2), elsewhere], {"size_mb": {"max": 5}}))
    assert not any("passes every budget" in text for text in remedy.advice)


def test_a_relative_limit_says_where_it_comes_from_and_which_axis_pays() -> None:
    results = [make_result(inference_s=10.0), make_result("int8", 0.9, 20.0, 3.5)]
    remedy = only(judged(results, {"inference_s": {"max_increase": "5%"}}))
    assert remedy.problems[1:] == (
        "The limit of inference_s follows from max_increase = 5% and from the reference, which has 10 s: "
        "digits/efficientnet_lite0/top1/baseline.",
        "Against its reference: error x1.00, time x2.00, size x0.250, OpScore -0.301; the time costs the most.",
    )
    assert remedy.advice[0].startswith("inference_s must fall by at least 9.5 s (48 %)")


def test_a_regression_is_explained_against_the_baseline() -> None:
    record = make_eight({})
    record = record.model_copy(update={"baselines": make_baselines(record, faster=0.5)})
    table = {"inference_s": {"max_regression": "5%"}}
    record = record.model_copy(update={"checks": judge_run(record, gate_of(table))})
    remedy = next(remedy for remedy in remedies(record) if remedy.case == "top1/baseline")
    assert remedy.problems[-1] == (
        "Against the baseline: error x1.00, time x2.00, size x0.667, OpScore +0.125; the time costs the most."
    )


@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_each_kind_of_failure_has_its_advice(kind: FailureKind) -> None:
    remedy = only(make_run([make_result()], [make_failure("int8", kind, "why " * 200)]))
    assert (remedy.case, remedy.verdict) == ("int8", "no result")
    assert remedy.problems[0].startswith(f"{kind.replace('_', ' ')}: why why")
    assert len(remedy.problems[0]) < 350
    assert remedy.advice[0].endswith(".")


def test_what_is_inconclusive_says_what_would_decide_it() -> None:
    remedy = only(judged([make_result(accuracy=0.9)], {"accuracy": {"min": 0.89}}))
    assert remedy.verdict == "inconclusive, counted as pass"
    assert remedy.advice == ("accuracy, min = 0.89: about 4,900 test examples would decide it.",)


@pytest.mark.parametrize(
    ("table", "fields", "advice"),
    [
        ({"energy_j": {"max": 3}}, {}, "If a run may pass without it, write optional = true in this budget (tool.opml"),
        ({"size_mb": {"max_regression": "1%"}}, {}, "This run can be the first: once it is accepted into the history"),
        ({"size_mb": {"max_regression": "1%"}}, {"baseline": "v1"}, "Name a baseline that has this case: v1 has no"),
        ({"case": [{"match": "*/qat", "size_mb": {"max": 9}}]}, {}, "Correct the id in tool.opml.gate.case[1]"),
        (
            {"size_mb": {"max": 20}},
            {"collected": {make_case("qat").id: "bench.py::x"}},
            "Run all its cases again: the test ended before this one was measured.",
        ),
    ],
)
def test_what_was_not_judged_says_what_is_missing(table: dict[str, Any], fields: dict[str, Any], advice: str) -> None:
    remedy = only(judged([make_result()], table, **fields))
    assert remedy.verdict == "not judged"
    assert remedy.advice[0].startswith(advice)


def test_a_reference_without_a_result_comes_first() -> None:
    record = judged([make_result("int8")], {"accuracy": {"max_drop": 0.1}})
    assert only(record).advice == (f"Mend the reference {make_case().id} first: it has no result in this run.",)


def test_a_baseline_of_another_machine_or_other_data_is_said() -> None:
    record = make_eight({})
    elsewhere = make_baselines(record, device=make_device("p100"))
    table = {"inference_s": {"max_regression": "5%"}}
    moved = record.model_copy(update={"baselines": elsewhere})
    moved = moved.model_copy(update={"checks": judge_run(moved, gate_of(table))})
    assert remedies(moved)[0].advice[0].startswith("Run on the machine of the baseline, or let the released model be")
    other = [
        one.model_copy(update={"result": one.result.model_copy(update={"data_digest": "e" * 64})})
        for one in make_baselines(record)
    ]
    changed = record.model_copy(update={"baselines": tuple(other)})
    changed = changed.model_copy(update={"checks": judge_run(changed, gate_of({"accuracy": {"max_regression": 0.01}}))})
    assert remedies(changed)[0].advice[0].startswith("Compare with a run on the same test data")


def test_cases_with_the_same_problem_are_one() -> None:
    remedy = only(make_eight(BUDGETS | {"energy_j": {"max": 3}}))
    assert remedy.case.split(", ")[::7] == ["top1/baseline", "top10/cluster-256"]
    many = [make_result(case=make_case(f"cluster-{number + 2}"), size_mb=9.0) for number in range(20)]
    assert only(judged(many, {"size_mb": {"max": 5}})).case.endswith(", cluster-9 and 12 more")


def test_what_failed_comes_first_and_what_has_no_result_second() -> None:
    record = make_eight(BUDGETS | {"size_mb": {"max": 5}, "energy_j": {"max": 3}}, failures=[make_failure("qat")])
    verdicts = [remedy.verdict for remedy in remedies(record)]
    assert list(dict.fromkeys(verdicts)) == ["fail", "no result", "not judged"]
