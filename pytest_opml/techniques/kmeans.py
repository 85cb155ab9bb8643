"""One-dimensional k-means for weights: sort once, then every step costs K binary searches.

In one dimension a cluster is an interval of the sorted values, so a Lloyd step needs no distances: the borders are the
midpoints between neighbouring centroids, ``searchsorted`` finds them in the sorted values, and differences of prefix
sums give the new means. Memory is a few vectors of the number of weights; nothing of weights x K is ever built.

Lloyd's steps alone end in a local optimum, 5 to 500 % above the best on heavy-tailed or small layers. Between descents
each cluster is cut into some ten cells, and the best clusters of these are found anew, exactly within segments of a few
clusters, which change from round to round; ``benchmarks/kmeans.py`` compares the result with the exact optimum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .kmeans_segments import best_runs

Vector = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

_DESCENT_STEPS = 300
_TOLERANCE = 1e-5
_POWER = 1 / 3
_POINTS_PER_CLUSTER = 16
# Rounds of cells end when two of them, with other segments, have each gained less than this share of the error.
_LEAST_GAIN = 5e-4
# A cluster has so many cells of equal counts and so many of equal widths; few clusters have more.
_CELLS_OF_ALL = 160
# How many times its clusters a segment may have after a round.
_GROWTH = 2


class _Effort(NamedTuple):
    """How many clusters a segment has, how many cells of either kind a cluster, and the most rounds."""

    segment: int
    cells: int
    rounds: int = 20


# By the most clusters that they are for. Wide segments move clusters far, many cells find places where many values are
# the same.
_EFFORTS = {
    512: (_Effort(12, 5), _Effort(4, 18)),
    2048: (_Effort(6, 3),),
    65_536: (_Effort(6, 3, rounds=2),),
}


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

    def cells(self, bounds: Indices, number: int) -> Indices:
        """Bounds of cells within the runs between ``bounds``: ``number`` of equal counts, as many of equal widths.

        The first resolve where most values are, the others small groups far from each other.
        """
        first, last = bounds[:-1, None], bounds[1:, None]
        by_count = first + (last - first) * np.arange(number) // number
        low, high = self.ordered[first], self.ordered[last - 1]
        by_width = np.searchsorted(self.ordered, low + (high - low) * (np.arange(1, number + 1) / (number + 1)))
        return np.unique(np.concatenate([by_count.ravel(), by_width.ravel(), bounds]))

    def recut(self, part: _Partition, k: int, shift: int, effort: _Effort) -> Vector:
        """Centroids of at most ``k`` clusters, of small error among all whose borders are those of cells.

        Args:
            part: than which the result is no worse.
            k: how many clusters there may be.
            shift: the first of its inner bounds that ends a segment.
            effort: of the search.
        """
        cells = self.cells(part.bounds, max(effort.cells, _CELLS_OF_ALL // part.bounds.size))
        inner = np.arange(shift, part.counts.size, effort.segment)
        fixed = np.concatenate([[0], inner, [part.counts.size]])
        counts = np.diff(cells).astype(np.float64)
        segments = np.searchsorted(cells, part.bounds[fixed])
        means = np.diff(self.sums[cells]) / counts
        bounds = cells[best_runs(counts, means, segments, k, _GROWTH * effort.segment)]
        return np.asarray(np.diff(self.sums[bounds]) / np.diff(bounds))


def _optimise(data: _SortedValues, k: int) -> _Partition:
    """Cut anew and descend until that gains no more."""
    best = data.descend(np.unique(data.start(k, _POWER)))
    for effort in next((efforts for most, efforts in _EFFORTS.items() if k <= most), _EFFORTS[65_536]):
        idle = 0
        for turn in range(effort.rounds):
            candidate = data.descend(data.recut(best, k, effort.segment // (1 + turn % 2), effort))
            idle = 0 if best.error - candidate.error > _LEAST_GAIN * abs(candidate.error) else idle + 1
            if candidate.error < best.error:
                best = candidate
            if idle == 2:
                break
    return best


def cluster(values: npt.NDArray[Any], k: int) -> Clustering:
    """Cluster values into at most ``k`` groups of small squared error.

    Args:
        values: any shape, at least one value, all finite.
        k: at least 1.

    Returns:
        The distinct values themselves where there are at most k, else clusters whose error is within 1 % of the least
        there is on all shapes tried.
    """
    data = _SortedValues(values)
    if data.distinct() <= k:
        ends = np.append(np.flatnonzero(data.values[1:] != data.values[:-1]), data.values.size - 1)
        centroids, members, error = data.values[ends].astype(np.float64), np.diff(ends, prepend=-1), 0.0
    else:
        best = _optimise(data, k)
        centroids, members, error = best.means + data.centre, best.counts, best.error
    return Clustering(centroids, (centroids[1:] + centroids[:-1]) / 2, members, error)
