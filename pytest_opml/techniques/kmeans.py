"""One-dimensional k-means for weights: sort once, then every step costs K binary searches.

In one dimension a cluster is an interval of the sorted values, so a Lloyd step needs no distances: the borders are the
midpoints between neighbouring centroids, ``searchsorted`` finds them in the sorted values, and differences of prefix
sums give the new means. Memory is a few vectors of the number of weights; nothing of weights x K is ever built.

Lloyd's steps alone end in a local optimum, 5 to 500 % above the best on heavy-tailed or small layers. Between descents
the clusters whose merging costs least are merged and those whose splitting gains most are split, until no exchange
pays; ``benchmarks/kmeans.py`` compares the result with the exact optimum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .kmeans_exact import Points, best_cuts

Vector = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

_DESCENT_STEPS = 300
_EXCHANGES = 60
_TOLERANCE = 1e-5
# Up to so many clusters the start is the best cut of that many cells a cluster, which take the place of the values.
_FEW_CLUSTERS = 256
_CELLS_PER_CLUSTER, _FEWEST_CELLS, _MOST_CELLS = 16, 1024, 2048
_POWER = 1 / 3
_POINTS_PER_CLUSTER = 16


class Clustering(NamedTuple):
    """Centroids (k,), ascending, the borders (k - 1,) between them, members (k,) and the summed squared error."""

    centroids: Vector
    borders: Vector
    members: Indices
    error: float

    def assign(self, values: npt.NDArray[Any]) -> Indices:
        """Return the index of the centroid of each value, in the shape of ``values``."""
        return np.searchsorted(self.borders, values)


class _Partition(NamedTuple):
    """The sorted values cut into runs: ``bounds`` (k + 1,), ``counts`` and ``means`` (k,), and the squared error."""

    bounds: Indices
    counts: Indices
    means: Vector
    error: float


class _SortedValues:
    def __init__(self, values: npt.NDArray[Any]) -> None:
        # Sorted in their own type, which is faster, then summed in float64, which millions of float32 need, and around
        # their mean, so that the difference of squares below keeps its digits. In place, as layers are large.
        self.values = np.sort(values, axis=None)
        self.centre = float(np.mean(self.values, dtype=np.float64))
        self.ordered: Vector = np.subtract(self.values, self.centre, dtype=np.float64)
        self.sums: Vector = np.zeros(self.ordered.size + 1)
        np.cumsum(self.ordered, out=self.sums[1:])
        self.squares = float(np.dot(self.ordered, self.ordered))

    def distinct(self) -> int:
        """How many distinct values there are."""
        return 1 + int(np.count_nonzero(self.values[1:] != self.values[:-1]))

    def start(self, k: int, power: float) -> Vector:
        """K positions whose density follows the values' density to a power: 0 is evenly spaced, 1 equal shares.

        A third is optimal for squared error at large K (Panter and Dite, 1951). The density is read off the gaps
        between every s-th value (density ~ 1 / gap), which unlike a histogram resolves heavy tails.
        """
        stride = max(1, self.ordered.size // (_POINTS_PER_CLUSTER * k))
        points = np.append(self.ordered[::stride], self.ordered[-1])
        mass = np.concatenate([[0.0], np.cumsum(np.diff(points) ** (1 - power))])
        return np.asarray(np.interp((np.arange(k) + 0.5) / k * mass[-1], mass, points))

    def best_of_cells(self, k: int) -> Vector:
        """K positions: the means of the best runs of cells that are narrow where the values are dense."""
        cells = int(np.clip(_CELLS_PER_CLUSTER * k, _FEWEST_CELLS, _MOST_CELLS))
        if self.ordered.size <= cells:
            bounds = np.arange(self.ordered.size + 1)
        else:
            bounds = self.partition(np.unique(self.start(cells, _POWER))).bounds
        squares = np.concatenate([[0.0], np.cumsum(np.diff(self.sums[bounds]) ** 2 / np.diff(bounds))])
        points = Points(bounds.astype(np.float64), self.sums[bounds], squares)
        cuts = bounds[best_cuts(points, min(k, bounds.size - 1))]
        return np.asarray(np.diff(self.sums[cuts]) / np.diff(cuts))

    def partition(self, centroids: Vector) -> _Partition:
        """The runs of values nearest to each of ``centroids``; runs without a value are left out."""
        cuts = np.searchsorted(self.ordered, (centroids[1:] + centroids[:-1]) / 2)
        bounds = np.unique(np.concatenate([[0], cuts, [self.ordered.size]]))
        counts = np.diff(bounds)
        means = np.diff(self.sums[bounds]) / counts
        # sum (x - mean)^2 = sum x^2 - sum n mean^2
        return _Partition(bounds, counts, means, self.squares - float(np.dot(counts, means**2)))

    def descend(self, centroids: Vector) -> _Partition:
        """Lloyd's steps until the squared error stops falling."""
        best = self.partition(centroids)
        for _ in range(_DESCENT_STEPS):
            step = self.partition(best.means)
            stalled = best.error - step.error <= _TOLERANCE * abs(step.error)
            best = step
            if stalled:
                break
        return best

    def exchange(self, part: _Partition, k: int, swaps: int) -> Vector:
        """Centroids after splitting the worst clusters, paid by unused centroids, then by up to ``swaps`` merges."""
        bounds, counts, means = part.bounds, part.counts, part.means
        middle = np.searchsorted(self.ordered, means)
        left, right = middle - bounds[:-1], bounds[1:] - middle
        parted = (left > 0) & (right > 0)
        low = np.where(parted, (self.sums[middle] - self.sums[bounds[:-1]]) / np.maximum(left, 1), means)
        high = np.where(parted, (self.sums[bounds[1:]] - self.sums[middle]) / np.maximum(right, 1), means)
        gain = left * right / counts * (high - low) ** 2
        cost = counts[:-1] * counts[1:] / (counts[:-1] + counts[1:]) * np.diff(means) ** 2

        spare, free = k - means.size, np.ones(means.size, dtype=bool)
        merges = iter(np.argsort(cost))
        pieces = [means]
        for split in np.argsort(-gain):
            if gain[split] <= 0:
                break
            if not free[split]:
                continue
            if spare:
                spare -= 1
            elif swaps:
                swaps -= 1
                pair = next((m for m in merges if free[m] and free[m + 1] and m != split and m + 1 != split), None)
                if pair is None or cost[pair] >= gain[split]:
                    break
                free[pair] = free[pair + 1] = False
                weights = counts[pair : pair + 2]
                pieces.append(np.array([np.dot(weights, means[pair : pair + 2]) / weights.sum()]))
            else:
                break
            free[split] = False
            pieces.append(np.array([low[split], high[split]]))
        return np.sort(np.concatenate([means[free], *pieces[1:]]))


