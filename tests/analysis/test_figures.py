from __future__ import annotations

import math

import pytest

from pytest_opml.analysis.figures import PAIRED_TIMES, of_value, score_axes, times_beside
from pytest_opml.metrics import METRICS
from pytest_opml.records.result import Result, Sampling
from pytest_opml.stats.derived_time import DerivedTime, RecordedTime
from tests.support.builders import make_case, make_result, make_side_by_side


def test_the_time_of_a_difference_is_the_ratio_where_the_two_were_timed_in_turn() -> None:
    reference, result = make_result(), make_result("int8", 0.8, 20.0, 7.0)
    apart, paired = score_axes(result, reference, None), score_axes(result, reference, make_side_by_side(0.5))
    assert apart == pytest.approx((math.log10(2), math.log10(2), -math.log10(2)))
    assert paired == pytest.approx((math.log10(2), -math.log10(2), -math.log10(2)))
    assert paired.total == paired.error + paired.time + paired.size


def test_a_score_over_training_has_its_own_time() -> None:
    score = make_result().op_score.model_copy(update={"log_seconds": 3.0})
    of_training, of_inference = make_result("int8", op_score=score), make_result()
    for result, reference in ((of_training, of_training), (of_training, of_inference), (of_inference, of_training)):
        axes = score_axes(result, reference, make_side_by_side(0.5))
        assert axes.time == result.op_score.log_seconds - reference.op_score.log_seconds


def test_times_are_those_beside_the_case_s_own_reference() -> None:
    times = make_side_by_side()
    candidate = make_result("int8", vs_reference=times)
    assert times_beside(candidate, make_result()) is times
    assert times_beside(candidate, make_result(case=make_case(seed=7))) is None
    assert times_beside(make_result("int8"), make_result()) is None


def test_the_times_that_a_ratio_derives_are_one_for_each_scenario() -> None:
    assert {scenario: metric.name for scenario, metric in PAIRED_TIMES.items()} == {
        "offline": "inference_s",
        "single": "latency_ms.p50",
    }


@pytest.mark.parametrize(
    ("name", "is_derived"),
    [("inference_s", True), ("throughput", True), ("latency_ms.p50", True), ("latency_ms.p99", False)],
)
def test_a_derived_figure_rests_on_its_reference(name: str, is_derived: bool) -> None:
    def of(technique: str, seconds: float, **fields: object) -> Result:
        latency = make_result(p50=seconds, p99=5.0).latency_ms
        ends = {"p50": (seconds * 0.9, seconds * 1.1), "p99": (4.0, 6.0)}
        latency = latency.model_copy(update={"intervals": ends})
        return make_result(technique, inference_s=seconds, latency_ms=latency, **fields)

    metric, reference = METRICS[name], of("baseline", 4.0)
    candidate = of("int8", 2.0, vs_reference=make_side_by_side(0.5, 0.5))
    value = metric.read(candidate) or 0.0
    assert isinstance(of_value(metric, candidate, value, reference), DerivedTime) == is_derived
    for reference_ in (None, of("baseline", 5.0)):  # none, and another measurement than the one beside it
        assert isinstance(of_value(metric, candidate, value, reference_), RecordedTime) == is_derived
    # the reference's own figures, and those of a case that was timed alone
    assert not isinstance(of_value(metric, reference, 4.0, reference), (DerivedTime, RecordedTime))
    assert not isinstance(of_value(metric, of("int8", 2.0), value, reference), (DerivedTime, RecordedTime))


def test_a_rate_is_confirmed_by_the_time_that_was_sampled_anew() -> None:
    sampling = {"inference_s": Sampling(repeat=4.0)}
    candidate = make_result("int8", vs_reference=make_side_by_side(), sampling=sampling)
    assert of_value(METRICS["throughput"], candidate, candidate.throughput).repeat == 2_500.0
    assert of_value(METRICS["inference_s"], candidate, 10.0).repeat == 4.0
