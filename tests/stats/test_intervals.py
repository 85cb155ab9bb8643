from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from pytest_opml.stats.intervals import binomial_ends, least_samples, proportion


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 5
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0000, 0.1684),
        (1, 29, 0.0009, 0.1776),
        # by hand: 1 - 0.025 ** (1 / 10)
        (0, 10, 0.0000, 0.3085),
        (10, 10, 0.6915, 1.0000),
    ],
)
def test_exact_intervals_as_published(successes: int, trials: int, low: float, high: float) -> None:
    share = proportion(successes, trials)
    assert share.value == successes / trials
    assert (share.low, share.high) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=50)
def test_the_interval_of_a_share_holds_it(pair: tuple[int, int]) -> None:
    share = proportion(*pair)
    assert 0 <= share.low <= share.value <= share.high <= 1
    assert share.low < share.high


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.9995])
@pytest.mark.parametrize(("successes", "trials"), [(0, 7), (3, 7), (1_990, 2_000), (2_000, 2_000)])
def test_the_ends_are_those_that_scipy_finds_by_search(successes: int, trials: int, confidence: float) -> None:
    expected = binomtest(successes, trials).proportion_ci(confidence, method="exact")
    assert binomial_ends(successes, trials, 1 - confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=50)
def test_right_and_wrong_are_mirror_images(pair: tuple[int, int]) -> None:
    successes, trials = pair
    right, wrong = proportion(successes, trials), proportion(trials - successes, trials)
    assert (right.low, right.high) == pytest.approx((1 - wrong.high, 1 - wrong.low), abs=1e-12)


def test_more_trials_give_a_narrower_interval() -> None:
    widths = [share.high - share.low for share in (proportion(9 * n, 10 * n) for n in (1, 10, 100, 1_000))]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize(
    ("percent", "samples"), [(1, 662), (10, 64), (50, 11), (75, 24), (90, 64), (95, 130), (99, 662)]
)
def test_a_percentile_needs_as_many_samples_as_mlperf_stops_early_at(percent: int, samples: int) -> None:
    assert least_samples(percent) == samples


@pytest.mark.parametrize("percent", range(50, 100))
def test_below_them_one_sample_above_a_percentile_says_too_little(percent: int) -> None:
    """By SciPy's binomial: all but one of the samples below the true percentile, at most once in a hundred times."""
    least = least_samples(percent)
    assert binom.cdf(1, least, 1 - percent / 100) <= 0.01 < binom.cdf(1, least - 1, 1 - percent / 100)
