from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.records.result import Estimate, Sampling
from pytest_opml.stats.derived_time import DerivedTime, RecordedTime, derive_estimate, derive_sampling
from pytest_opml.stats.evidence import Evidence, Exact, Interval, PairedTime, ScaledInterval
from tests.support.builders import make_estimate, make_ratio

ERRORS = (0.5, 0.1, 0.05, 1e-3, 1e-6, 1e-9)


def lognormal(value: float, deviation: float) -> ScaledInterval:
    factor = math.exp(1.959964 * deviation)
    return ScaledInterval(Estimate(value=value, low=value / factor, high=value * factor))


@given(st.floats(1e-6, 1e6), st.floats(1e-3, 1e3), st.floats(1e-4, 0.5), st.floats(1e-4, 0.5))
def test_less_error_makes_wider_intervals_which_hold_the_value(
    time: float, ratio: float, margin: float, half_width: float
) -> None:
    derived = DerivedTime(ScaledInterval(make_estimate(time, margin)), PairedTime(make_ratio(ratio, half_width)))
    assert derived.value == time * ratio
    for narrow, wide in itertools.pairwise([derived.interval(error) for error in ERRORS]):
        assert wide.low <= narrow.low <= derived.value <= narrow.high <= wide.high


def test_the_variances_of_two_logarithms_add_up() -> None:
    product, exact = DerivedTime(lognormal(10.0, 0.03), lognormal(0.5, 0.04)), lognormal(5.0, 0.05)
    for error in ERRORS:
        assert product.interval(error) == pytest.approx(exact.interval(error))


def test_what_is_exact_adds_nothing() -> None:
    ratio = PairedTime(make_ratio(0.5))
    low, high = ratio.interval(0.05)
    assert DerivedTime(Exact(4.0), ratio).interval(0.05) == pytest.approx((4 * low, 4 * high))


class Unbounded(Evidence):
    """Of so few samples that nothing can be said at this level."""

    value = 2.0

    def interval(self, error: float) -> Interval:
        return Interval(0.0, math.inf)


def test_a_reference_of_which_nothing_is_known_leaves_nothing_out() -> None:
    time = DerivedTime(Unbounded(), PairedTime(make_ratio(0.5)))
    low, high = time.interval(0.05)
    assert low < 1e-9
    assert 1e9 < high < math.inf
    assert time.is_out_of_reach(1.0, 0.05)
    assert time.is_out_of_reach(1e6, 0.05)


@pytest.mark.parametrize(
    ("limit", "out_of_reach"),
    [
        (10.0, True),  # 2 % around 10 s hold it whatever the ratio is
        (10.1, True),
        (10.25, False),  # a ratio at the end of its interval leaves it out
        (11.0, False),
        (9.0, False),
    ],
)
def test_a_limit_is_out_of_reach_where_no_ratio_could_decide_it(limit: float, out_of_reach: bool) -> None:
    reference = ScaledInterval(make_estimate(20.0, 0.02))
    assert DerivedTime(reference, PairedTime(make_ratio(0.5, 0.005))).is_out_of_reach(limit, 0.05) is out_of_reach
    # while little is known of the ratio, no limit is
    assert not DerivedTime(reference, PairedTime(make_ratio(0.5, 0.1))).is_out_of_reach(limit, 0.05)


@given(st.floats(0.9, 1.1), st.floats(1e-3, 0.2), st.floats(1e-3, 0.2), st.sampled_from(ERRORS))
def test_what_is_out_of_reach_is_within_the_interval(limit: float, margin: float, half_width: float, e: float) -> None:
    time = DerivedTime(ScaledInterval(make_estimate(2.0, margin)), PairedTime(make_ratio(0.5, half_width)))
    low, high = time.interval(e)
    assert not time.is_out_of_reach(limit, e) or low < limit < high


def test_what_was_sampled_anew_makes_the_time_anew() -> None:
    ratio = make_ratio(0.5)
    anew = ratio.model_copy(update={"repeat": 0.6})
    reference = RecordedTime(make_estimate(10.0), Sampling(repeat=11.0))
    assert DerivedTime(Exact(10.0), PairedTime(ratio)).repeat is None
    assert DerivedTime(Exact(10.0), PairedTime(anew)).repeat == pytest.approx(6.0)
    assert DerivedTime(reference, PairedTime(ratio)).repeat == pytest.approx(5.5)
    assert DerivedTime(reference, PairedTime(anew)).repeat == pytest.approx(6.6)


def test_an_estimate_combines_both_intervals() -> None:
    derived = derive_estimate(make_estimate(10.0, 0.03), make_ratio(0.5, 0.04))
    assert derived.value == 5.0
    assert (derived.low, derived.high) == pytest.approx((5 * 0.95, 5 * 1.05), rel=2e-3)


@pytest.mark.parametrize(
    ("reference", "ratio", "expected"),
    [
        (Sampling(), {}, Sampling()),
        (Sampling(alpha_share=0.5), {"alpha_share": 0.1}, Sampling(alpha_share=0.1)),
        (Sampling(alpha_share=0.1), {"repeat": 0.6}, Sampling(alpha_share=0.1, repeat=6.0)),
        (Sampling(repeat=11.0), {}, Sampling(repeat=5.5)),
    ],
)
def test_how_a_derived_time_was_sampled(reference: Sampling, ratio: dict[str, float], expected: Sampling) -> None:
    assert derive_sampling(10.0, reference, make_ratio(0.5).model_copy(update=ratio)) == expected


def test_a_recorded_time_has_what_was_spent_of_the_error_and_what_was_sampled_anew() -> None:
    estimate = make_estimate(10.0)
    time = RecordedTime(estimate, Sampling(alpha_share=0.1, repeat=9.0))
    assert time.interval(0.05) == ScaledInterval(estimate).interval(0.005)
    assert (time.value, time.repeat) == (10.0, 9.0)
