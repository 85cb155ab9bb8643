from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pytest_opml.techniques.kmeans import Clustering, cluster

Values = npt.NDArray[Any]
GENERATORS = {
    "normal": lambda rng, n: rng.normal(0, 0.05, n),
    "uniform": lambda rng, n: rng.uniform(-1, 1, n),
    "laplace": lambda rng, n: rng.laplace(0, 0.05, n),
    "heavy tails": lambda rng, n: rng.standard_t(2, n),
    "very heavy tails": lambda rng, n: rng.standard_cauchy(n),
    "two humps": lambda rng, n: rng.normal(rng.choice([-3, 3], n), 0.1),
    "one outlier": lambda rng, n: np.append(rng.normal(0, 0.01, n - 1), 1_000),
    "few distinct": lambda rng, n: rng.integers(0, 40, n) ** 2,
    "99 percent near zero": lambda rng, n: rng.normal(0, np.where(rng.random(n) < 0.99, 1e-3, 1)),
    "tight groups": lambda rng, n: rng.integers(0, 50, n) ** 1.5 + rng.normal(0, 1e-3, n),
    "Pareto": lambda rng, n: rng.pareto(1.5, n),
    "shifted": lambda rng, n: rng.normal(100, 0.05, n),
}


def sample(name: str, n: int, seed: int = 0) -> Values:
    return np.asarray(GENERATORS[name](np.random.default_rng(seed), n), dtype=np.float32)


def lowest_error(values: Values, k: int) -> float:
    """The smallest squared error of k clusters, by dynamic programming over the sorted values: O(k n^2)."""
    ordered = np.sort(values, axis=None).astype(np.float64)
    ordered -= ordered.mean()
    n = ordered.size
    # spread[i, j]: the squared error of one cluster of the values i to j.
    spread = np.full((n, n), np.inf)
    for i in range(n):
        run, count = ordered[i:], np.arange(1, n - i + 1)
        from_first = run - run[0]
        spread[i, i:] = np.maximum(np.cumsum(from_first**2) - np.cumsum(from_first) ** 2 / count, 0)
    best = spread[0]
    for _ in range(min(k, n) - 1):
        best = np.minimum(best, np.array([min(best[:j] + spread[1 : j + 1, j], default=np.inf) for j in range(n)]))
    return float(best[-1])


def recomputed_error(values: Values, found: Clustering) -> float:
    """The squared distance of each value to the centroid that it is assigned."""
    return float(np.sum((found.centroids[found.assign(values)] - values.astype(np.float64)) ** 2))


def test_the_exact_optimum_of_a_case_done_by_hand() -> None:
    values = np.array([1.0, 2.0, 10.0, 11.0, 12.0, 30.0])
    assert [lowest_error(values, k) for k in (6, 5, 4, 3)] == pytest.approx([0.0, 0.5, 1.0, 2.5])
    assert lowest_error(values, 1) == pytest.approx(values.var() * 6)


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("k", [1, 2, 3, 5, 8, 16, 31])
def test_the_error_is_within_1_percent_of_the_optimum(name: str, k: int) -> None:
    for seed in range(3):
        values = sample(name, 120, seed)
        assert cluster(values, k).error <= 1.01 * lowest_error(values, k) + 1e-9 * np.sum(values.astype(float) ** 2)


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("k", [2, 16, 256])
def test_more_values_than_the_exact_optimum_can_be_found_for(name: str, k: int) -> None:
    values = sample(name, 20_000)
    found = cluster(values, k)
    scale = float(np.sum(values.astype(np.float64) ** 2))
    assert found.error == pytest.approx(recomputed_error(values, found), rel=1e-4, abs=1e-9 * scale)
    assert found.members.sum() == values.size
    # More clusters never cost more.
    assert cluster(values, 2 * k).error <= found.error + 1e-9 * scale


NUMBERS = st.floats(-100, 100, width=32) | st.sampled_from([0.0, 1.0, -1.0, 0.5])
ARRAYS = arrays(np.float32, array_shapes(max_dims=3, max_side=12), elements=NUMBERS)
COUNTS = st.integers(1, 20)


