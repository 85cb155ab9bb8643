from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import binom, multivariate_normal, norm

from pytest_opml.records.result import Ladder, Sampling
from pytest_opml.stats.intervals import CONFIDENCE
from pytest_opml.stats.order_statistics import (
    ERRORS,
    Inverse,
    OrderStatistics,
    _count_below,
    autocorrelation,
    chain_of,
    estimate,
    fewest_samples,
    find_ranks,
    ladder,
    median,
)
from tests.support.programs import program

TIMES = st.floats(1e-6, 1e6)


def autoregression(random: np.random.Generator, correlation: float, replays: int, count: int) -> NDArray[np.float64]:
    """Normal values with a mean of 0 and a deviation of 1, of neighbours that are alike; a row for each replay."""
    noise = random.standard_normal((replays, count + 50)) * math.sqrt(1 - correlation**2)
    values: NDArray[np.float64] = lfilter([1.0], [1.0, -correlation], noise, axis=1)[:, 50:]
    return values


def passes(count: int, spread: float = 0.01) -> list[float]:
    """Times near 1 of which each neighbour is on the other side."""
    return [1 + spread * ((-1) ** number) * (1 + number / count) for number in range(count)]


@pytest.mark.parametrize(("count", "share"), [(1, 0.5), (10, 0.5), (37, 0.9), (662, 0.99)])
def test_independent_samples_are_counted_by_the_binomial_distribution(count: int, share: float) -> None:
    assert _count_below(count, share, 0.0) == pytest.approx(binom.pmf(np.arange(count + 1), count, share), abs=1e-13)


@pytest.mark.parametrize("chain", [0.1, 0.4])
def test_a_chain_is_counted_as_its_ways_add_up(chain: float) -> None:
    """Against the sum over all ways of ten samples below or above."""
    share, expected = 0.7, [0.0] * 11
    stay, enter = share + (1 - share) * chain, share * (1 - chain)
    for way in itertools.product((True, False), repeat=10):
        chance = share if way[0] else 1 - share
        for before, after in itertools.pairwise(way):
            below = stay if before else enter
            chance *= below if after else 1 - below
        expected[sum(way)] += chance
    assert _count_below(10, share, chain) == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_the_chain_varies_as_normal_values_do(share: float) -> None:
    """Its first lags against SciPy's bivariate normal distribution."""
    at = float(norm.ppf(share))
    excess = 0.0
    for lag in range(1, 12):
        joint = multivariate_normal([0, 0], [[1, 0.5**lag], [0.5**lag, 1]]).cdf([at, at])
        excess += 2 * (joint - share**2) / (share * (1 - share))
    assert chain_of(0.5, share) == pytest.approx(excess / (2 + excess), abs=0.01)
    assert chain_of(0.0, share) == 0.0


@pytest.mark.parametrize("count", [6, 10, 25, 60])
def test_ranks_of_independent_samples_are_the_narrowest_that_cover(count: int) -> None:
    ranks = find_ranks(count, 0.5, 0.0)
    for error, low, high in zip(ERRORS, ranks.low, ranks.high, strict=True):
        assert low + high == count + 1
        assert binom.cdf(low - 1, count, 0.5) <= error / 2 + 1e-12 < binom.cdf(low, count, 0.5)
    assert ranks.least_low == pytest.approx(2 * 0.5**count)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.5])
@pytest.mark.parametrize(("count", "share"), [(10, 0.5), (60, 0.5), (662, 0.99)])
def test_an_end_misses_the_quantile_no_more_often_than_it_says(correlation: float, count: int, share: float) -> None:
    values = autoregression(np.random.default_rng(1), correlation, 4_000, count)
    truth = {0.5: 0.0, 0.99: 2.3263479}[share]
    ranks = find_ranks(count, share, math.ceil(50 * chain_of(correlation, share)) / 50)
    ordered = np.sort(values, axis=1)
    for error, low, high in zip(ERRORS[:14], ranks.low, ranks.high, strict=False):
        deviation = math.sqrt(error / 2 / len(values))
        if low:
            assert (ordered[:, low - 1] > truth).mean() <= error / 2 + 3 * deviation
        if high <= count:
            assert (ordered[:, high - 1] < truth).mean() <= error / 2 + 3 * deviation


@pytest.mark.parametrize("correlation", [0.0, 0.4])
def test_the_correlation_is_that_of_neighbours_whatever_the_distribution(correlation: float) -> None:
    (values,) = autoregression(np.random.default_rng(2), correlation, 1, 5_000)
    assert autocorrelation(values) == pytest.approx(correlation, abs=0.04)
    assert autocorrelation(np.exp(5 * values)) == pytest.approx(autocorrelation(values), abs=1e-12)


def test_few_samples_are_taken_to_be_alike() -> None:
    assert autocorrelation(np.asarray([1.0, 2.0])) == 0.5
    assert 0.3 < autocorrelation(np.asarray(passes(10))) <= 0.5
    assert autocorrelation(np.arange(20.0)) == 0.5
    assert autocorrelation(np.arange(200.0)) > 0.8


