"""The best way to cut cells on a line into K runs, exact within segments of a few clusters each.

Between two cuts that stay, the best runs are found by dynamic programming (H. Wang, M. Song, "Ckmeans.1d.dp: optimal
k-means clustering in one dimension by dynamic programming", 2011), for every number of runs and for all segments at
once. The least error of a segment is convex in the number of its runs, so the K runs are best shared out by giving each
to the segment that gains most from it: clusters move to wherever on the line they are worth most.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

# Numbers that the table of errors of so many segments holds; what else is needed is a few times that.
_MOST_NUMBERS = 1 << 20


class _Runs(NamedTuple):
    """Of each segment: the least errors (levels, s) by number of runs, where its last runs start (levels, s, l + 1)."""

    errors: Vector
    starts: npt.NDArray[np.int16]


def best_runs(counts: Vector, means: Vector, segments: Indices, k: int, levels: int) -> Indices:
    """Return the bounds of runs of cells of small squared error, ascending, the first and the last cell included.

    Args:
        counts: (m,) values in each cell, at least one.
        means: (m,) of each cell, ascending.
        segments: (s + 1,) indices of cells, ascending from 0 to m: each is a bound of a run.
        k: how many runs, at least s.
        levels: how many runs a segment may have at most.
    """
    lengths = np.diff(segments)
    longest = int(lengths.max())
    levels = min(levels, longest, k - lengths.size + 1)
    part = max(1, _MOST_NUMBERS // (longest + 1) ** 2)
    parts = [
        _runs_of(counts, means, segments[first : first + part + 1], longest, levels)
        for first in range(0, lengths.size, part)
    ]
    errors = np.concatenate([runs.errors for runs in parts], axis=1)
    gains = errors[:-1] - errors[1:]
    most = np.argsort(-gains, axis=None, kind="stable")[: k - lengths.size]
    runs = 1 + np.bincount(most % lengths.size, minlength=lengths.size)
    starts = np.concatenate([runs.starts for runs in parts], axis=1)
    position, numbers, bounds = lengths.copy(), np.arange(lengths.size), [segments]
    for level in range(levels - 1, 0, -1):
        cut = runs > level
        position[cut] = starts[level, numbers[cut], position[cut]]
        bounds.append((segments[:-1] + position)[cut])
    return np.unique(np.concatenate(bounds))


def _runs_of(counts: Vector, means: Vector, segments: Indices, longest: int, levels: int) -> _Runs:
    lengths = np.diff(segments)
    costs = _costs(counts, means, segments, longest)
    numbers = np.arange(lengths.size)
    errors = np.empty((levels, lengths.size))
    starts = np.zeros((levels, lengths.size, longest + 1), dtype=np.int16)
    least = costs[:, :, 0].copy()
    errors[0] = least[numbers, lengths]
    for level in range(1, levels):
        tried = costs + least[:, None, :]
        starts[level] = tried.argmin(axis=2)
        least = np.take_along_axis(tried, starts[level][:, :, None].astype(np.intp), axis=2)[:, :, 0]
        errors[level] = least[numbers, lengths]
    return _Runs(errors, starts)


def _costs(counts: Vector, means: Vector, segments: Indices, longest: int) -> Vector:
    """Squared error (s, end, start) of the run of cells [start, end) of a segment; cells behind its own weigh nothing.

    The mean of the segment's middle cell is subtracted before anything is squared, so that few digits are lost where
    the values of other segments are large.
    """
    lengths = np.diff(segments)
    cells = np.minimum(segments[:-1, None] + np.arange(longest), counts.size - 1)
    weights = np.where(np.arange(longest) < lengths[:, None], counts[cells], 0.0)
    places = means[cells] - means[segments[:-1] + lengths // 2][:, None]

    def differences(parts: Vector) -> Vector:
        sums = np.zeros((lengths.size, longest + 1))
        np.cumsum(parts, axis=1, out=sums[:, 1:])
        return sums[:, :, None] - sums[:, None, :]

    total = differences(weights)
    costs = differences(weights * places) ** 2
    np.divide(costs, total, out=costs, where=total > 0)
    np.subtract(differences(weights * places**2), costs, out=costs)
    np.maximum(costs, 0.0, out=costs)
    costs[total <= 0] = 0.0
    costs[:, np.arange(longest + 1)[:, None] < np.arange(longest + 1)] = np.inf
    return costs
