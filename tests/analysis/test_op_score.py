from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml import op_score
from pytest_opml.analysis.op_score import difference, sampled_score
from pytest_opml.errors import UsageError
from pytest_opml.records.result import Estimate

SHARES = st.floats(0, 1, exclude_max=True)
AMOUNTS = st.floats(1e-6, 1e9)


def estimates(values: st.SearchStrategy[float]) -> st.SearchStrategy[Estimate]:
    return st.lists(values, min_size=3, max_size=3).map(sorted).map(lambda v: Estimate(low=v[0], value=v[1], high=v[2]))


def exact(value: float) -> Estimate:
    return Estimate(value=value, low=value, high=value)


@pytest.mark.parametrize(
    ("accuracy", "seconds", "megabytes", "score"),
    [
        (0.0, 1.0, 1.0, 0.0),
        (0.9, 10.0, 1.0, 0.0),
        (0.9, 1.0, 1.0, -1.0),
        (0.99, 10.0, 10.0, 0.0),
        (0.5, 2.0, 1.0, 0.0),
        (0.9, 10.0, 14.0, 1.1461),
        (0.92, 8.14, 103.0, 1.8266),  # Resnet-50 Top-10 of the paper's table 5, printed as 1.81
    ],
)
def test_known_values(accuracy: float, seconds: float, megabytes: float, score: float) -> None:
    assert op_score(accuracy, seconds, megabytes).value == pytest.approx(score, abs=5e-5)


@given(SHARES, AMOUNTS, AMOUNTS)
def test_it_is_the_logarithm_of_a_product(accuracy: float, seconds: float, megabytes: float) -> None:
    score = op_score(accuracy, seconds, megabytes, samples=10_000)
    assert score.value == pytest.approx(math.log10(max(1 - accuracy, 5e-5) * seconds * megabytes), abs=1e-9)
    assert score.value == score.log_error + score.log_seconds + score.log_megabytes


@given(st.tuples(SHARES, SHARES).map(sorted), AMOUNTS, AMOUNTS)
def test_more_accuracy_never_scores_worse(accuracies: list[float], seconds: float, megabytes: float) -> None:
    less, more = (op_score(accuracy, seconds, megabytes, samples=500).value for accuracy in accuracies)
    assert more <= less


@given(SHARES, st.tuples(AMOUNTS, AMOUNTS).map(sorted), AMOUNTS)
def test_more_time_or_size_never_scores_better(accuracy: float, amounts: list[float], other: float) -> None:
    for fast, slow in (
        [op_score(accuracy, amount, other).value for amount in amounts],
        [op_score(accuracy, other, amount).value for amount in amounts],
    ):
        assert fast <= slow


@given(st.floats(0, 0.9), AMOUNTS, AMOUNTS)
def test_a_factor_of_two_on_any_axis_is_the_same(accuracy: float, seconds: float, megabytes: float) -> None:
    start = op_score(accuracy, seconds, megabytes).value
    for doubled in (
        op_score(1 - 2 * (1 - accuracy), seconds, megabytes) if accuracy >= 0.5 else None,
        op_score(accuracy, 2 * seconds, megabytes),
        op_score(accuracy, seconds, 2 * megabytes),
    ):
        assert doubled is None or doubled.value - start == pytest.approx(math.log10(2), abs=1e-6)


@pytest.mark.parametrize("samples", [1, 500, 10_000])
def test_no_error_at_all_counts_as_half_a_sample(samples: int) -> None:
    score = op_score(1.0, 1.0, 1.0, samples=samples)
    assert score.error_floored
    assert score.value == pytest.approx(-math.log10(2 * samples))


@pytest.mark.parametrize("samples", [1, 500, 10_000])
def test_one_error_is_not_floored_and_scores_worse_than_none(samples: int) -> None:
    score = op_score(1 - 1 / samples, 1.0, 1.0, samples=samples)
    assert not score.error_floored
    assert score.value > op_score(1.0, 1.0, 1.0, samples=samples).value


@given(estimates(SHARES), estimates(AMOUNTS), AMOUNTS)
def test_the_interval_holds_the_value(accuracy: Estimate, seconds: Estimate, megabytes: float) -> None:
    score = op_score(accuracy, seconds, megabytes, samples=500)
    assert score.low <= score.value <= score.high


@given(SHARES, AMOUNTS, AMOUNTS)
def test_exact_figures_have_no_interval(accuracy: float, seconds: float, megabytes: float) -> None:
    score = op_score(exact(accuracy), exact(seconds), megabytes)
    assert score == op_score(accuracy, seconds, megabytes)
    assert score.low == score.value == score.high


