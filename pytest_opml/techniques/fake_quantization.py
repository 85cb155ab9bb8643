"""A Keras model that computes as its 8-bit form will: weights and activations rounded to what 8 bits can hold.

Source: B. Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
2018. Where the rounding goes follows TFLite's kernels: weights have a scale for each output channel, from the largest
of them; a convolution, the normalisation after it and a ReLU after that are one kernel, so only what comes out at the
end is rounded. Gradients pass the rounding as if it were not there. What TensorFlow traces of such a model tells its
converter the ranges, so the file computes what was trained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..tensors import Batch
from .model_function import call, tensors_of

if TYPE_CHECKING:
    import keras

# Kernels that TFLite rounds channel by channel, and the axes of their channels.
_CHANNELS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "Dense": {"kernel": (1,)},
    "Conv1D": {"kernel": (2,)},
    "Conv2D": {"kernel": (3,)},
    "Conv2DTranspose": {"kernel": (2,)},
    "DepthwiseConv1D": {"kernel": (1, 2)},
    "DepthwiseConv2D": {"kernel": (2, 3)},
    "SeparableConv1D": {"depthwise_kernel": (1, 2), "pointwise_kernel": (2,)},
    "SeparableConv2D": {"depthwise_kernel": (2, 3), "pointwise_kernel": (3,)},
}
# What hands on numbers that are rounded already.
_PASSING = frozenset(
    (
        *("ActivityRegularization", "Dropout", "GaussianDropout", "GaussianNoise", "Identity", "SpatialDropout1D"),
        *("SpatialDropout2D", "Flatten", "Reshape", "Permute", "RepeatVector", "Cast", "InputLayer", "Squeeze"),
        *("Cropping1D", "Cropping2D", "ExpandDims", "GetItem", "MaxPooling1D", "MaxPooling2D", "Transpose"),
        *("UpSampling1D", "ZeroPadding1D", "ZeroPadding2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D"),
    )
)
_NORMALIZATION = "BatchNormalization"
_RELU = ("relu", "relu6")
_BITS = 8

Range = tuple[float, float]
# Where an operation is rounded: what it takes of the model's inputs, what goes into its activation or its last sum, and
# what it gives.
Place = Literal["input", "inside", "output"]
At = Callable[[Place, Any], Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class RoundedLayer:
    """A layer or an operation of a model, and what of it is rounded.

    Attributes:
        operation: the layer, or the operation without a layer.
        kernels: its variables that are, with the axes of their channels.
        places: where else it is.
        bits: of a weight of its kernels.
    """

    operation: Any
    kernels: tuple[tuple[Any, tuple[int, ...]], ...]
    places: frozenset[Place]
    bits: int = _BITS


Ranges = Mapping[tuple[Any, Place], Range]


def rounded_layers(model: keras.Model) -> list[RoundedLayer]:
    """Return what of a functional or sequential model, and the models in it, 8 bits will round; nothing is changed."""
    rounded = []
    for operation, consumers, takes_input in _operations(model):
        kind = type(operation).__name__
        kernels = tuple((getattr(operation, name), axes) for name, axes in _CHANNELS.get(kind, {}).items())
        places: set[Place] = set()
        if takes_input:
            places.add("input")
        if _has_activation_of_its_own(operation) or (kind == "Rescaling" and np.any(operation.offset)):
            places.add("inside")
        if kind not in _PASSING and not _goes_on(operation, consumers):
            places.add("output")
        if kernels or places:
            rounded.append(RoundedLayer(operation=operation, kernels=kernels, places=frozenset(places)))
    return rounded


def _operations(model: Any) -> Iterator[tuple[Any, list[Any], bool]]:
    """Every operation of a model but its inputs, those that take what it gives, and whether it takes an input."""
    graph = getattr(model, "_functional", None) or model  # a sequential model holds one
    inputs = [operation for operation in graph.operations if type(operation).__name__ == "InputLayer"]
    of_inputs = [consumer for one in inputs for consumer in _consumers(one, graph)]
    for operation in graph.operations:
        if hasattr(operation, "layers"):
            yield from _operations(operation)
        elif operation not in inputs:
            yield operation, _consumers(operation, graph), operation in of_inputs


def _consumers(operation: Any, graph: Any) -> list[Any]:
    return [node.operation for node in operation._outbound_nodes if node.operation in graph.operations]


def _has_activation_of_its_own(operation: Any) -> bool:
    """Whether a layer with a kernel ends in an activation that is another one in TFLite: any but ReLU."""
    activation = getattr(getattr(operation, "activation", None), "__name__", "linear")
    return type(operation).__name__ in _CHANNELS and activation not in ("linear", *_RELU)


def _goes_on(operation: Any, consumers: list[Any]) -> bool:
    """Whether the kernel of an operation goes on with what takes its output, so that this is never rounded."""
    activation = getattr(getattr(operation, "activation", None), "__name__", "linear")
    if len(consumers) != 1 or activation != "linear":
        return False
    consumer = consumers[0]
    kind = type(consumer).__name__
    if kind == _NORMALIZATION:
        return type(operation).__name__ in _CHANNELS
    named = getattr(getattr(consumer, "activation", None), "__name__", "") if kind == "Activation" else ""
    return kind in ("ReLU", "Relu", "Relu6") or named in _RELU


@contextmanager
def _called_as(operation: Any, function: Callable[..., Any]) -> Iterator[None]:
    """Call an operation by another function while the block runs."""
    before = vars(operation).get("call")
    operation.call = function
    try:
        yield
    finally:
        if before is None:
            del operation.call
        else:
            operation.call = before


def ranges_of(model: keras.Model, layers: list[RoundedLayer], batches: Iterable[Batch]) -> Ranges:
    """Return the least and the largest number at each place that is rounded, for some examples.

    Zero is in each range, since 8 bits must hold it exactly. Pixels have theirs whatever the examples hold.
    """
    seen: dict[tuple[Any, Place], Range] = {}

    def watch(operation: Any) -> At:
        def at(place: Place, tensor: Any) -> Any:
            numbers = np.asarray(tensor)
            if numbers.dtype == np.uint8:
                seen[operation, place] = (0.0, 255.0)
            elif numbers.dtype.kind == "f" and numbers.size:
                low, high = seen.get((operation, place), (0.0, 0.0))
                seen[operation, place] = min(low, float(numbers.min())), max(high, float(numbers.max()))
            return tensor

        return at

    with ExitStack() as stack:
        for layer in layers:
            stack.enter_context(_called_as(layer.operation, _in_parts(layer, watch(layer.operation))))
        for batch in batches:
            call(model, tensors_of(model, batch))
    return seen


@contextmanager
def emulated(layers: list[RoundedLayer], ranges: Ranges) -> Iterator[None]:
    """While the block runs, compute as the model's 8-bit form; whatever shares its layers does likewise.

    Args:
        layers: of the model; what is traced in the block, as by ``fit``, keeps the rounding.
        ranges: of the places that are rounded; others are left as they are.
    """
    import tensorflow as tf

    def rounding(operation: Any) -> At:
        def at(place: Place, tensor: Any) -> Any:
            low, high = ranges.get((operation, place), (0.0, 0.0))
            if high <= low or tensor.dtype != tf.float32:
                return tensor
            return tf.quantization.fake_quant_with_min_max_args(tensor, low, high, num_bits=_BITS)

        return at

    with ExitStack() as stack:
        for layer in layers:
            stack.enter_context(_called_as(layer.operation, _in_parts(layer, rounding(layer.operation), rounds=True)))
        yield


def _in_parts(layer: RoundedLayer, at: At, *, rounds: bool = False) -> Callable[..., Any]:
    """A function that computes as a layer does, with ``at`` applied at its places, and its kernels rounded if so."""
    operation, original, places = layer.operation, layer.operation.call, layer.places

    def called(*arguments: Any, **named: Any) -> Any:
        if not rounds or not layer.kernels:
            return original(*arguments, **named)
        return _with_rounded_kernels(layer, lambda: original(*arguments, **named))

    def in_parts(*arguments: Any, **named: Any) -> Any:
        if "input" in places and arguments and hasattr(arguments[0], "dtype"):
            arguments = (at("input", arguments[0]), *arguments[1:])
        if "inside" in places and type(operation).__name__ == "Rescaling":
            product = _times(operation, arguments[0])
            return at("output", at("inside", product) + operation.offset)
        if "inside" in places:
            return _activated(operation, at, lambda: called(*arguments, **named))
        output = called(*arguments, **named)
        return at("output", output) if "output" in places else output

    return in_parts


def _activated(operation: Any, at: At, called: Callable[[], Any]) -> Any:
    """What a layer gives, with the figures before its activation apart; only these where that is taken off for now."""
    import keras

    activation, operation.activation = operation.activation, keras.activations.linear
    try:
        figures = at("inside", called())
    finally:
        operation.activation = activation
    return figures if activation is keras.activations.linear else at("output", activation(figures))


def _times(rescaling: Any, tensor: Any) -> Any:
    import keras

    return keras.ops.cast(tensor, rescaling.compute_dtype) * rescaling.scale


def _with_rounded_kernels(layer: RoundedLayer, called: Callable[[], Any]) -> Any:
    import keras

    values = {id(variable): variable.value for variable in layer.operation.weights}
    for variable, axes in layer.kernels:
        values[id(variable)] = rounded_kernel(variable.value, axes, layer.bits)
    with keras.StatelessScope(state_mapping=[(one, values[id(one)]) for one in layer.operation.weights]):
        return called()


def round_kernels(layers: list[RoundedLayer]) -> None:
    """Give the kernels of layers the values that they are rounded to."""
    for layer in layers:
        for variable, axes in layer.kernels:
            variable.assign(rounded_kernel(variable.value, axes, layer.bits))


def in_4_bits(layers: list[RoundedLayer]) -> list[RoundedLayer]:
    """Return layers with weights of 4 bits where ``int4`` has them: not depthwise, and neither the first nor last."""
    able = [layer for layer in layers if type(layer.operation).__name__ in ("Conv1D", "Conv2D", "Dense")][1:-1]
    return [replace(layer, bits=4) if layer in able else layer for layer in layers]


def rounded_kernel(kernel: Any, axes: tuple[int, ...], bits: int = _BITS) -> Any:
    """Return a kernel rounded to whole multiples of its channels' scales: the largest magnitude is 127 of them.

    Args:
        kernel: a tensor.
        axes: of its channels.
        bits: of a weight; with 4 the largest magnitude is 7 scales.
    """
    import tensorflow as tf

    others = [axis for axis in range(len(kernel.shape)) if axis not in axes]
    largest = tf.reduce_max(tf.abs(tf.stop_gradient(kernel)), axis=others, keepdims=True)
    scale = tf.maximum(largest, 1e-30) / (2 ** (bits - 1) - 1)
    return kernel + tf.stop_gradient(tf.round(kernel / scale) * scale - kernel)
