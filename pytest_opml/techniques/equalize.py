"""Cross-layer equalisation: channels that reach little are scaled up, and what takes them is scaled down.

Sources: M. Nagel et al., "Data-free quantization through weight equalization and bias correction", 2019, for what may
be scaled; G. Xiao et al., "SmoothQuant", 2023, for how far, from the ranges of activations. Weights have a scale for
each channel in every file here, and activations one for all channels: it is the latter that profit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ..errors import TechniqueError
from .base import Changes, ModelState, Technique, TrainingContext
from .channel_groups import nodes_of
from .model_function import Precision, tensors_of
from .tflite_converter import CALIBRATION_EXAMPLES, drawn

if TYPE_CHECKING:
    import keras

Floats = npt.NDArray[np.float32]

_BATCH = 25
# No channel is scaled further: one that hardly ever answers says little about its range.
_MOST = 16.0
# A bounded activation must stay this far below its bound on calibration data, before and after.
_MARGIN = 2.0
# What passes scaled channels on, scaled.
_PASSING = frozenset(
    (  # noqa: SIM905 - a list would take ten lines of one word each
        "Dropout SpatialDropout2D ZeroPadding2D Cropping2D MaxPooling2D AveragePooling2D GlobalAveragePooling2D "
        "GlobalMaxPooling2D Identity"
    ).split()
)
_PRODUCERS, _CONSUMERS = ("Conv2D", "DepthwiseConv2D", "Dense"), ("Conv2D", "DepthwiseConv2D", "Dense")
_INPUT_AXES = {"Conv2D": 2, "DepthwiseConv2D": 2, "Dense": 0}


class Pair(NamedTuple):
    """Two layers with nothing between them that scaling a channel would change.

    Attributes:
        producer: whose output channels are scaled.
        normalisation: the batch normalisation behind it; None where there is none.
        bound: that an activation between them is cut off at; infinite where none is.
        consumer: the layer that takes the channels.
        tensor: what it takes.
    """

    producer: Any
    normalisation: Any
    bound: float
    consumer: Any
    tensor: keras.KerasTensor


def pairs_of(model: keras.Model) -> Iterator[Pair]:
    """Return the pairs of a functional or sequential model, in the order of its graph.

    Every tensor between the two is used once, and by the layers named here alone; so are both layers.
    """
    nodes = nodes_of(model)
    origins = {id(tensor): node for node in nodes for tensor in node.outputs}
    uses: dict[int, int] = {}
    for tensor in [*model.outputs, *(tensor for node in nodes for tensor in node.input_tensors)]:
        uses[id(tensor)] = uses.get(id(tensor), 0) + 1
    calls: dict[int, int] = {}
    for node in nodes:
        calls[id(node.operation)] = calls.get(id(node.operation), 0) + 1
    for node in nodes:
        if type(node.operation).__name__ not in _CONSUMERS or not _is_plain(node.operation):
            continue
        bound, normalisation, tensor = np.inf, None, node.input_tensors[0]
        while uses[id(tensor)] == 1 and id(tensor) in origins and calls[id(origins[id(tensor)].operation)] == 1:
            operation, before = origins[id(tensor)].operation, origins[id(tensor)].input_tensors
            kind, own = type(operation).__name__, _bound_of(operation)
            if own is None or (normalisation is not None and kind not in _PRODUCERS):
                break
            bound = min(bound, own)
            if kind in _PRODUCERS:
                if _is_plain(operation) and calls[id(node.operation)] == 1:
                    yield Pair(operation, normalisation, bound, node.operation, node.input_tensors[0])
                break
            if kind == "BatchNormalization":
                if not operation.scale or operation.axis not in (-1, len(before[0].shape) - 1):
                    break
                normalisation = operation
            tensor = before[0]


def _is_plain(operation: Any) -> bool:
    """Whether each channel has its own place in the weights."""
    channels_last = getattr(operation, "data_format", "channels_last") == "channels_last"
    return channels_last and getattr(operation, "groups", 1) == 1 and getattr(operation, "depth_multiplier", 1) == 1


def _bound_of(operation: Any) -> float | None:
    """Where an operation cuts its input off; infinite for one that passes positive factors on, None for any other."""
    kind = type(operation).__name__
    if kind in _PASSING or kind == "BatchNormalization":
        return np.inf
    if kind == "ReLU":
        if float(operation.threshold):
            return None
        return np.inf if operation.max_value is None else float(operation.max_value)
    if kind == "LeakyReLU":
        return np.inf
    if kind in ("Activation", *_PRODUCERS):
        name = getattr(operation.activation, "__name__", "")
        return {"linear": np.inf, "relu": np.inf, "leaky_relu": np.inf, "relu6": 6.0}.get(name)
    return None


class Equalize(Technique):
    """``equalize``: channels between two layers scaled so that all of them use the range; the answers stay the same.

    A channel behind a bounded activation, such as ReLU6, is scaled only where it never comes near the bound on
    calibration data, and never beyond it: the activation stays what it is.
    """

    preserves_answers: ClassVar[Precision | None] = "float32"

    strength: float = Field(
        default=0.5, gt=0, le=1, description="how much of the difference goes into the weights that follow"
    )

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        pairs = list(pairs_of(state.model))
        if not pairs:
            raise TechniqueError("equalize: no two layers follow each other with only ReLU between them")
        scaled, largest, bounded = 0, 1.0, 0
        for pair, reach in zip(pairs, _reaches(state.model, pairs, context), strict=True):
            factors = self._factors(pair, reach)
            scaled += int(np.count_nonzero(factors != 1))
            bounded += int(np.count_nonzero(reach * _MARGIN > pair.bound))
            largest = max(largest, float(factors.max()), float(1 / factors.min()))
            scale_channels(pair, factors)
        if not scaled:
            raise TechniqueError("equalize: no channel can be scaled; nothing changed")
        changes: Changes = {
            "equalize.pairs": len(pairs),
            "equalize.channels_scaled": scaled,
            "equalize.channels_at_a_bound": bounded,
            "equalize.largest_factor": round(largest, 3),
        }
        return replace(state, changes=state.changes | changes)

    def _factors(self, pair: Pair, reach: Floats) -> Floats:
        """What each channel is multiplied with, a power of two, so that no weight is rounded."""
        alive = reach > 0
        if not alive.any():
            return np.ones_like(reach)
        missing = float(reach.max()) / np.where(alive, reach, 1)
        if type(pair.consumer).__name__ == "DepthwiseConv2D":  # has a scale for each channel of its weights, too
            factors = missing
        else:
            axis = _INPUT_AXES[type(pair.consumer).__name__]
            weights = np.abs(np.moveaxis(pair.consumer.kernel.numpy(), axis, 0)).reshape(len(reach), -1).max(axis=1)
            heaviest = weights / max(float(weights.max()), np.finfo(np.float32).tiny)
            factors = missing**self.strength * heaviest ** (1 - self.strength)
            factors /= factors[alive].min()
        most = np.minimum(_MOST, pair.bound / (_MARGIN * np.where(alive, reach, 1)))
        factors = np.where(alive, np.clip(factors, 1, np.maximum(most, 1)), 1)
        return np.asarray(np.exp2(np.floor(np.log2(factors))), np.float32)


def scale_channels(pair: Pair, factors: Floats) -> None:
    """Multiply the channels between two layers, and divide the weights that take them.

    Args:
        pair: the layers; they are changed in place.
        factors: of the channels, (channels,), more than 0.
    """
    after, producer = pair.consumer, pair.producer
    shape = [1] * len(after.kernel.shape)
    shape[_INPUT_AXES[type(after).__name__]] = -1
    after.kernel.assign(after.kernel.numpy() / factors.reshape(shape))
    if pair.normalisation is not None:
        variables = [pair.normalisation.gamma, *([pair.normalisation.beta] if pair.normalisation.center else [])]
    else:
        variables = [producer.kernel, *([producer.bias] if producer.use_bias else [])]
    for variable in variables:
        per_channel = factors
        if type(producer).__name__ == "DepthwiseConv2D" and variable is getattr(producer, "kernel", None):
            per_channel = factors[:, None]
        variable.assign(variable.numpy() * per_channel)


def _reaches(model: keras.Model, pairs: list[Pair], context: TrainingContext) -> list[Floats]:
    """The largest magnitude of each channel between the layers of each pair, on calibration examples."""
    import keras
    import tensorflow as tf

    part = keras.Model(model.inputs, [pair.tensor for pair in pairs])

    @tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator] # TensorFlow has no types
    def largest(*tensors: Any) -> list[Any]:
        outputs = part(list(tensors) if len(tensors) > 1 else tensors[0], training=False)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        return [tf.reduce_max(tf.abs(tensor), axis=list(range(len(tensor.shape) - 1))) for tensor in outputs]

    rows = drawn(context, CALIBRATION_EXAMPLES)
    reaches: list[Floats] = []
    for start in range(0, len(rows), _BATCH):
        batch = context.x_train.take(rows[start : start + _BATCH])
        now = [np.asarray(tensor.numpy(), np.float32) for tensor in largest(*tensors_of(model, batch))]
        reaches = [np.maximum(*both) for both in zip(reaches, now, strict=True)] if reaches else now
    return reaches
