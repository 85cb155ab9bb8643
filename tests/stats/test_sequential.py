from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.stats.evidence import Normal
from pytest_opml.stats.sequential import (
    FIRST,
    AlphaSpending,
    SamplingPlan,
    SequentialSampler,
    TimeLimit,
    all_decided,
    any_failed,
    plan_openings,
    repeat_seconds,
)


@given(st.lists(st.floats(0.01, 70), min_size=1, max_size=10))
def test_the_analyses_together_spend_no_more_than_the_error(times: list[float]) -> None:
    spending = AlphaSpending(60.0)
    shares = []
    for seconds in sorted(times):
        spending.analyse(seconds)
        shares.append(spending.share)
    assert all(0 < share <= 1 for share in shares)
    assert sum(shares) <= 1 + 1e-6


def test_early_analyses_may_err_little_and_the_last_most() -> None:
    spending = AlphaSpending(40.0)
    shares = []
    for seconds in (2.5, 5, 10, 20, 40):
        spending.analyse(seconds)
        shares.append(spending.share)
    assert shares == sorted(shares)
    assert shares[0] < 0.001
    assert shares[-1] == pytest.approx(0.875)


def test_a_limit_is_decided_by_the_interval_on_either_side() -> None:
    known = Normal(1.0, 0.1)  # 0.80 to 1.20
    for limit, decided, broken in ((0.7, True, True), (0.9, False, False), (1.1, False, False), (1.3, True, False)):
        question = TimeLimit(limit, above=True)
        assert (question.is_decided(known, 0.05), question.is_failed(known, 0.05)) == (decided, broken)
        mirrored = TimeLimit(2 - limit, above=False)
        assert (mirrored.is_decided(known, 0.05), mirrored.is_failed(known, 0.05)) == (decided, broken)


def test_all_limits_must_be_decided_and_one_broken_suffices() -> None:
    known, clear, open_, broken = (
        Normal(1.0, 0.1),
        TimeLimit(2.0, above=True),
        TimeLimit(1.1, above=True),
        TimeLimit(0.5, above=True),
    )
    assert all_decided([clear, broken], known, 0.05)
    assert not all_decided([clear, open_], known, 0.05)
    assert any_failed([clear, broken], known, 0.05)
    assert not any_failed([clear, open_], known, 0.05)
    assert all_decided([], known, 0.05)


def test_each_file_is_opened_first_for_as_long_as_the_other() -> None:
    ends = [0.0, *(end for end, _ in plan_openings(48.0))]
    lengths = [later - earlier for earlier, later in itertools.pairwise(ends)]
    assert sum(lengths[0::2]) == sum(lengths[1::2]) == 24.0
    assert [end for end, analysis in plan_openings(48.0) if analysis] == [3.0, 6.0, 12.0, 24.0, 48.0]


def test_what_is_sampled_anew_takes_a_third_of_the_first_within_what_is_left() -> None:
    assert repeat_seconds(3.0, 60.0) == 2.0
    assert repeat_seconds(12.0, 60.0) == 4.0
    assert repeat_seconds(60 * FIRST, 60.0) == 15.0
    assert repeat_seconds(1.0, 2.0) == 0.5


def test_testing_again_and_again_errs_no_more_often_than_testing_once() -> None:
    # at the limit itself, where a verdict is wrong most often: both sides together, at most one in twenty
    random = np.random.default_rng(0)
    wrong = 0
    for _ in range(2_000):
        samples = random.normal(0.0, 1.0, 320)
        spending = AlphaSpending(320.0)
        for count in (20, 40, 80, 160, 320):
            spending.analyse(float(count))
            known = Normal(float(samples[:count].mean()), 1 / count**0.5)
            if TimeLimit(0.0, above=True).is_decided(known, 0.05 * spending.share):
                wrong += 1
                break
    assert wrong <= 0.05 * 2_000


CLOSE, FAR = TimeLimit(1.0, above=True), TimeLimit(2.0, above=True)


def test_sampling_ends_once_all_limits_are_decided() -> None:
    sampler = SequentialSampler({"a": [CLOSE], "b": [FAR]}, 60.0, 0.05)
    sampler.analyse(5.0, lambda _: {"a": Normal(1.0, 0.1), "b": Normal(1.0, 0.1)})
    assert not sampler.done
    sampler.analyse(10.0, lambda _: {"a": Normal(0.5, 0.1), "b": Normal(1.0, 0.1)})
    assert (sampler.done, sampler.repeat_s) == (True, 0.0)
    assert sampler.alpha_share == pytest.approx((10**3 - 5**3) / 45**3)


def test_what_seems_broken_is_to_be_sampled_anew() -> None:
    sampler = SequentialSampler({"a": [CLOSE]}, 60.0, 0.05)
    sampler.analyse(12.0, lambda _: {"a": Normal(2.0, 0.1)})
    assert (sampler.done, sampler.repeat_s) == (True, 4.0)


def test_sampling_ends_inconclusive_when_its_time_is_over() -> None:
    sampler = SequentialSampler({"a": [CLOSE]}, 60.0, 0.05)
    sampler.analyse(sampler.longest_s, lambda _: {"a": Normal(1.0, 0.1)})
    assert (sampler.done, sampler.repeat_s, sampler.alpha_share) == (True, 0.0, 1.0)


def test_without_a_limit_nothing_is_analysed() -> None:
    sampler = SequentialSampler({}, 60.0, 0.05)
    sampler.analyse(1.0, lambda _: pytest.fail("there is nothing to decide"))
    assert (sampler.done, sampler.alpha_share) == (True, 1.0)


def test_a_plan_gives_the_limits_on_some_times_where_there_is_time_to_decide_them() -> None:
    limits = {"inference_s": (FAR,), "latency_ms.p99": (CLOSE,), "latency_ms.p50": ()}
    plan = SamplingPlan(limits=limits, max_seconds=60.0)
    assert plan.limits_on("latency_ms.p50", "latency_ms.p99", "latency_ms.p90") == {"latency_ms.p99": (CLOSE,)}
    assert SamplingPlan(limits=limits).limits_on("inference_s") == {}