def test_ten_passes_cannot_say_more_than_they_can() -> None:
    time = OrderStatistics(ladder(passes(10), 0.5))
    assert time.error_at(1_000.0, below=True) > 2 * 0.5**10
    low, high = time.interval(1e-4)
    assert low < 1e-9
    assert high > 1e9
    narrow = time.interval(0.05)
    assert (narrow.low, narrow.high) == (min(passes(10)), max(passes(10)))


def test_an_early_analysis_goes_beyond_the_outermost_pass_but_is_no_surer_than_the_passes() -> None:
    early = OrderStatistics(ladder(passes(10), 0.5), Sampling(alpha_share=1e-3))
    low, high = early.interval(0.05)
    assert 0.9 < low < min(passes(10)) < max(passes(10)) < high < 1.1
    assert early.error_at(5.0, below=True) > 2 * 0.5**10


def test_a_figure_in_another_unit_has_its_interval_in_that_unit() -> None:
    steps = ladder(passes(40), 0.5)
    time, scaled = OrderStatistics(steps), OrderStatistics(steps, Sampling(repeat=9.0), 10.0)
    assert (scaled.value, scaled.repeat) == (pytest.approx(10 * time.value), 9.0)
    assert scaled.interval(0.05) == pytest.approx(tuple(10 * end for end in time.interval(0.05)))


def test_a_rate_has_the_interval_of_the_time_upside_down() -> None:
    time = OrderStatistics(ladder(passes(40), 0.5), Sampling(repeat=2.0))
    rate = Inverse(time, 100.0)
    low, high = time.interval(0.01)
    assert rate.interval(0.01) == pytest.approx((100 / high, 100 / low))
    assert (rate.value, rate.repeat) == (pytest.approx(100 / time.value), 50.0)


@given(st.lists(TIMES, min_size=1, max_size=80), st.sampled_from([0.1, 0.5, 0.99]), st.sampled_from([1.0, 0.1, 1e-6]))
@settings(max_examples=80)
def test_less_error_makes_wider_intervals_that_hold_the_value(times: list[float], share: float, spent: float) -> None:
    time = OrderStatistics(ladder(times, share), Sampling(alpha_share=spent))
    intervals = [time.interval(error) for error in (0.5, 0.1, 0.05, 1e-3, 1e-6, 1e-9)]
    for narrow, wide in itertools.pairwise(intervals):
        assert 0 < wide.low <= narrow.low <= time.value <= narrow.high <= wide.high < math.inf


@given(st.lists(TIMES, min_size=1, max_size=80))
@settings(max_examples=50)
def test_the_interval_of_a_median_holds_it_and_ends_at_values(values: list[float]) -> None:
    about = median(values)
    assert about.low <= about.value <= about.high
    assert {about.low, about.high} <= {*values, about.value}
    assert Ladder.model_validate_json(ladder(values, 0.5).model_dump_json()) == ladder(values, 0.5)


@pytest.mark.parametrize("count", range(1, 10))
def test_below_ten_values_the_interval_is_their_range(count: int) -> None:
    values = [float(number) for number in range(count, 0, -1)]
    about = median(values)
    assert (about.low, about.high) == (1.0, float(count))


def test_the_estimate_is_at_95_percent() -> None:
    steps = ladder(passes(200), 0.5)
    about = estimate(steps)
    assert (about.low, about.high) == OrderStatistics(steps).interval(1 - CONFIDENCE + 1e-9)


@pytest.mark.parametrize(("correlation", "spikes"), [(0.0, False), (0.3, True), (0.5, False), (0.5, True)])
def test_a_whole_gate_on_the_true_median_errs_at_most_3_percent_on_each_side(correlation: float, spikes: bool) -> None:
    errors, random = program("time_errors"), np.random.default_rng(3)
    noise = errors.Noise(0.01, correlation, spikes=spikes)
    verdicts = [errors.passes_at_the_truth(random, noise, 0.5).verdict for _ in range(300)]
    assert verdicts.count("fail") <= 9
    assert verdicts.count("pass") <= 9


def test_a_whole_gate_on_the_true_percentile_errs_at_most_3_percent_on_each_side() -> None:
    errors, random = program("time_errors"), np.random.default_rng(4)
    noise = errors.Noise(0.01, 0.5)
    verdicts = [errors.singles_at_the_truth(random, noise, 99).verdict for _ in range(200)]
    assert verdicts.count("fail") <= 6
    assert verdicts.count("pass") <= 6


@pytest.mark.parametrize("correlation", [0.0, 0.3])
def test_on_a_quiet_machine_ten_passes_suffice_for_a_value_that_is_clear_of_its_limit(correlation: float) -> None:
    errors, random = program("time_errors"), np.random.default_rng(5)
    noise = errors.Noise(0.01, correlation)
    outcomes = [errors.gate_of_passes(noise.draw(random, 300) / 2, 0.6) for _ in range(100)]
    assert {(outcome.verdict, outcome.samples) for outcome in outcomes} == {("pass", 10)}


def test_the_fewest_passes_for_an_error() -> None:
    assert [fewest_samples(0.5, error) for error in (0.05, 0.02, 0.01, 0.0005)] == [10, 12, 14, 23]
