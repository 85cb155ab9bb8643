from __future__ import annotations

from pytest_opml.gate.budgets import parse_budgets
from pytest_opml.gate.sampling_limits import paired_limits, ratio_limits, time_limits
from pytest_opml.stats.sequential import TimeLimit
from tests.support.builders import make_result


def test_relative_budgets_of_times_are_limits_on_their_ratio() -> None:
    budgets = parse_budgets(
        {
            "inference_s": {"max_increase": "5%", "max": 3},
            "throughput": {"max_drop": "20%"},
            "latency_ms": {"p50": {"max_increase": 0.5}, "p99": {"max_increase": "1%"}},
            "size_mb": {"max_increase": "1%"},
        },
        "gate",
    )
    assert ratio_limits(budgets, make_result(p50=2.0)) == {
        "offline": (TimeLimit(1.05, above=True), TimeLimit(1.25, above=True)),
        "single": (TimeLimit(1.25, above=True),),
    }


def test_a_time_may_also_be_held_not_to_drop() -> None:
    found = ratio_limits(parse_budgets({"inference_s": {"max_drop": "25%"}}, "gate"), make_result())
    assert found["offline"] == (TimeLimit(0.75, above=False),)


def test_absolute_budgets_of_times_are_limits_in_seconds_and_milliseconds() -> None:
    budgets = parse_budgets(
        {
            "inference_s": {"max": 3, "max_increase": "5%"},
            "throughput": {"min": 5_000},
            "latency_ms": {"p50": {"min": 1}, "p99": {"max": 5}},
            "accuracy": {"min": 0.5},
        },
        "gate",
    )
    assert time_limits(budgets, 10_000) == {
        "inference_s": (TimeLimit(3.0, above=True), TimeLimit(2.0, above=True)),
        "latency_ms.p50": (TimeLimit(1.0, above=False),),
        "latency_ms.p99": (TimeLimit(5.0, above=True),),
    }


def test_limits_on_times_that_follow_from_the_reference_s_are_decided_beside_it() -> None:
    limits = time_limits(
        parse_budgets({"throughput": {"min": 5_000}, "latency_ms": {"p50": {"max": 1}, "p99": {"max": 5}}}, "gate"),
        10_000,
    )
    assert paired_limits(limits) == {
        "inference_s": (TimeLimit(2.0, above=True),),
        "latency_ms.p50": (TimeLimit(1.0, above=True),),
    }