def _optimise(data: _SortedValues, k: int, start: Vector) -> _Partition:
    """Descend from a start, exchanging clusters between descents until none pays."""
    best = data.descend(np.unique(start))
    swaps = k
    for _ in range(_EXCHANGES):
        candidate = data.descend(data.exchange(best, k, swaps))
        if candidate.error < best.error * (1 - _TOLERANCE):
            best = candidate
        elif swaps > 1:
            swaps = max(1, swaps // 4)  # many exchanges at once may spoil each other: try fewer
        else:
            break
    return best


def cluster(values: npt.NDArray[Any], k: int) -> Clustering:
    """Cluster values into at most ``k`` groups of small squared error.

    Args:
        values: any shape, at least one value, all finite.
        k: at least 1.

    Returns:
        The distinct values themselves where there are at most k, else a local optimum that no merge paid by a split
        improves.
    """
    data = _SortedValues(values)
    if data.distinct() <= k:
        ends = np.append(np.flatnonzero(data.values[1:] != data.values[:-1]), data.values.size - 1)
        centroids, members, error = data.values[ends].astype(np.float64), np.diff(ends, prepend=-1), 0.0
    else:
        start = data.best_of_cells(k) if k <= _FEW_CLUSTERS else data.start(k, _POWER)
        best = _optimise(data, k, start)
        centroids, members, error = best.means + data.centre, best.counts, best.error
    return Clustering(centroids, (centroids[1:] + centroids[:-1]) / 2, members, error)
