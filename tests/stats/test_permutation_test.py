from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pytest_opml.stats.permutation_test import LEAST, Array, find_split, residual_autocorrelation

Draw = Callable[[np.random.Generator, int], Array]


def level(count: int, value: float = 0.0, seed: int = 0) -> Array:
    return value + np.random.default_rng(seed).standard_normal(count)


def alike(count: int, correlation: float, seed: int) -> Array:
    values = level(count, seed=seed)
    for place in range(1, count):
        values[place] += correlation * values[place - 1]
    return values


@pytest.mark.parametrize("windows", [True, False])
def test_the_cut_between_two_levels_is_the_most_uneven_place(windows: bool) -> None:
    found = find_split(np.concatenate([level(30), level(20, 8.0)]), 0.01, windows=windows)
    assert found is not None
    assert found.edges == (30,)
    assert found.error == pytest.approx(1 / 600)


def test_only_a_window_sees_a_short_rise_that_is_taken_back() -> None:
    series = np.concatenate([level(50), level(6, 6.0, 1), level(44, 0.0, 2)])
    found = find_split(series, 0.01)
    assert found is not None
    assert found.edges == pytest.approx((50, 56), abs=4)  # as near as noise and the lengths that are tried allow
    assert find_split(series, 0.01, windows=False) is None


def test_the_error_that_is_told_grows_finer_with_the_error_that_is_allowed() -> None:
    series = np.concatenate([level(30), level(30, 8.0)])
    errors = [found.error for asked in (0.1, 0.01, 0.001) if (found := find_split(series, asked))]
    assert errors == pytest.approx([1 / 200, 1 / 600, 1 / 6_000])


@pytest.mark.parametrize("count", range(2 * LEAST))
def test_too_few_values_are_never_uneven(count: int) -> None:
    assert find_split(np.arange(count, dtype=float), 0.5) is None


def test_a_series_without_a_difference_is_not_uneven() -> None:
    assert find_split(np.full(50, 3.0), 0.5) is None


@pytest.mark.parametrize(
    "draw",
    [
        lambda random, count: random.standard_normal(count),
        lambda random, count: random.standard_cauchy(count),
        lambda random, count: random.integers(0, 2, count).astype(float),
        lambda random, count: random.poisson(3, count).astype(float),
    ],
    ids=["normal", "cauchy", "two-levels", "counts"],
)
@pytest.mark.parametrize("count", [12, 60])
def test_independent_noise_is_called_uneven_as_often_as_asked(draw: Draw, count: int) -> None:
    random = np.random.default_rng(1)
    alarms = sum(find_split(draw(random, count), 0.1) is not None for _ in range(400))
    assert alarms <= 58  # 40 expected at most; more than 58 come in one of 1,000 such tests


def test_neighbours_that_are_alike_are_told_from_independent_ones() -> None:
    independent, dependent = (
        [residual_autocorrelation(alike(150, rho, seed), [75]) for seed in range(40)] for rho in (0.0, 0.4)
    )
    assert np.mean(independent) < 0.1
    assert np.mean(dependent) == pytest.approx(0.4, abs=0.1)


def test_a_level_that_is_taken_off_does_not_make_neighbours_alike() -> None:
    series = np.concatenate([level(60), level(60, 10.0, 1)])
    assert residual_autocorrelation(series, []) > 0.5
    assert residual_autocorrelation(series, [60]) < 0.2


def test_where_most_values_are_equal_nothing_is_said_of_neighbours() -> None:
    assert residual_autocorrelation(np.array([1.0] * 10 + [5.0] + [2.0] * 10), [10]) == 0.0


def test_the_more_alike_neighbours_are_the_clearer_a_step_must_be() -> None:
    series = np.concatenate([level(20), level(20, 1.7, 1)])
    assert find_split(series, 0.01) is not None
    assert find_split(series, 0.01, autocorrelation=0.6) is None