@given(estimates(SHARES), AMOUNTS, AMOUNTS)
def test_with_an_exact_time_the_interval_is_that_of_the_accuracy(
    accuracy: Estimate, seconds: float, megabytes: float
) -> None:
    score = op_score(accuracy, seconds, megabytes, samples=500)
    best, worst = (op_score(end, seconds, megabytes, samples=500).value for end in (accuracy.high, accuracy.low))
    assert (score.low, score.high) == pytest.approx((best, worst), abs=1e-9)


@given(SHARES, estimates(AMOUNTS), AMOUNTS)
def test_with_an_exact_accuracy_the_interval_is_that_of_the_time(
    accuracy: float, seconds: Estimate, megabytes: float
) -> None:
    score = op_score(accuracy, seconds, megabytes)
    best, worst = (op_score(accuracy, end, megabytes).value for end in (seconds.low, seconds.high))
    assert (score.low, score.high) == pytest.approx((best, worst), abs=1e-9)


@given(estimates(SHARES), estimates(AMOUNTS), AMOUNTS)
def test_the_interval_is_between_the_wider_axis_and_their_sum(
    accuracy: Estimate, seconds: Estimate, megabytes: float
) -> None:
    def width(accuracy: float | Estimate, seconds: float | Estimate) -> float:
        score = op_score(accuracy, seconds, megabytes, samples=500)
        return score.high - score.value

    parts = width(accuracy, seconds.value), width(accuracy.value, seconds)
    assert max(parts) - 1e-9 <= width(accuracy, seconds) <= sum(parts) + 1e-9


@given(SHARES, SHARES, AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_the_parts_of_a_difference_add_up(a: float, b: float, s: float, t: float, m: float, n: float) -> None:
    candidate, reference = op_score(a, s, m), op_score(b, t, n)
    parts = difference(candidate, reference)
    assert parts.total == pytest.approx(candidate.value - reference.value, abs=1e-9)
    assert parts.time == pytest.approx(math.log10(s / t), abs=1e-9)
    assert parts.size == pytest.approx(math.log10(m / n), abs=1e-9)


def test_a_part_of_a_difference_is_negative_where_the_candidate_gains() -> None:
    parts = difference(op_score(0.9, 5.0, 28.0), op_score(0.9, 10.0, 14.0))
    assert parts == pytest.approx((0.0, -math.log10(2), math.log10(2)))


@pytest.mark.parametrize("accuracy", [-0.01, 1.01, 90.0, math.nan, math.inf, -math.inf])
def test_an_accuracy_that_is_none_is_refused(accuracy: float) -> None:
    with pytest.raises(UsageError, match="accuracy must be 0 to 1, not "):
        op_score(accuracy, 1.0, 1.0, samples=500)


@pytest.mark.parametrize("amount", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_a_time_or_size_that_is_none_is_refused(amount: float) -> None:
    with pytest.raises(UsageError, match="seconds must be positive, not "):
        op_score(0.9, amount, 1.0)
    with pytest.raises(UsageError, match="megabytes must be positive, not "):
        op_score(0.9, 1.0, amount)


@pytest.mark.parametrize("samples", [0, -1])
def test_fewer_than_one_sample_is_refused(samples: int) -> None:
    with pytest.raises(UsageError, match="samples must be at least 1, not "):
        op_score(0.9, 1.0, 1.0, samples=samples)


def test_an_accuracy_of_one_needs_the_number_of_samples() -> None:
    with pytest.raises(UsageError, match="give the number of test samples"):
        op_score(1.0, 1.0, 1.0)


@given(SHARES, AMOUNTS, AMOUNTS, st.integers(1, 100_000))
def test_the_interval_that_test_samples_give_holds_the_score(
    accuracy: float, seconds: float, megabytes: float, samples: int
) -> None:
    score = sampled_score(accuracy, seconds, megabytes, samples)
    assert score.low <= score.value <= score.high
    assert score.value == op_score(accuracy, seconds, megabytes, samples=samples).value


def test_only_the_accuracy_makes_that_interval_and_more_samples_narrow_it() -> None:
    few, many = sampled_score(0.9, 10, 10, 100), sampled_score(0.9, 10, 10, 10_000)
    # the exact interval of 90 of 100: 0.8238 to 0.9510
    assert few.high - few.value == pytest.approx(math.log10((1 - 0.8238) / 0.1), abs=1e-4)
    assert few.low - few.value == pytest.approx(math.log10((1 - 0.9510) / 0.1), abs=1e-3)
    assert many.high - many.low < (few.high - few.low) / 5
