from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from pytest_opml.techniques.kmeans_segments import best_runs


def error_of(counts: np.ndarray, means: np.ndarray, bounds: np.ndarray) -> float:
    runs = [slice(*pair) for pair in pairwise(bounds)]
    return sum(float(np.cov(means[run], fweights=counts[run].astype(int), ddof=0) * counts[run].sum()) for run in runs)


@pytest.mark.parametrize("segments", [[0, 9], [0, 4, 9], [0, 1, 6, 9]])
@pytest.mark.parametrize("k", [3, 4, 6])
def test_no_other_cut_through_the_bounds_of_the_segments_is_better(segments: list[int], k: int) -> None:
    random = np.random.default_rng(k)
    counts, means = random.integers(2, 9, 9).astype(float), np.sort(random.standard_cauchy(9))
    bounds = best_runs(counts, means, np.array(segments), k, levels=9)
    assert set(segments) <= set(bounds.tolist())
    assert bounds.size == k + 1
    best = min(
        error_of(counts, means, np.array([0, *inner, 9]))
        for inner in combinations(range(1, 9), k - 1)
        if set(segments) <= {0, *inner, 9}
    )
    assert error_of(counts, means, bounds) == pytest.approx(best)


def test_segments_of_other_lengths_far_from_each_other_lose_no_digits() -> None:
    means = np.concatenate([np.arange(6) * 1e-6, 1e6 + np.array([0.0, 1.0])])
    bounds = best_runs(np.ones(8), means, np.array([0, 6, 8]), 4, levels=3)
    assert bounds.tolist() == [0, 3, 6, 7, 8] or bounds.tolist() == [0, 2, 4, 6, 8]


def test_no_more_runs_than_a_segment_may_have() -> None:
    means = np.concatenate([np.arange(10.0), 1e3 + np.arange(10.0) * 1e-3])
    assert best_runs(np.ones(20), means, np.array([0, 10, 20]), 8, levels=4).size == 9
