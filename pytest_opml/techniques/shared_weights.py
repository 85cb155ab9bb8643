"""The weights of one layer on a few shared values, and what those values cost to store."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .kmeans import Clustering, cluster

_ROUNDING_COST = 0.10
_MANTISSA_BITS = 23
# Weights whose clusters are looked up at once, so that little is held besides the layer.
_CHUNK = 1 << 18
# Above this share of exact zeros a layer was pruned, and its zeros are worth more than a centroid beside them.
_PRUNED = 0.05

Weights = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class SharedWeights:
    """A layer's weights as ``values[labels]``.

    Attributes:
        values: at most K, float32; the first is exact zero where ``pruned``.
        labels: in the shape of the weights; 65,536 values are the most there can be.
        pruned: whether zeros stay zeros.
        bits: of the mantissa that the values were rounded to.
        error: summed squared difference to the weights as they were.
    """

    values: Weights
    labels: npt.NDArray[np.uint16]
    pruned: bool
    bits: int
    error: float

    def weights(self) -> Weights:
        """Return the layer's weights."""
        taken: Weights = self.values[self.labels]
        return taken


def round_mantissa(values: Weights, bits: int) -> Weights:
    """Return the nearest float32 values whose last ``23 - bits`` mantissa bits are zero."""
    dropped = _MANTISSA_BITS - bits
    if dropped <= 0:
        return values
    raw = values.view(np.uint32).astype(np.uint64)
    return ((raw + (1 << (dropped - 1))) >> dropped << dropped).astype(np.uint32).view(np.float32)


def storable_bits(clustering: Clustering) -> int:
    """As few mantissa bits as cost at most 10 % more squared error.

    A short mantissa leaves bytes that are zero, and a file that deflates better: Lite0 at K = 256 takes 4.4 instead of
    5.0 MB, at 2 % more root-mean-square error than the exact centroids have. Since each centroid is the mean of its
    members, moving it by d adds exactly members x d^2 to the error.
    """
    exact = clustering.centroids.astype(np.float32)
    for bits in range(4, _MANTISSA_BITS):
        moved = round_mantissa(exact, bits).astype(np.float64) - clustering.centroids
        if np.dot(clustering.members, moved**2) <= _ROUNDING_COST * clustering.error:
            return bits
    return _MANTISSA_BITS


def cluster_weights(weights: Weights, k: int) -> SharedWeights | None:
    """The weights on at most ``k`` values; None where they have no more than that already.

    Args:
        weights: of any shape, finite.
        k: 2 to 65,536; of a pruned layer zero is one of the values.
    """
    flat = weights.ravel()
    pruned = 0 < int(np.count_nonzero(flat)) <= (1 - _PRUNED) * flat.size
    clustering = cluster(flat[flat != 0] if pruned else flat, k - pruned)
    if clustering.error <= 0:
        return None
    bits = storable_bits(clustering)
    values = round_mantissa(clustering.centroids.astype(np.float32), bits)
    if pruned:
        values = np.concatenate([np.zeros(1, dtype=np.float32), values])
    labels, error = np.empty(flat.size, dtype=np.uint16), 0.0
    for start in range(0, flat.size, _CHUNK):
        part = flat[start : start + _CHUNK]
        nearest = clustering.assign(part)
        if pruned:
            nearest = np.where(part == 0, 0, nearest + 1)
        labels[start : start + _CHUNK] = nearest
        error += float(np.sum((values[nearest].astype(np.float64) - part) ** 2))
    return SharedWeights(values=values, labels=labels.reshape(weights.shape), pruned=pruned, bits=bits, error=error)


def round_clusters(shared: SharedWeights, trained: Weights) -> SharedWeights:
    """The same sharing with the values that training left, rounded as before."""
    values = shared.values.copy()
    values[shared.labels.ravel()] = trained.ravel()
    if shared.pruned:
        values[0] = 0
    return replace(shared, values=round_mantissa(values, shared.bits))


class ClusterMeans:
    """A constraint: after each step the weights of a cluster take the mean of what the step made of them.

    That is a step of the shared value by the mean of its members' steps; Han et al. sum their gradients, which differs
    by a factor that Adam takes out.
    """

    def __init__(self, shared: SharedWeights) -> None:
        self._labels, self._count, self._pruned = shared.labels, len(shared.values), shared.pruned

    def __call__(self, weights: object) -> object:
        """The weights, each at the mean of its cluster."""
        import tensorflow as tf

        labels = tf.constant(self._labels.ravel(), dtype=tf.int32)
        means = tf.math.unsorted_segment_mean(tf.reshape(weights, [-1]), labels, self._count)
        if self._pruned:
            means = tf.concat([tf.zeros(1), means[1:]], axis=0)
        return tf.reshape(tf.gather(means, labels), self._labels.shape)
