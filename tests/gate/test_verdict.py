from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.analysis.op_score import op_score
from pytest_opml.gate.budgets import RULES, GateTerms, parse_budgets
from pytest_opml.gate.sampling_limits import ratio_limits
from pytest_opml.gate.verdict import BaselineSearch, JudgedResult, judge
from pytest_opml.metrics import METRICS
from pytest_opml.records.device import Device
from pytest_opml.records.result import Result, Sampling, Score
from pytest_opml.records.run import Baseline, Check
from pytest_opml.reports.phrases import check_text, distinct_figures, interval
from pytest_opml.stats.derived_time import DerivedTime, derive_estimate
from pytest_opml.stats.evidence import PairedTime, ScaledInterval
from pytest_opml.stats.order_statistics import ladder
from pytest_opml.stats.predictions import pack
from tests.support.builders import make_device, make_passes, make_ratio, make_result, make_side_by_side
from tests.test_metrics import on_gpu

JUDGED = [name for name, metric in METRICS.items() if not metric.run_level]


def check(
    budgets: dict[str, Any],
    result: Result,
    reference: Result | None = None,
    baseline: Baseline | None = None,
    **terms: Any,
) -> Check:
    """The check of the one budget in a table."""
    subject = JudgedResult(result, reference, baseline)
    (only,) = judge(parse_budgets(budgets, "gate"), subject, GateTerms(**terms))
    return only


def verdict(budgets: dict[str, Any], result: Result, reference: Result | None = None, **terms: Any) -> str:
    return check(budgets, result, reference, **terms).verdict


def with_score(value: float) -> Result:
    score = Score(
        value=value, low=value, high=value, log_error=value, log_seconds=0.0, log_megabytes=0.0, error_floored=False
    )
    return make_result("int8", op_score=score)


def answering(technique: str, wrong: range, samples: int = 2_000) -> Result:
    """A result whose model gets these test images wrong."""
    labels = [number % 10 for number in range(samples)]
    predicted = [(label + (number in wrong)) % 10 for number, label in enumerate(labels)]
    share = 1 - len(wrong) / samples
    return make_result(technique, share, test_samples=samples, predictions=pack(labels, predicted))


def baseline_of(result: Result, device: Device, **fields: Any) -> Baseline:
    started = datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc)
    return Baseline(run_id="0123456789abcdef", started=started, commit=None, device=device, result=result, **fields)


# --- figures without an interval


@pytest.mark.parametrize(("limit", "expected"), [(13.9, "fail"), (14, "pass"), (14.1, "pass")])
def test_a_maximum_holds_at_the_border(limit: float, expected: str) -> None:
    assert verdict({"size_mb": {"max": limit}}, make_result(size_mb=14.0)) == expected


@pytest.mark.parametrize(("limit", "expected"), [(13.9, "pass"), (14, "pass"), (14.1, "fail")])
def test_a_minimum_holds_at_the_border(limit: float, expected: str) -> None:
    assert verdict({"size_mb": {"min": limit}}, make_result(size_mb=14.0)) == expected


@pytest.mark.parametrize(("size", "reference", "drop"), [(0.47, 0.51, 0.04), (0.48, 0.53, 0.05), (0.57, 0.63, 0.06)])
def test_a_drop_of_exactly_the_limit_holds_in_spite_of_rounding(size: float, reference: float, drop: float) -> None:
    # In floating point 0.51 - 0.04 is above 0.47.
    budgets = {"size_mb": {"max_drop": drop}}
    assert verdict(budgets, make_result("int8", size_mb=size), make_result(size_mb=reference)) == "pass"


@pytest.mark.parametrize(("size", "expected"), [(9.0, "pass"), (10.5, "pass"), (10.51, "fail")])
@pytest.mark.parametrize("limit", ["5%", 0.5])
def test_an_increase_is_absolute_or_in_percent_of_the_reference(limit: object, size: float, expected: str) -> None:
    found = check({"size_mb": {"max_increase": limit}}, make_result("int8", size_mb=size), make_result(size_mb=10.0))
    assert (found.verdict, found.limit, found.reference_value) == (expected, 10.5, 10.0)
    assert found.reference == make_result().case.id


def test_no_increase_at_all_may_be_asked_for() -> None:
    budgets = {"size_mb": {"max_increase": 0}}
    assert verdict(budgets, make_result("int8", size_mb=14.0), make_result(size_mb=14.0)) == "pass"
    assert verdict(budgets, make_result("int8", size_mb=14.000001), make_result(size_mb=14.0)) == "fail"


def test_what_has_no_interval_is_not_said_to_be_sure() -> None:
    found = check({"size_mb": {"max": 20}}, make_result())
    assert (found.low, found.high, found.confidence, found.min_detectable) == (None, None, None, None)


