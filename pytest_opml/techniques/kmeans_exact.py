"""The best way to cut weighted points on a line into K runs, by dynamic programming.

Source: H. Wang, M. Song, "Ckmeans.1d.dp: optimal k-means clustering in one dimension by dynamic programming", 2011. The
best last cut moves to the right with the last point, so the cuts of every other point bound those between them; here
each such level is one pass over arrays instead of a recursion.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


class Points(NamedTuple):
    """Prefix sums (n + 1,) of the weights of points on a line, of weight times place, and of weight times square."""

    weights: Vector
    sums: Vector
    squares: Vector

    def errors(self, starts: Indices, ends: Indices) -> Vector:
        """Return squared error of the runs [start, end) around their means; each must hold a point."""
        total = self.sums[ends] - self.sums[starts]
        square = self.squares[ends] - self.squares[starts]
        return np.maximum(square - total**2 / (self.weights[ends] - self.weights[starts]), 0.0)


def best_cuts(points: Points, k: int) -> Indices:
    """Return the k + 1 bounds of the runs with the least summed squared error.

    Time is O(k n log n) in vectorised passes, memory O(k n) of small integers.

    Args:
        points: at least k of them, ascending.
        k: at least 1.
    """
    size = points.weights.size - 1
    ends = np.arange(1, size + 1)
    errors = np.concatenate([[np.inf], points.errors(np.zeros(size, dtype=np.intp), ends)])
    choices = np.zeros((k, size + 1), dtype=np.int32)
    for run in range(1, k):
        errors, choices[run] = _next_run(points, errors, run)
    bounds = np.empty(k + 1, dtype=np.intp)
    bounds[k] = size
    for run in range(k - 1, -1, -1):
        bounds[run] = choices[run, bounds[run + 1]] if run else 0
    return bounds


def _next_run(points: Points, before: Vector, run: int) -> tuple[Vector, Indices]:
    """For each end: the least error with one run more than ``before`` was for, and where that last run starts."""
    size = before.size - 1
    errors = np.full(size + 1, np.inf)
    starts = np.zeros(size + 1, dtype=np.intp)
    # Every run holds a point, so the first end is run + 1. Ends that are solved bound where the last runs of their
    # neighbours start; an end that does not exist bounds nothing.
    low, high = np.full(size + 2, run, dtype=np.intp), np.full(size + 2, size - 1, dtype=np.intp)
    count = size - run
    step = 1 << max(0, count.bit_length() - 1)
    while step:
        ends = run + np.arange(step, count + 1, 2 * step)
        left, right = low[ends - step], np.minimum(high[np.minimum(ends + step, size + 1)], ends - 1)
        _solve(points, before, ends, left, right, errors, starts)
        low[ends] = high[ends] = starts[ends]
        step //= 2
    return errors, starts


def _solve(
    points: Points, before: Vector, ends: Indices, left: Indices, right: Indices, errors: Vector, starts: Indices
) -> None:
    """Fill in the best start in [left, right] of the run up to each end."""
    lengths = right - left + 1
    offsets = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    tried = np.arange(lengths.sum()) - np.repeat(offsets - left, lengths)
    errors_tried = before[tried] + points.errors(tried, np.repeat(ends, lengths))
    least = np.minimum.reduceat(errors_tried, offsets)
    hits = np.flatnonzero(errors_tried == np.repeat(least, lengths))
    first_hit = hits[np.searchsorted(hits, offsets)]
    errors[ends], starts[ends] = least, tried[first_hit]
