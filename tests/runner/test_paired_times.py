from __future__ import annotations

import pytest

from pytest_opml.records.result import Latency, Result, Sampling
from pytest_opml.runner.paired_times import TimeFigures, derive, limits_alone, reference_times
from pytest_opml.stats.sequential import SamplingPlan, TimeLimit
from tests.support.builders import make_estimate, make_result, make_side_by_side

LIMITS = {name: (TimeLimit(1.0, above=True),) for name in ("inference_s", "latency_ms.p50", "latency_ms.p99")}


def reference(p50: float | None = 2.0, **fields: object) -> Result:
    intervals = {"p50": (1.9, 2.1)} if p50 else {}
    latency = make_result(p50=p50).latency_ms.model_copy(update={"intervals": intervals})
    return make_result(latency_ms=latency, **fields)


def own_times() -> TimeFigures:
    latency = Latency(
        percentiles={"p50": 1.5, "p90": 1.6, "p99": 1.9}, samples=662, intervals={"p50": (1.4, 1.6), "p90": (1.5, 1.7)}
    )
    sampling = {"latency_ms.p50": Sampling(alpha_share=0.1), "latency_ms.p99": Sampling(alpha_share=0.2)}
    return TimeFigures(make_estimate(7.0), latency, sampling)


def test_a_candidate_takes_its_reference_s_times_by_their_ratios() -> None:
    times = derive(own_times(), reference(), make_side_by_side(0.5, 0.6))
    assert times.inference_s.value == 5.0
    assert times.inference_s.low < 5.0 * 0.98 < 5.0 * 1.02 < times.inference_s.high
    assert times.latency_ms.p50 == 1.2
    low, high = times.latency_ms.intervals["p50"]
    assert low < 1.2 * 0.95 < 1.2 * 1.05 < high
    # what was not timed in turn stays its own
    assert (times.latency_ms.p90, times.latency_ms.p99, times.latency_ms.samples) == (1.6, 1.9, 662)
    assert times.latency_ms.intervals["p90"] == (1.5, 1.7)
    assert times.sampling == {"latency_ms.p99": Sampling(alpha_share=0.2)}


def test_how_a_derived_time_was_sampled_is_what_the_ratio_says() -> None:
    times = make_side_by_side(0.5, 0.6)
    spent = times.model_copy(update={"offline": times.offline.model_copy(update={"alpha_share": 0.01, "repeat": 0.7})})
    derived = derive(own_times(), reference(), spent)
    assert derived.sampling["inference_s"] == Sampling(alpha_share=0.01, repeat=7.0)


def test_what_was_not_timed_in_turn_keeps_its_own_times() -> None:
    assert derive(own_times(), reference(), None) == own_times()
    assert derive(own_times(), None, make_side_by_side()) == own_times()


def test_a_median_that_the_reference_does_not_have_is_the_candidate_s_own() -> None:
    times = derive(own_times(), reference(p50=None), make_side_by_side())
    assert (times.latency_ms, times.inference_s.value) == (own_times().latency_ms, 5.0)
    assert times.sampling == own_times().sampling


def test_limits_on_paired_times_are_not_for_the_sampling_of_the_case_by_itself() -> None:
    plan = SamplingPlan(limits=LIMITS, max_seconds=60.0)
    assert set(limits_alone(plan, reference()).limits) == {"latency_ms.p99"}
    assert set(limits_alone(plan, reference(p50=None)).limits) == {"latency_ms.p50", "latency_ms.p99"}


def test_what_is_known_of_a_reference() -> None:
    times = reference_times(reference())
    assert {scenario: set(by_metric) for scenario, by_metric in times.items()} == {
        "offline": {"inference_s"},
        "single": {"latency_ms.p50"},
    }
    assert times["offline"]["inference_s"].value == 10.0
    assert times["single"]["latency_ms.p50"].value == 2.0
    assert reference_times(None) == {}
    assert set(reference_times(reference(p50=None))) == {"offline"}


@pytest.mark.parametrize("disturbed", [0.95, 1.05])
def test_a_disturbance_of_the_candidate_s_own_passes_changes_nothing(disturbed: float) -> None:
    quiet, times = own_times(), make_side_by_side()
    noisy = quiet._replace(inference_s=quiet.inference_s.scaled(disturbed))
    assert derive(noisy, reference(), times) == derive(quiet, reference(), times)