# --- evidence


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(0.80, "pass"), (0.87, "pass"), (0.89, "inconclusive"), (0.91, "inconclusive"), (0.95, "fail")],
)
def test_an_accuracy_is_judged_by_its_exact_interval(limit: float, expected: str) -> None:
    found = check({"accuracy": {"min": limit}}, make_result(accuracy=0.9, test_samples=500))
    assert found.verdict == expected
    assert (found.low, found.high) == pytest.approx((0.8703, 0.9249), abs=1e-4)


def test_more_confidence_makes_more_verdicts_inconclusive() -> None:
    found = [
        verdict({"accuracy": {"min": 0.87}}, make_result(accuracy=0.9, test_samples=500), confidence=confidence)
        for confidence in (0.5, 0.95, 0.99)
    ]
    assert found == ["pass", "pass", "inconclusive"]


def test_a_verdict_says_how_sure_it_is() -> None:
    # the interval of 3 standard errors on a side just leaves the limit out
    result = make_result(accuracy=0.9, test_samples=100_000)
    found = check({"accuracy": {"min": 0.9 - 3 * math.sqrt(0.09 / 100_000)}}, result)
    assert found.confidence == pytest.approx(0.99865, abs=2e-4)


def test_a_verdict_at_the_limit_is_a_coin_toss() -> None:
    found = check({"accuracy": {"min": 0.9}}, make_result(accuracy=0.9))
    assert (found.verdict, found.confidence) == ("inconclusive", 0.5)


@pytest.mark.parametrize(("inconclusive", "blocking"), [("pass", False), ("fail", True)])
def test_what_stays_undecided_counts_as_the_gate_says(inconclusive: str, blocking: bool) -> None:
    found = check({"accuracy": {"min": 0.9}}, make_result(accuracy=0.9), inconclusive=inconclusive)
    assert (found.verdict, found.blocking) == ("inconclusive", blocking)


def test_the_smallest_difference_that_could_be_seen_is_two_point_eight_standard_errors() -> None:
    found = check({"accuracy": {"min": 0.5}}, make_result(accuracy=0.9, test_samples=100_000))
    assert found.min_detectable == pytest.approx((1.96 + 0.84) * math.sqrt(0.09 / 100_000), rel=0.01)


def test_answers_to_the_same_images_show_what_two_shares_do_not() -> None:
    reference = answering("baseline", range(100))
    candidate = answering("int8", range(140))  # the same 100 wrong, and 40 more
    budgets = {"accuracy": {"max_drop": 0.01}}
    assert verdict(budgets, candidate, reference) == "fail"
    apart = [found.model_copy(update={"predictions": None}) for found in (candidate, reference)]
    assert verdict(budgets, *apart) == "inconclusive"


@pytest.mark.parametrize("metric", ["recall", "precision", "f1"])
def test_the_macro_averages_are_compared_on_the_same_images_too(metric: str) -> None:
    reference = answering("baseline", range(100)).model_copy(update={metric: 0.95})
    candidate = answering("int8", range(140)).model_copy(update={metric: 0.93})
    assert verdict({metric: {"max_drop": 0.01}}, candidate, reference) == "fail"
    assert verdict({metric: {"max_drop": 0.02}}, candidate, reference) == "inconclusive"
    assert verdict({metric: {"max_drop": 0.03}}, candidate, reference) == "pass"


def test_an_auc_has_its_standard_error() -> None:
    result = make_result(auc=0.95, auc_error=0.01)
    found = check({"auc": {"min": 0.94}}, result)
    assert found.verdict == "inconclusive"
    assert found.low is not None
    assert 0.918 < found.low <= 0.9304  # 1.96 standard errors, and more where the distribution is skew


@pytest.mark.parametrize("metric", ["accuracy", "recall", "precision", "f1", "auc"])
@pytest.mark.parametrize("predictions", [True, False])
def test_a_few_right_answers_are_not_certain(metric: str, predictions: bool) -> None:
    labels = [number % 2 for number in range(20)]
    fields = dict.fromkeys(("recall", "precision", "f1", "auc"), 1.0) | {"auc_error": 0.0, "classes": 2}
    packed = pack(labels, labels) if predictions else None
    result = make_result(accuracy=1.0, test_samples=20, predictions=packed, **fields)
    found = check({metric: {"min": 0.95}}, result)
    assert found.verdict == "inconclusive"
    assert found.high == 1.0
    assert check({metric: {"min": 0.6}}, result).verdict == "pass"


