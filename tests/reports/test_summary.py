from __future__ import annotations

from typing import Any

import pytest

from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.records.result import Result
from pytest_opml.records.run import Baseline, RunRecord
from pytest_opml.reports.summary import Summary, summary_of
from tests.support.builders import make_case, make_device, make_failure, make_result, make_run
from tests.support.pages import BUDGETS, gate_of, make_baselines, make_eight


def judged(results: list[Result], table: dict[str, Any], **fields: Any) -> RunRecord:
    record = make_run(results, **fields)
    return record.model_copy(update={"checks": judge_run(record, gate_of(table))})


def baseline_of(result: Result, **figures: Any) -> Baseline:
    run = make_run()
    given = {"run_id": "before", "started": run.started, "commit": run.commit, "device": result.device}
    return Baseline(**given, result=make_result(case=result.case, device=result.device, **figures))


def changed(*baselines: Baseline, **fields: Any) -> str:
    results = [make_result(), make_result("int8", 0.9, 3.0, 4.0)]
    return summary_of(make_run(results, baselines=baselines, profile="v100", **fields)).changed


def test_a_good_run_is_three_short_lines() -> None:
    assert summary_of(make_eight(BUDGETS)) == Summary(
        "Nothing failed", "No baseline yet", "Best case: top10/int8, OpScore -0.770 (8 of 8 cases pass all budgets)"
    )


# --- what failed


def test_budgets_that_failed_stand_with_figure_and_limit_case_by_case() -> None:
    results = [make_result(accuracy=0.7, size_mb=14.2), make_result("int8", 0.9, 3.0, 4.0)]
    record = judged(results, {"size_mb": {"max": 5}, "accuracy": {"min": 0.8}})
    assert summary_of(record).failed == "Failed: baseline: size_mb 14.2 MB > 5 MB, accuracy 0.7000 < 0.8000"


def test_of_many_failures_three_cases_are_named() -> None:
    many = [make_result(case=make_case(f"cluster-{number + 2}"), size_mb=9.0) for number in range(20)]
    text = summary_of(judged(many, {"size_mb": {"max": 5}})).failed
    assert text == (
        "Failed: cluster-2: size_mb 9 MB > 5 MB; cluster-3: size_mb 9 MB > 5 MB; cluster-4: size_mb 9 MB > 5 MB; "
        "and 17 more cases"
    )


def test_a_long_name_is_cut() -> None:
    record = judged([make_result(case=make_case(dataset=f"data/{'x' * 900}"), size_mb=9.0)], {"size_mb": {"max": 5}})
    results = [*record.results, make_result(case=make_case("int8", dataset="data/" + "y" * 900), size_mb=9.0)]
    assert len(summary_of(judged(results, {"size_mb": {"max": 5}})).failed) < 300


@pytest.mark.parametrize(
    ("table", "failures", "text"),
    [
        ({}, [], "No budget is set"),
        ({}, [make_failure("qat", "out_of_memory")], "No budget is set; no result: qat (out of memory)"),
        (
            {"size_mb": {"max": 5}},
            [make_failure("qat")],
            "Failed: baseline: size_mb 14 MB > 5 MB; no result: qat (crash)",
        ),
        ({"energy_j": {"max": 5}}, [], "Nothing failed; not judged: baseline: energy_j"),
        ({"accuracy": {"min": 0.89}}, [], "Nothing failed; 1 inconclusive (counted as pass)"),
    ],
)
def test_what_is_missing_is_said(table: dict[str, Any], failures: list[Any], text: str) -> None:
    assert summary_of(judged([make_result()], table, failures=failures)).failed == text


def test_a_failure_that_a_waiver_lets_pass_is_none() -> None:
    record = judged([make_result()], {"size_mb": {"max": 5}})
    (check,) = record.checks
    waived = check.model_copy(update={"blocking": False, "waived": "until 2099-01-01: known"})
    assert summary_of(record.model_copy(update={"checks": (waived,)})).failed == "Nothing failed; 1 failure waived"


# --- what changed


def test_what_chance_explains_is_no_change() -> None:
    same = baseline_of(make_result())
    assert changed(same) == "No change beyond chance in 1 case"
    assert changed(same, baseline="release") == "No change beyond chance in 1 case against release"
    assert changed(same, baseline="last") == "No change beyond chance in 1 case"


def test_a_change_has_its_score_and_its_axes_and_the_worse_one_comes_first() -> None:
    better = baseline_of(make_result(), inference_s=20.0)
    worse = baseline_of(make_result("int8"), accuracy=0.9, inference_s=1.5, size_mb=4.0)
    assert changed(better, worse) == (
        "2 of 2 cases changed beyond chance: int8 OpScore +0.301, time x2.000; baseline OpScore -0.301, time x0.500"
    )


def test_a_figure_that_is_worse_comes_before_a_score_that_is_better() -> None:
    better = baseline_of(make_result(), inference_s=20.0)
    larger = baseline_of(make_result("int8"), accuracy=0.9, inference_s=3.0, size_mb=3.9)
    assert changed(better, larger) == (
        "2 of 2 cases changed beyond chance: int8 size x1.026; baseline OpScore -0.301, time x0.500"
    )


def test_a_size_that_differs_by_a_few_bytes_is_no_change() -> None:
    assert changed(baseline_of(make_result(), size_mb=14.00001)) == "No change beyond chance in 1 case"


def test_times_of_another_machine_are_said_not_to_be_compared() -> None:
    moved = baseline_of(make_result(), size_mb=7.0).model_copy(update={"device": make_device("p100")})
    assert changed(moved) == (
        "1 of 1 case changed beyond chance: baseline size x2.000 (times of 1 case not compared: another machine)"
    )


def test_without_earlier_results_there_is_nothing_to_compare_with() -> None:
    record = make_eight(BUDGETS)
    assert summary_of(record, [], "release").changed == "Nothing to compare with against release"
    assert " against release" in summary_of(record, make_baselines(record), "rel").changed


# --- the best


@pytest.mark.parametrize(
    ("results", "table", "text"),
    [
        ([], {}, "No case has a result"),
        ([make_result()], {}, "Best case: baseline, OpScore 1.146 (of 1 case)"),
        ([make_result()], {"size_mb": {"max": 5}}, "The one case does not pass all budgets"),
        ([make_result(), make_result("float16")], {"size_mb": {"max": 5}}, "No case passes all budgets"),
        (
            [make_result(), make_result("int8", 0.9, 3.0, 4.0)],
            {"size_mb": {"max": 5}},
            "Best case: int8, OpScore 0.079 (1 of 2 cases passes all budgets)",
        ),
    ],
)
def test_the_best_case_is_named(results: list[Result], table: dict[str, Any], text: str) -> None:
    assert summary_of(judged(results, table)).best == text


def test_each_test_set_has_its_best_case() -> None:
    results = [
        make_result(case=make_case(dataset=f"data/{name}.npz"), size_mb=size)
        for name, size in zip("ab", (4, 9), strict=True)
    ]
    text = summary_of(judged(results, {"size_mb": {"max": 5}})).best
    assert text.startswith("Best cases: {data/a.npz}/baseline, OpScore 0.602 (1 of")
    assert text.endswith("; the one case on data/b.npz does not pass all budgets")
    assert summary_of(judged(results, {"size_mb": {"max": 1}})).best == "No case passes all budgets, on any test set"
