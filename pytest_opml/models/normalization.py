"""Batch normalisation of networks that are trained on: which statistics hold, and working them out anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.input_set import InputSet
from ..progress import report_progress
from .streams import examples_for

if TYPE_CHECKING:
    import keras

# Means over some thousand examples change no more in the digits that count.
_EXAMPLES = 2_048
# TensorFlow's fused operation takes at least so much, as cuDNN does, and says nothing where it takes more than given.
_LEAST_EPSILON = 1.001e-5


def normalizations(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Return the layers of batch normalisation in a model and in the models and layers in it."""
    import keras

    return [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]


def has_statistics(layer: keras.layers.BatchNormalization) -> bool:
    """Whether a layer has statistics of data, and not those that a fresh layer has."""
    mean, variance = np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)
    return bool((mean != 0).any() or (variance != 1).any())


@contextmanager
def fixed_statistics(model: keras.Model) -> Iterator[list[str]]:
    """While the block runs, let batch normalisation that was trained before use its own statistics in training too.

    Its scale and offset can still be trained. A fresh layer learns its statistics as it always does. Nothing is
    rebuilt: variables stay the same objects, and whatever shares the layers sees the same. What is traced in the block,
    as by ``fit``, keeps it.

    Args:
        model: of Keras 3; its layers are as before afterwards.

    Yields:
        The names of the layers whose statistics are fixed.
    """
    fixed = [layer for layer in normalizations(model) if has_statistics(layer)]
    with ExitStack() as stack:
        for layer in fixed:
            stack.enter_context(_called_by(layer, _fused(layer)))
        yield [layer.name for layer in fixed]


@contextmanager
def _called_by(layer: Any, called: Callable[..., Any]) -> Iterator[None]:
    """Let a function answer for a layer while the block runs."""
    before = vars(layer).get("call")  # it may be called by another function already
    layer.call = called
    try:
        yield
    finally:
        if before is None:
            del layer.call
        else:
            layer.call = before


def _own(layer: Any, *, training: bool) -> Callable[..., Any]:
    """Return what calls a layer as in training or as outside of it, whatever the model is called as."""
    call, as_training = layer.call, training

    def called(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # noqa: ARG001 - Keras gives it
        return call(inputs, training=as_training, mask=mask)

    return called


def _fused(layer: Any) -> Callable[..., Any]:
    """Return what normalises by a layer's own statistics, in one operation of TensorFlow where it has one for it.

    Keras multiplies, adds, and sums up twice for the gradients, with all values in memory each time: with that, a step
    of training a small network took a quarter longer.
    """
    import tensorflow as tf

    own, names = _own(layer, training=False), ("gamma", "beta", "moving_mean", "moving_variance")
    fits = layer.axis in (-1, 3) and layer.scale and layer.center and layer.epsilon > _LEAST_EPSILON
    fits = fits and "call" not in vars(layer) and layer.compute_dtype == layer.variable_dtype == "float32"

    def called(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # noqa: ARG001 - Keras gives them
        if not fits or len(inputs.shape) != 4:
            return own(inputs, mask=mask)
        scale, offset, mean, variance = (tf.convert_to_tensor(getattr(layer, name)) for name in names)
        normalized, _, _ = tf.compat.v1.nn.fused_batch_norm(
            inputs, scale, offset, mean, variance, layer.epsilon, is_training=False
        )
        return normalized

    return called


def reestimate_statistics(model: keras.Model, inputs: InputSet, batch: int, *, seed: int = 0) -> int:
    """Work out the statistics of batch normalisation anew, where the network before it has changed.

    They become the means over batches, each as the layers before it, with the statistics of the batch, give it. All
    else is as outside of training.

    Args:
        model: functional or sequential; changed in place.
        inputs: examples, of which some 2,000 are used.
        batch: examples at a time.
        seed: of which examples these are.

    Returns:
        How many layers there are of it.
    """
    import tensorflow as tf

    layers = normalizations(model)
    if not layers:
        return 0
    chosen = np.random.default_rng(seed).permutation(len(inputs))[: max(_EXAMPLES, batch)]
    before = [(layer, layer.momentum, layer.trainable) for layer in layers]

    def step(examples: Any, momentum: Any) -> None:
        for layer in layers:
            layer.momentum = momentum
        model(examples, training=False)

    try:
        with ExitStack() as stack:
            for layer in layers:
                layer.trainable = True
                stack.enter_context(_called_by(layer, _own(layer, training=True)))
            traced = tf.function(step, autograph=False, reduce_retracing=True)
            for number, (examples,) in enumerate(examples_for(model, inputs.subset(chosen), batch)):
                report_progress("working out the statistics of the batches", number + 1)
                traced(examples, tf.constant(number / (number + 1), tf.float32))
    finally:
        for layer, momentum, trainable in before:
            layer.momentum, layer.trainable = momentum, trainable
    return len(layers)