@pytest.mark.parametrize("metric", ["recall", "precision", "f1", "auc"])
@pytest.mark.parametrize("rule", ["min", "max_drop"])
def test_a_class_with_too_few_images_is_not_judged(metric: str, rule: str) -> None:
    labels = [number // 10 for number in range(39)]
    result = make_result("int8", predictions=pack(labels, labels), **{metric: 1.0})
    found = check({metric: {rule: 0.01}}, result, result)
    assert (found.verdict, found.blocking) == ("not_judged", True)
    assert found.reason == f"too few examples of class 3: the test set has 9, {metric} needs 10 of each class"
    assert check({"accuracy": {"min": 0.1}}, result).verdict == "pass"


@pytest.mark.parametrize("rule", ["max_drop", "max_increase"])
def test_a_percentage_of_zero_is_not_judged(rule: str) -> None:
    found = check({"training_s": {rule: "5%"}}, make_result("int8"), make_result(training_s=0.0))
    assert found.verdict == "not_judged"
    assert "is 0, and a percentage of 0 means nothing" in found.reason


@pytest.mark.parametrize(
    ("metric", "ratio", "expected"),
    [
        ("inference_s", 1.02, "pass"),
        ("inference_s", 1.05, "inconclusive"),
        ("inference_s", 1.08, "fail"),
        ("latency_ms.p50", 1.02, "pass"),
        ("latency_ms.p50", 1.08, "fail"),
    ],
)
def test_an_increase_of_time_is_judged_by_what_was_timed_side_by_side(metric: str, ratio: float, expected: str) -> None:
    candidate = make_result("int8", vs_reference=make_side_by_side(ratio, ratio))
    # measured by itself, at another time, the reference took ten times as long
    reference = make_result(p50=300.0, inference_s=30.0)
    assert verdict({metric: {"max_increase": "5%"}}, candidate, reference) == expected


def test_a_drop_of_throughput_is_judged_by_what_was_timed_side_by_side() -> None:
    candidate = make_result("int8", vs_reference=make_side_by_side(1.25))  # four fifths of the throughput
    assert verdict({"throughput": {"max_drop": "22%"}}, candidate, make_result()) == "pass"
    assert verdict({"throughput": {"max_drop": "18%"}}, candidate, make_result()) == "fail"


@pytest.mark.parametrize("metric", ["inference_s", "latency_ms.p50"])
def test_a_time_beside_the_reference_is_the_reference_s_own_times_the_ratio(metric: str) -> None:
    candidate = make_result("int8", vs_reference=make_side_by_side(0.5, 0.5))
    found = check({metric: {"max_increase": "0%"}}, candidate, make_result(inference_s=30.0, p50=30.0))
    assert (found.reference_value, found.limit, found.value) == (30.0, 30.0, 15.0)
    assert (found.low, found.high) == pytest.approx((15 / 1.01, 15 * 1.01), rel=1e-4)


def test_an_interim_analysis_has_only_its_share_of_the_error() -> None:
    def at(share: float) -> str:
        ratio = make_ratio(1.065).model_copy(update={"alpha_share": share})
        beside = make_side_by_side().model_copy(update={"offline": ratio})
        return verdict({"inference_s": {"max_increase": "5%"}}, make_result("int8", vs_reference=beside), make_result())

    assert (at(1.0), at(0.001)) == ("fail", "inconclusive")


@pytest.mark.parametrize(("repeat", "expected"), [(1.09, "fail"), (1.051, "fail"), (1.049, "inconclusive")])
def test_a_breach_that_a_repeat_does_not_confirm_is_none(repeat: float, expected: str) -> None:
    ratio = make_ratio(1.08).model_copy(update={"repeat": repeat})
    beside = make_side_by_side().model_copy(update={"offline": ratio})
    found = check({"inference_s": {"max_increase": "5%"}}, make_result("int8", vs_reference=beside), make_result())
    assert found.verdict == expected
    assert ("repeat" in found.reason) == (expected == "inconclusive")


def test_an_absolute_time_is_confirmed_by_passes_taken_anew() -> None:
    budgets = {"inference_s": {"max": 9.0}}
    for repeat, expected in ((9.5, "fail"), (8.9, "inconclusive")):
        assert verdict(budgets, make_result(sampling={"inference_s": Sampling(repeat=repeat)})) == expected
    assert verdict({"throughput": {"min": 1100}}, make_result(sampling={"inference_s": Sampling(repeat=9.5)})) == "fail"


def test_few_passes_decide_nothing_however_far_the_limit_is() -> None:
    few = make_result(passes_s=(0.05, 0.051, 0.049, 0.0505, 0.0495, 0.0502))
    unsure = check({"inference_s": {"max": 100.0}}, few)
    assert (unsure.verdict, unsure.reason) == ("inconclusive", "too few samples to be so sure of anything")
    assert (unsure.confidence, unsure.min_detectable) == (pytest.approx(0.92, abs=0.03), None)
    assert interval(unsure) == "any value at all"
    assert check({"throughput": {"min": 1.0}}, few).verdict == "inconclusive"


def test_ten_passes_are_never_surer_than_they_can_be() -> None:
    ten = make_result(passes_s=make_passes()[:10])
    clear = check({"inference_s": {"max": 1e6}}, ten)
    assert clear.verdict == "pass"
    assert 0.975 < (clear.confidence or 0) < 1 - 0.5**10


def test_an_analysis_that_had_little_of_the_error_decides_what_is_clear_and_no_more() -> None:
    ten = make_result(passes_s=make_passes()[:10], sampling={"inference_s": Sampling(alpha_share=1e-3)})
    verdicts = [verdict({"inference_s": {"max": limit}}, ten) for limit in (10.6, 20.0)]
    assert verdicts == ["inconclusive", "pass"]


def test_a_percentile_is_judged_by_its_own_interval_and_second_look() -> None:
    pairs = zip(range(-150, 0), range(150, 0, -1), strict=True)
    steps = ladder([2.0 + 0.0125 * rank for pair in pairs for rank in pair], 0.5)
    latency = make_result().latency_ms.model_copy(
        update={"intervals": {"p99": (1.75, 2.25)}, "ladders": {"p99": steps}}
    )
    result = make_result(latency_ms=latency)
    for limit, expected in ((2.4, "pass"), (2.2, "inconclusive"), (1.7, "fail")):
        assert verdict({"latency_ms": {"p99": {"max": limit}}}, result) == expected
    again = make_result(latency_ms=latency, sampling={"latency_ms.p99": Sampling(repeat=1.6)})
    assert verdict({"latency_ms": {"p99": {"max": 1.7}}}, again) == "inconclusive"


def test_a_difference_of_scores_is_that_of_errors_on_the_same_images_and_of_times_side_by_side() -> None:
    reference = answering("baseline", range(100))
    candidate = answering("int8", range(110)).model_copy(update={"vs_reference": make_side_by_side(0.5)})
    found = check({"op_score": {"max_increase": 0.1}}, candidate, reference)
    assert found.low is not None
    assert found.high is not None
    # log10(0.055 / 0.05) + log10(0.5), beside the reference
    middle = (found.low + found.high) / 2 - reference.op_score.value
    assert middle == pytest.approx(math.log10(1.1) + math.log10(0.5), abs=0.005)
    apart = check({"op_score": {"max_increase": 0.1}}, make_result("int8"), make_result())
    assert found.high - found.low < (apart.high or 0) - (apart.low or 0)


@pytest.mark.parametrize(("score", "expected"), [(-0.95, "pass"), (-0.9, "pass"), (-0.89, "fail")])
def test_a_score_below_zero_is_held_to_an_absolute_increase(score: float, expected: str) -> None:
    assert verdict({"op_score": {"max_increase": 0.1}}, with_score(score), with_score(-1.0)) == expected


# --- times and scores that follow from the reference's


def beside(ratio: float, reference: Result, disturbed: float = 1.0, **fields: Any) -> Result:
    """A candidate as it is recorded: its passes, which were disturbed, say nothing of its time."""
    times = make_side_by_side(ratio, ratio)
    seconds = derive_estimate(reference.inference_s, times.offline)
    passes = tuple(disturbed * taken for taken in (0.049, 0.05, 0.051))
    given_: dict[str, Any] = {"inference_s": seconds, "passes_s": passes, "vs_reference": times}
    own = make_result("int8", fields.get("accuracy", 0.9), seconds.value, p50=ratio * 1.0)
    score = op_score(own.accuracy, seconds, own.size_mb, samples=own.test_samples)
    return own.model_copy(update=given_ | {"op_score": score})


@pytest.mark.parametrize(("limit", "expected"), [(0.7, "pass"), (0.5, "inconclusive"), (0.3, "fail")])
@pytest.mark.parametrize("disturbed", [0.95, 1.0, 1.05])
def test_a_limit_in_seconds_on_a_paired_time_asks_what_sampling_asked(
    limit: float, disturbed: float, expected: str
) -> None:
    reference = make_result()
    budgets = {"inference_s": {"max_increase": limit}}
    found = check(budgets, beside(1.05, reference, disturbed), reference)
    assert (found.verdict, found.value, found.limit) == (expected, pytest.approx(10.5), 10.0 + limit)
    (asked,) = ratio_limits(parse_budgets(budgets, "gate"), reference)["offline"]
    ratio = PairedTime(make_ratio(1.05))
    assert asked.is_decided(ratio, 0.05) == (expected != "inconclusive")
    assert asked.is_failed(ratio, 0.05) == (expected == "fail")


@pytest.mark.parametrize(
    ("budgets", "expected"),
    [
        ({"inference_s": {"max": 5.2}}, "pass"),
        ({"inference_s": {"max": 5.05}}, "inconclusive"),
        ({"inference_s": {"max": 4.8}}, "fail"),
        ({"throughput": {"min": 1_900}}, "pass"),
        ({"throughput": {"min": 2_100}}, "fail"),
    ],
)
def test_an_absolute_limit_on_a_paired_time_is_judged_by_the_reference_s_and_the_ratio(
    budgets: dict[str, Any], expected: str
) -> None:
    reference = make_result()
    found = check(budgets, beside(0.5, reference), reference)
    low, high = DerivedTime(ScaledInterval(reference.inference_s), PairedTime(make_ratio(0.5))).interval(0.05)
    ends = (low, high) if "inference_s" in budgets else (10_000 / high, 10_000 / low)
    assert (found.verdict, found.reference_value) == (expected, None)
    assert (found.low, found.high) == pytest.approx(ends)


def test_a_paired_time_is_confirmed_by_the_ratio_that_was_sampled_anew() -> None:
    reference = make_result()
    for repeat, expected in ((0.49, "fail"), (0.44, "inconclusive")):
        candidate = beside(0.5, reference)
        times = make_side_by_side().model_copy(update={"offline": make_ratio().model_copy(update={"repeat": repeat})})
        candidate = candidate.model_copy(update={"vs_reference": times})
        assert verdict({"inference_s": {"max": 4.7}}, candidate, reference) == expected


def test_a_time_that_does_not_follow_from_this_reference_is_judged_by_its_own_interval() -> None:
    candidate = beside(0.5, make_result())
    # a run that was put together from several may have another measurement of it
    found = check({"inference_s": {"max": 6.0}}, candidate, make_result(inference_s=30.0))
    assert (found.value, found.low) == (5.0, pytest.approx(candidate.inference_s.low))


def test_a_score_is_the_reference_s_and_the_paired_difference() -> None:
    reference = answering("baseline", range(100))
    times = make_side_by_side(1.4)
    # by itself the candidate took less than the reference
    candidate = answering("int8", range(100)).model_copy(
        update={"vs_reference": times, "inference_s": make_result(inference_s=9.0).inference_s}
    )
    score = op_score(candidate.accuracy, candidate.inference_s, candidate.size_mb, samples=2_000)
    candidate = candidate.model_copy(update={"op_score": score})
    found = check({"op_score": {"max_increase": 0.1}}, candidate, reference)
    assert score.value < reference.op_score.value
    assert (found.verdict, found.reference_value) == ("fail", reference.op_score.value)
    assert found.value == pytest.approx(reference.op_score.value + math.log10(1.4))
    assert found.limit == pytest.approx(reference.op_score.value + 0.1)
    assert check_text(found).startswith(f"op_score {found.value:.3f} is above {found.limit:.3f}")


def test_scores_without_images_in_common_are_still_paired_in_time() -> None:
    reference = make_result()
    found = check({"op_score": {"max_increase": 0.1}}, beside(0.5, reference), reference)
    apart = check({"op_score": {"max_increase": 0.1}}, make_result("int8", inference_s=5.0), reference)
    assert found.value == pytest.approx(reference.op_score.value + math.log10(0.5))
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    assert found.high - found.low < (apart.high or 0) - (apart.low or 0)


# --- an earlier run


def test_a_regression_is_held_against_the_baseline() -> None:
    baseline = baseline_of(make_result("int8", size_mb=10.0), make_device())
    for size, expected in ((10.4, "pass"), (10.6, "fail"), (2.0, "pass")):
        found = check({"size_mb": {"max_regression": "5%"}}, make_result("int8", size_mb=size), None, baseline)
        assert (found.verdict, found.reference) == (expected, "run 0123456789ab of 2026-01-02 03:04, as it was stored")


def test_a_regression_goes_the_way_that_is_worse() -> None:
    baseline = baseline_of(answering("int8", range(100)), make_device())
    budgets = {"accuracy": {"max_regression": 0.01}}
    assert check(budgets, answering("int8", range(10)), None, baseline).verdict == "pass"
    assert check(budgets, answering("int8", range(160)), None, baseline).verdict == "fail"


def test_a_regression_applies_to_a_reference_too() -> None:
    baseline = baseline_of(make_result(size_mb=10.0), make_device())
    assert check({"size_mb": {"max_regression": 1}}, make_result(size_mb=12.0), None, baseline).verdict == "fail"


def test_a_release_that_was_measured_again_is_judged_by_the_times_taken_in_turn() -> None:
    then = make_device().model_copy(update={"cpu": "Another CPU"})
    baseline = baseline_of(make_result("int8", inference_s=5.0), then, name="release", remeasured=True)
    result = make_result("int8", inference_s=20.0, vs_baseline=make_side_by_side(1.045))
    found = check({"inference_s": {"max_regression": "3%"}}, result, None, baseline)
    assert (found.verdict, found.reference_value, found.value) == ("fail", 5.0, pytest.approx(5.0 * 1.045))
    assert found.reference == "run 0123456789ab of 2026-01-02 03:04, its artifact measured again in this session"
    assert check({"inference_s": {"max_regression": "6%"}}, result, None, baseline).verdict == "pass"
    stored = baseline_of(make_result("int8", inference_s=20.0), make_device(), name="release")
    assert check({"inference_s": {"max_regression": "2%"}}, result, None, stored).verdict == "inconclusive"


@pytest.mark.parametrize(
    ("metric", "judged"),
    [("latency_ms.p99", True), ("cold_start_s", True), ("op_score", True), ("training_s", False), ("size_mb", True)],
)
def test_how_a_release_was_made_is_only_known_of_the_machine_that_made_it(metric: str, judged: bool) -> None:
    then = make_device().model_copy(update={"cpu": "Another CPU"})
    baseline = baseline_of(make_result("int8"), then, remeasured=True)
    name, _, part = metric.partition(".")
    rules = {"max_regression": 1.0}
    found = check({name: {part: rules} if part else rules}, make_result("int8"), None, baseline)
    assert (found.verdict != "not_judged") == judged


def test_a_score_over_training_is_only_compared_on_one_machine() -> None:
    then = make_device().model_copy(update={"cpu": "Another CPU"})
    of_training = make_result("int8").op_score.model_copy(update={"log_seconds": 5.0})
    baseline = baseline_of(make_result("int8", op_score=of_training), then, remeasured=True)
    found = check({"op_score": {"max_regression": 0.1}}, make_result("int8"), None, baseline)
    assert found.verdict == "not_judged"


@pytest.mark.parametrize("first_run", ["pass", "not_judged"])
@pytest.mark.parametrize("wanted", [None, "release"])
def test_a_first_result_is_let_pass_only_where_nobody_names_a_baseline(wanted: str | None, first_run: str) -> None:
    terms = GateTerms(first_run="pass" if first_run == "pass" else "not_judged")
    subject = JudgedResult(make_result("int8"), search=BaselineSearch(wanted))
    (found,) = judge(parse_budgets({"size_mb": {"max_regression": 1}}, "test"), subject, terms)
    assert (found.verdict, found.is_first) == ("not_judged", True)
    assert found.blocking is not (wanted is None and first_run == "pass")


@pytest.mark.parametrize(("wanted", "end"), [("last", "device"), ("best", "device for the baseline best")])
def test_what_was_asked_for_as_baseline_is_named_where_there_is_none(wanted: str, end: str) -> None:
    subject = JudgedResult(make_result("int8"), search=BaselineSearch(wanted))
    (found,) = judge(parse_budgets({"size_mb": {"max_regression": 1}}, "gate"), subject)
    assert found.reason == f"the run knows of no earlier result of this case on this kind of {end}"


def test_a_baseline_that_could_not_be_read_is_not_one_that_is_not_there() -> None:
    (found,) = judge(
        parse_budgets({"size_mb": {"max_regression": 1}}, "gate"),
        JudgedResult(make_result("int8"), search=BaselineSearch(error="store: is gone")),
    )
    assert (found.verdict, found.blocking) == ("not_judged", True)
    assert found.reason == "the baseline could not be read: store: is gone"


def test_without_a_baseline_a_regression_is_not_judged() -> None:
    found = check({"size_mb": {"max_regression": 1}}, make_result("int8"))
    assert (found.verdict, found.blocking) == ("not_judged", True)
    assert "knows of no earlier result" in found.reason


def test_a_time_is_not_compared_with_another_machine_s() -> None:
    then, now = make_device("cpu"), make_device("cpu").model_copy(update={"cpu": "Another CPU"})
    baseline = baseline_of(make_result("int8"), then)
    here = make_result("int8", device=now)
    found = check({"inference_s": {"max_regression": "5%"}}, here, None, baseline)
    assert found.reason == "the baseline was measured on another machine: Example CPU 3 GHz, not Another CPU"
    assert check({"size_mb": {"max_regression": "5%"}}, here, None, baseline).verdict == "pass"
    assert (
        check({"inference_s": {"max_regression": "9%"}}, make_result("int8", device=then), None, baseline).verdict
        == "pass"
    )


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("inference_s", "inference_s of the baseline is for 1,000 examples, not 10,000"),
        ("op_score", "op_score of the baseline is for 1,000 examples, not 10,000"),
        ("throughput", ""),
        ("size_mb", ""),
    ],
)
def test_a_time_for_another_number_of_images_is_no_baseline(metric: str, reason: str) -> None:
    then = make_result("int8", inference_s=1.0, reference_samples=1_000)
    found = check({metric: {"max_regression": 9}}, make_result("int8"), None, baseline_of(then, make_device()))
    assert found.reason == reason
    assert (found.verdict == "not_judged") == bool(reason)


