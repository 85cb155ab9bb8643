from __future__ import annotations

from typing import Any

import pytest

from pytest_opml.gate.budgets import GateTerms, parse_gate
from pytest_opml.gate.needed_evidence import needed_evidence
from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.records.result import Result
from pytest_opml.records.run import Check
from tests.support.builders import make_ratio, make_result, make_run, make_side_by_side

TERMS = GateTerms()


def inconclusive(table: dict[str, Any], result: Result) -> Check:
    (check,) = judge_run(make_run([make_result(accuracy=0.95), result]), parse_gate(table, "gate", ("v100",)))[-1:]
    assert check.verdict == "inconclusive"
    return check


def result_of(accuracy: float, images: int) -> Result:
    return make_result("int8", accuracy, test_samples=images)


def test_so_many_images_decide_an_accuracy_as_the_interval_of_that_many_says() -> None:
    result = result_of(0.86, 2_000)
    needed = needed_evidence(inconclusive({"accuracy": {"min": 0.85}}, result), result, TERMS)
    images = int("".join(filter(str.isdigit, needed)))
    assert needed == f"about {images:,} test examples"
    for number, verdict in ((images * 11 // 10, "pass"), (images * 9 // 10, "inconclusive")):
        record = make_run([result_of(0.86, number)])
        (check,) = judge_run(record, parse_gate({"accuracy": {"min": 0.85}}, "gate", ("v100",)))
        assert check.verdict == verdict


@pytest.mark.parametrize("metric", ["recall", "precision", "f1", "auc"])
def test_averages_over_the_classes_are_decided_by_test_images_too(metric: str) -> None:
    result = result_of(0.86, 2_000)
    value = getattr(result, metric)
    check = inconclusive({metric: {"min": value - 0.002}}, result)
    assert needed_evidence(check, result, TERMS).endswith(" test examples")


def test_a_value_at_its_limit_is_decided_by_no_test_set() -> None:
    result = result_of(0.86, 2_000)
    check = inconclusive({"accuracy": {"min": 0.86}}, result)
    assert needed_evidence(check, result, TERMS) == "no test set of a sensible size"


def test_a_family_of_checks_needs_more() -> None:
    result = result_of(0.86, 2_000)
    check = inconclusive({"accuracy": {"min": 0.85}}, result)
    alone, family = (
        int("".join(filter(str.isdigit, needed_evidence(check, result, TERMS, family=size)))) for size in (1, 20)
    )
    assert family == pytest.approx(alone * (3.023 / 1.96) ** 2, rel=0.1)


@pytest.mark.parametrize(
    ("half_width", "max_seconds", "needed"),
    [
        (0.04, 60.0, "about 5.2 s of sampling"),
        (0.2, 60.0, "about 120 s of sampling (max_seconds = 60)"),
        (0.9, 60.0, "no sampling of a sensible length"),
    ],
)
def test_a_paired_time_is_decided_by_sampling(half_width: float, max_seconds: float, needed: str) -> None:
    ratio = make_ratio(1.0, half_width)
    paired = make_side_by_side().model_copy(update={"offline": ratio})
    result = make_result("int8", vs_reference=paired)
    check = inconclusive({"inference_s": {"max_increase": "4%"}}, result)
    assert needed_evidence(check, result, GateTerms(max_seconds=max_seconds)) == needed


def test_a_time_that_was_not_timed_beside_another_says_what_to_do() -> None:
    result = make_result("int8")
    check = inconclusive({"accuracy": {"min": 0.89}}, result)
    increase = check.model_copy(update={"metric": "inference_s", "rule": "max_increase", "confidence": 0.9})
    assert needed_evidence(increase, result, TERMS) == "timing the two side by side (--opml-compare-seconds)"
    regression = increase.model_copy(update={"rule": "max_regression"})
    assert needed_evidence(regression, result, TERMS) == "timing the two side by side (--opml-baseline=release)"
    percentile = regression.model_copy(update={"metric": "latency_ms.p99"})
    assert needed_evidence(percentile, result, TERMS) == "longer sampling in both runs"
    absolute = percentile.model_copy(update={"rule": "max"})
    assert needed_evidence(absolute, result, TERMS).endswith(" s of sampling")


def test_what_more_samples_would_not_decide() -> None:
    result = result_of(0.86, 2_000)
    check = inconclusive({"accuracy": {"min": 0.85}}, result)
    busy = check.model_copy(update={"busy": True, "reason": "the machine was busy: other work took 1.4 of 2 cores"})
    assert needed_evidence(busy, result, TERMS) == "a quieter machine"
    repeated = check.model_copy(update={"confidence": 0.999, "reason": "a repeat did not confirm it"})
    assert needed_evidence(repeated, result, TERMS) == "another run"
    score = check.model_copy(update={"metric": "op_score", "confidence": 0.9})
    assert needed_evidence(score, result, TERMS) == "about 2.4 times the test examples and the sampling"
    for silent in ({"verdict": "pass"}, {"metric": "of_another_package"}, {"confidence": None}):
        assert needed_evidence(check.model_copy(update=silent), result, TERMS) == ""
