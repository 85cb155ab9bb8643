"""What the layers that take in channels get from them: means and covariances over training examples.

With these the weights of a layer can be worked out anew for the channels that it is left with, and it is known what
leaving out a channel costs after that, without a step of training.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..runtimes.keras_graph import structure_of
from .channel_groups import nodes_of
from .model_function import call, tensors_of

if TYPE_CHECKING:
    import keras

    from ..datasets.input_set import InputSet
    from ..tensors import Batch

Matrix = npt.NDArray[np.float64]

# A covariance of this width takes 42 MB; 3 x 3 convolutions over up to 256 channels have one.
_WIDEST = 2304
_ROWS_A_BATCH = 8192
EXAMPLES, _BATCH = 1024, 64


@dataclass(frozen=True)
class Moments:
    """Of the rows of numbers that a layer multiplies with its kernel, written as a matrix (width, filters).

    Attributes:
        mean: (width,).
        covariance: (width, width); None where the layer is too wide for one (2,304).
    """

    mean: Matrix
    covariance: Matrix | None


def examples_for_moments(inputs: InputSet, seed: int) -> Iterator[Batch]:
    """Return 1,024 training examples in batches, or all where there are fewer."""
    chosen = np.random.default_rng(seed).permutation(len(inputs))[:EXAMPLES]
    return (inputs.take(chosen[start : start + _BATCH]) for start in range(0, len(chosen), _BATCH))


def moments_of(model: keras.Model, names: Iterable[str], batches: Iterable[Batch]) -> dict[str, Moments]:
    """Return the moments of what layers take in.

    Args:
        model: functional or sequential.
        names: of convolutions and dense layers that are used once.
        batches: of examples.
    """
    import keras
    import tensorflow as tf

    wanted = set(names)
    nodes = [node for node in nodes_of(model) if node.operation.name in wanted]
    if not nodes:
        return {}
    source = keras.Model(structure_of(model), [node.input_tensors[0] for node in nodes])
    layers = [node.operation for node in nodes]

    def sums(*tensors: Any) -> Any:
        taken = keras.tree.flatten(call(source, tensors))
        return [_sums(_rows(layer, tensor)) for layer, tensor in zip(layers, taken, strict=True)]

    graph, totals = tf.function(sums, autograph=False, reduce_retracing=True), list[list[Matrix]]()
    for batch in batches:
        parts = [[np.asarray(part, np.float64) for part in of_layer] for of_layer in graph(*tensors_of(model, batch))]
        totals = [_added(*pair) for pair in zip(totals, parts, strict=True)] if totals else parts
    return {layer.name: _moments(total) for layer, total in zip(layers, totals, strict=True)}


def _width(layer: Any) -> int:
    return int(np.prod(layer.kernel.shape[:-1]))


def _rows(layer: Any, tensor: Any) -> Any:
    """What the layer multiplies with its kernel, in rows (n, width); of few examples where positions are many."""
    import tensorflow as tf

    positions = tf.reduce_prod(tf.shape(tensor)[1:-1]) // int(np.prod(getattr(layer, "strides", (1,))))
    tensor = tf.cast(tensor[: tf.maximum(1, _ROWS_A_BATCH // tf.maximum(1, positions))], tf.float32)
    if len(layer.kernel.shape) == 4 and tuple(layer.kernel.shape[:2]) == (1, 1):
        rows, columns = layer.strides
        tensor = tensor[:, ::rows, ::columns]
    elif len(layer.kernel.shape) == 4:
        sides, strides, rates = layer.kernel.shape[:2], layer.strides, layer.dilation_rate
        tensor = tf.image.extract_patches(
            tensor, [1, *sides, 1], [1, *strides, 1], [1, *rates, 1], layer.padding.upper()
        )
    return tf.reshape(tensor, [-1, _width(layer)])


def _sums(rows: Any) -> list[Any]:
    import tensorflow as tf

    sums = [tf.cast(tf.shape(rows)[0], tf.float32), tf.reduce_sum(rows, axis=0)]
    return [*sums, tf.matmul(rows, rows, transpose_a=True)] if rows.shape[1] <= _WIDEST else sums


def _added(first: Sequence[Matrix], second: Sequence[Matrix]) -> list[Matrix]:
    return [one + another for one, another in zip(first, second, strict=True)]


def _moments(totals: Sequence[Matrix]) -> Moments:
    count, total, *squares = totals
    mean = total / count
    return Moments(mean, squares[0] / count - np.outer(mean, mean) if squares else None)