def test_a_score_over_training_is_no_baseline_for_one_of_inference_alone() -> None:
    of_training = make_result("int8").op_score.model_copy(update={"log_seconds": 5.0})
    then = make_result("int8", op_score=of_training)
    found = check({"op_score": {"max_regression": 9}}, make_result("int8"), None, baseline_of(then, make_device()))
    assert found.reason == "op_score of the baseline is of another time: inference alone, or training too"


# --- what cannot be judged


@pytest.mark.parametrize("rule", ["max_drop", "max_increase"])
@pytest.mark.parametrize("metric", JUDGED)
def test_without_a_reference_a_relative_budget_is_not_judged(metric: str, rule: str) -> None:
    found = check({metric: {rule: 1e6}}, on_gpu("int8"))
    assert (found.verdict, found.reason) == ("not_judged", "the reference case has no result to compare with")


def test_an_optional_budget_that_cannot_be_judged_does_not_block() -> None:
    assert check({"size_mb": {"max_drop": 1}}, make_result("int8")).blocking
    assert not check({"size_mb": {"max_drop": 1, "optional": True}}, make_result("int8")).blocking


def test_a_relative_budget_does_not_apply_to_the_reference_itself() -> None:
    budgets = parse_budgets({"accuracy": {"min": 0.8, "max_drop": 0}, "size_mb": {"max_increase": "1%"}}, "gate")
    assert [found.rule for found in judge(budgets, JudgedResult(make_result()))] == ["min"]
    assert [found.rule for found in judge(budgets, JudgedResult(make_result("int8")))] == [
        "min",
        "max_drop",
        "max_increase",
    ]