@given(ARRAYS, COUNTS)
def test_centroids_ascend_with_the_borders_between_them(values: Values, k: int) -> None:
    found = cluster(values, k)
    assert 1 <= found.centroids.size <= k
    # Means come from differences of sums: two of values 1e-25 apart, among values of 1, may round to the same.
    assert (np.diff(found.centroids) >= 0).all()
    assert found.borders.shape == (found.centroids.size - 1,)
    assert (found.centroids[:-1] <= found.borders).all()
    assert (found.borders <= found.centroids[1:]).all()
    lowest, highest = float(values.min()), float(values.max())
    rounding = 1e-12 * max(-lowest, highest)
    assert lowest - rounding <= found.centroids[0]
    assert found.centroids[-1] <= highest + rounding


@given(ARRAYS, COUNTS)
def test_every_value_is_a_member_of_one_cluster_and_every_cluster_has_one(values: Values, k: int) -> None:
    found = cluster(values, k)
    assert found.members.shape == found.centroids.shape
    assert found.members.sum() == values.size
    assert (found.members > 0).all()


@given(ARRAYS, COUNTS)
def test_a_value_is_assigned_its_nearest_centroid(values: Values, k: int) -> None:
    found = cluster(values, k)
    assigned = found.assign(values)
    assert assigned.shape == values.shape
    distances = np.abs(values[..., np.newaxis].astype(np.float64) - found.centroids)
    chosen = np.take_along_axis(distances, assigned[..., np.newaxis], axis=-1)[..., 0]
    np.testing.assert_allclose(chosen, distances.min(axis=-1), atol=1e-12)


@given(ARRAYS, COUNTS)
def test_the_error_is_that_of_the_assigned_centroids(values: Values, k: int) -> None:
    found = cluster(values, k)
    scale = float(np.sum(values.astype(np.float64) ** 2))
    assert found.error == pytest.approx(recomputed_error(values, found), rel=1e-4, abs=1e-9 * scale)
    assert found.error >= -1e-9 * scale


@given(ARRAYS, COUNTS)
def test_as_many_clusters_as_distinct_values_are_exact(values: Values, k: int) -> None:
    distinct = np.unique(values)
    found = cluster(values, distinct.size + k - 1)
    np.testing.assert_array_equal(found.centroids, distinct)
    np.testing.assert_array_equal(found.centroids[found.assign(values)], values)
    assert found.error == 0


@given(ARRAYS, COUNTS)
def test_too_few_clusters_are_not_exact(values: Values, k: int) -> None:
    distinct = np.unique(values)
    if k < distinct.size and np.diff(distinct).min() > 1e-3:
        assert cluster(values, k).error > 0


@given(ARRAYS)
def test_one_cluster_is_the_mean(values: Values) -> None:
    found = cluster(values, 1)
    assert found.centroids == pytest.approx([values.astype(np.float64).mean()], abs=1e-9)
    assert found.borders.size == 0
    assert found.members.tolist() == [values.size]


@given(ARRAYS, COUNTS)
def test_the_order_of_the_values_does_not_matter(values: Values, k: int) -> None:
    one, other = cluster(values, k), cluster(values.reshape(-1)[::-1], k)
    np.testing.assert_array_equal(one.centroids, other.centroids)


@given(ARRAYS, COUNTS)
def test_the_values_stay_as_they_are(values: Values, k: int) -> None:
    before = values.copy()
    cluster(values, k)
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.5, 1e30, 1e-40])
@pytest.mark.parametrize("k", [1, 2, 100])
def test_a_constant_is_its_own_centroid(value: float, k: int) -> None:
    values = np.full((3, 4), value, dtype=np.float32)
    found = cluster(values, k)
    assert found.centroids.tolist() == [float(np.float32(value))]
    assert (found.members.tolist(), found.error) == ([12], 0)
    assert (found.assign(values) == 0).all()


def test_a_single_value() -> None:
    found = cluster(np.array([[3.0]]), 4)
    assert (found.centroids.tolist(), found.members.tolist(), found.error) == ([3.0], [1], 0)


def test_weights_far_from_zero_are_clustered_as_well_as_around_it() -> None:
    # Exactly representable at both places, so only the arithmetic can differ.
    near = np.random.default_rng(0).integers(-500, 500, 2_000) / 1_024
    far = near + 2.0**20
    assert recomputed_error(far, cluster(far, 16)) == pytest.approx(recomputed_error(near, cluster(near, 16)), rel=0.01)
    assert cluster(far, 16).error == pytest.approx(cluster(near, 16).error, rel=0.01)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_any_floating_point_type_is_clustered(dtype: Any) -> None:
    values = sample("normal", 500).astype(dtype)
    found = cluster(values, 8)
    assert found.centroids.dtype == np.float64
    assert found.error <= 1.01 * lowest_error(values, 8)
