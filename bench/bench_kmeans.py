"""Native one-dimensional k-means: how long, how much memory, how far from the optimum.

Run as a program (``python bench/bench_kmeans.py``); the figures and the machine are in ``docs/techniques.md``.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time

import numpy as np

from pytest_opml.techniques.kmeans import cluster

WEIGHTS = 2_400_000


def _exact_error(values: np.ndarray, k: int) -> float:
    """The least squared error by dynamic programming over the sorted values, O(k n^2)."""
    ordered = np.sort(values.astype(np.float64))
    sums, squares = (np.concatenate([[0.0], np.cumsum(ordered**power)]) for power in (1, 2))
    ends = np.arange(1, ordered.size + 1)
    best = squares[ends] - sums[ends] ** 2 / ends
    for _ in range(1, k):
        step = best.copy()
        for end in range(2, ordered.size + 1):
            starts = np.arange(1, end)
            total, square = sums[end] - sums[starts], squares[end] - squares[starts]
            step[end - 1] = min(step[end - 1], np.min(best[starts - 1] + square - total**2 / (end - starts)))
        best = step
    return float(best[-1])


def _speed(k: int, rounds: int) -> None:
    weights = (np.random.default_rng(0).standard_t(5, WEIGHTS) * 0.05).astype(np.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        found = cluster(weights, k)
        found.assign(weights)
        seconds.append(time.perf_counter() - started)
    added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(
        f"{WEIGHTS:,} weights, K = {k}: median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s, "
        f"{added / 1e6:.0f} MB added at the peak ({added / weights.nbytes:.1f} times the weights; "
        f"weights x K would take {weights.size * k * 4 / 1e9:.0f} GB)"
    )


def _quality() -> None:
    random = np.random.default_rng(0)
    for name, values in (
        ("normal", random.normal(size=2000)),
        ("Laplace", random.laplace(size=2000)),
        ("t, 3 degrees", random.standard_t(3, 2000)),
    ):
        data = values.astype(np.float32)
        excess = [f"K = {k}: {cluster(data, k).error / _exact_error(data, k) - 1:.1%}" for k in (8, 32, 64)]
        print(f"above the optimum, 2,000 {name} weights: {', '.join(excess)}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    _speed(256, options.rounds)
    _speed(8192, options.rounds)
    _quality()


if __name__ == "__main__":
    main()