@pytest.mark.parametrize("metric", JUDGED)
def test_an_absolute_budget_needs_no_reference(metric: str) -> None:
    assert verdict({metric: {"max": 1e6}}, on_gpu()) == "pass"


@pytest.mark.parametrize("rule", RULES)
def test_what_was_not_measured_is_not_judged(rule: str) -> None:
    found = check({"latency_ms": {"p99": {rule: 1e6}}}, make_result("int8", p99=None), make_result())
    assert (found.verdict, found.value, found.reason) == ("not_judged", None, "latency_ms.p99 has not enough samples")


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_judged(rule: str, value: float) -> None:
    result = make_result("int8").model_copy(update={"auc": value})
    assert verdict({"auc": {rule: 0.1}}, result, make_result()) == "not_judged"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("rule", ["max_drop", "max_increase"])
def test_a_reference_that_is_no_number_is_not_judged(rule: str, value: float) -> None:
    reference = make_result().model_copy(update={"auc": value})
    assert verdict({"auc": {rule: 0.1}}, make_result("int8"), reference) == "not_judged"


def test_a_reference_without_the_metric_is_not_judged() -> None:
    found = check({"latency_ms": {"p99": {"max_increase": 1}}}, make_result("int8"), make_result(p99=None))
    assert found.reason == "latency_ms.p99 of the reference has not enough samples"


def test_a_place_among_all_cases_waits_for_the_end() -> None:
    assert judge(parse_budgets({"rank": {"max": 1}}, "gate"), JudgedResult(make_result())) == ()


def test_every_budget_has_its_check_in_the_order_given() -> None:
    table = {"size_mb": {"max": 10}, "deflated_mb": {"min": 0.5, "max_drop": 0.1}}
    checks = judge(parse_budgets(table, "gate"), JudgedResult(make_result("int8")))
    name = "digits/efficientnet_lite0/top1/int8"
    assert [(c.case_id, c.metric, c.rule, c.budget, c.source, c.verdict) for c in checks] == [
        (name, "size_mb", "max", "max = 10", "gate.size_mb.max", "fail"),
        (name, "deflated_mb", "min", "min = 0.5", "gate.deflated_mb.min", "pass"),
        (name, "deflated_mb", "max_drop", "max_drop = 0.1", "gate.deflated_mb.max_drop", "not_judged"),
    ]


# --- properties


VALUES = st.floats(0.001, 0.999)
# How much stricter a limit gets when it goes up.
STRICTER = {"min": 1, "max": -1, "max_drop": -1, "max_increase": -1, "max_regression": -1}
WORSE = {"pass": 0, "inconclusive": 1, "fail": 2}


@given(
    st.sampled_from(RULES),
    st.sampled_from(["accuracy", "size_mb", "inference_s", "op_score", "latency_ms.p50"]),
    st.tuples(VALUES, VALUES),
    st.tuples(VALUES, VALUES),
    st.floats(0.5, 2.0),
    st.none() | st.floats(0.5, 2.0),
)
def test_a_stricter_budget_never_turns_a_fail_into_a_pass(
    rule: str,
    metric: str,
    pair: tuple[float, float],
    values: tuple[float, float],
    ratio: float,
    repeat: float | None,
) -> None:
    def of(technique: str, value: float, **more: Any) -> Result:
        return make_result(technique, value, inference_s=value, size_mb=value, p50=value, **more)

    found = make_ratio(ratio, 0.1).model_copy(update={"repeat": repeat})
    beside = make_side_by_side().model_copy(update={"offline": found, "single": found})
    candidate, reference = of("int8", values[0], vs_reference=beside), of("baseline", values[1])
    baseline = baseline_of(of("int8", values[1]), make_device())
    lenient, strict = sorted(pair, reverse=STRICTER[rule] < 0)
    found_ = [check({metric: {rule: limit}}, candidate, reference, baseline).verdict for limit in (lenient, strict)]
    assert WORSE[found_[0]] <= WORSE[found_[1]]


@given(
    st.sampled_from(RULES),
    st.sampled_from([name for name in JUDGED if name not in ("size_mb", "deflated_mb")]),
    st.floats(0.0, 3.0),
    st.floats(0.3, 3.0),
    st.tuples(st.integers(0, 2_000), st.integers(0, 2_000), st.integers(0, 2_000)),
    st.tuples(st.floats(0.1, 10.0), st.floats(0.1, 10.0)),
    st.booleans(),
)
def test_value_limit_interval_sentence_and_verdict_agree(
    rule: str,
    metric: str,
    limit: float,
    ratio: float,
    wrong: tuple[int, int, int],
    seconds: tuple[float, float],
    is_paired: bool,
) -> None:
    start, end, reference_end = wrong
    reference = answering("baseline", range(reference_end)).model_copy(
        update={"inference_s": make_result(inference_s=seconds[0]).inference_s}
    )
    times = make_side_by_side(ratio, ratio)
    candidate = answering("int8", range(min(start, end), max(start, end)))
    own = make_result("int8", inference_s=seconds[1], p50=seconds[1])
    candidate = candidate.model_copy(
        update={"inference_s": own.inference_s, "latency_ms": own.latency_ms, "op_score": own.op_score}
    )
    if is_paired:
        candidate = candidate.model_copy(update={"vs_reference": times, "vs_baseline": times})
    baseline = baseline_of(reference.model_copy(update={"case": candidate.case}), make_device(), remeasured=is_paired)
    checked = check({metric: {rule: limit}}, candidate, reference, baseline)
    if checked.verdict == "not_judged":
        return
    below = rule in ("min", "max_drop") or (rule == "max_regression" and METRICS[metric].better == "higher")
    low, high = (checked.value, checked.value) if checked.low is None else (checked.low, checked.high)
    assert checked.value is not None
    assert low is not None
    assert high is not None
    assert low <= checked.value <= high
    text = check_text(checked)
    if checked.verdict == "fail":
        assert checked.value < checked.limit if below else checked.value > checked.limit
        assert high < checked.limit if below else low > checked.limit
        assert f" is {'below' if below else 'above'} " in text
        shown, bound_ = distinct_figures(checked)
        assert shown != bound_
    elif checked.verdict == "pass":
        assert low >= checked.limit - 1e-9 if below else high <= checked.limit + 1e-9
    else:
        assert low <= checked.limit <= high or "repeat" in checked.reason


@given(st.sampled_from(["min", "max"]), VALUES, VALUES, VALUES)
def test_a_better_value_never_turns_a_pass_into_a_fail(rule: str, limit: float, one: float, other: float) -> None:
    good, bad = sorted([one, other], reverse=rule == "min")
    found = [verdict({"accuracy": {rule: limit}}, make_result("int8", value)) for value in (good, bad)]
    assert found != ["fail", "pass"]


@given(st.sampled_from(JUDGED), VALUES, st.sampled_from(["min", "max"]))
def test_the_interval_that_is_printed_agrees_with_the_verdict(metric: str, limit: float, rule: str) -> None:
    found = check({metric: {rule: limit}}, on_gpu())
    if found.low is not None and found.high is not None:
        inside = found.low >= limit if rule == "min" else found.high <= limit
        outside = found.high < limit if rule == "min" else found.low > limit
        assert found.verdict == ("pass" if inside else "fail" if outside else "inconclusive")
        assert found.confidence is not None
        if found.confidence != pytest.approx(0.975, abs=1e-6):  # that is asked for, to the last digits of a bisection
            assert (found.confidence > 0.975) == (inside or outside)


# --- data that differ from the baseline's


@pytest.mark.parametrize(
    ("metric", "judged"),
    [("accuracy", False), ("f1", False), ("auc", False), ("op_score", False), ("size_mb", True), ("inference_s", True)],
)
def test_what_depends_on_the_data_is_not_compared_with_that_of_other_data(metric: str, judged: bool) -> None:
    baseline = baseline_of(make_result("int8", data_digest="e" * 64), make_device())
    found = check({metric: {"max_regression": 9}}, make_result("int8"), None, baseline)
    assert (found.verdict == "not_judged") is not judged
    assert found.reason == ("" if judged else "the test data differ from the baseline's")


def test_answers_are_paired_on_the_same_data_only() -> None:
    reference, result = answering("baseline", range(100)), answering("int8", range(100))
    paired = check({"accuracy": {"max_drop": 0.5}}, result, reference)
    apart = check({"accuracy": {"max_drop": 0.5}}, result, reference.model_copy(update={"data_digest": "e" * 64}))
    assert paired.low is not None
    assert apart.low is not None
    assert apart.low < paired.low
