"""What tensorflow-model-optimization does to a model, in the process of legacy Keras."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ...errors import TechniqueError, one_line
from .job import LegacyJob
from .training import fine_tune, steps_of

_RISING, _PRUNINGS = 0.5, 32
_CALIBRATION_BATCHES, _CALIBRATION_EXAMPLES, _DECAY = 24, 32, 0.8


def _wrapped(model: Any, names: list[str], wrap: Callable[[Any], Any]) -> Any:
    """The model with some of its layers wrapped; its normalisation keeps its statistics and learns all else."""
    import tf_keras

    for layer in model.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            layer.trainable, layer.call = True, _outside_of_training(layer.call)
    return tf_keras.models.clone_model(
        model, clone_function=lambda layer: wrap(layer) if layer.name in names else layer
    )


def _outside_of_training(call: Callable[..., Any]) -> Callable[..., Any]:
    def called(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # noqa: ARG001 - Keras gives it
        return call(inputs, training=False, mask=mask)

    return called


def cluster(job: LegacyJob) -> None:
    """Weight clustering of the layers named, with fine-tuning."""
    import tensorflow_model_optimization as tfmot

    clustering, settings = tfmot.clustering.keras, job.settings
    start = clustering.CentroidInitialization[settings["start"]]

    def wrap(layer: Any) -> Any:
        return clustering.cluster_weights(layer, number_of_clusters=settings["clusters"], cluster_centroids_init=start)

    model = _wrapped(job.model, settings["layers"], wrap)
    fine_tune(job, model, epochs=settings["epochs"], learning_rate=settings["rate"])
    job.write_weights(clustering.strip_clustering(model))


def prune(job: LegacyJob) -> None:
    """Magnitude pruning of the layers named while they are trained; it rises within the first half of the steps."""
    import tensorflow_model_optimization as tfmot

    sparsity, settings = tfmot.sparsity.keras, job.settings
    steps = settings["epochs"] * steps_of(len(job.labels), job.case.batch, job.case.seed)
    if steps < 2:
        raise TechniqueError("pruning takes at least two steps of training; write epochs=2 or more")
    rising = max(1, int(_RISING * steps))
    frequency = max(1, rising // _PRUNINGS)
    # it counts from 1; the last pruning must fall on its last step, or the sparsity wanted is not reached
    end = 1 + max(1, (rising - 1) // frequency) * frequency
    shares: dict[str, float] = settings["sparsities"]

    def wrap(layer: Any) -> Any:
        schedule = sparsity.PolynomialDecay(0.0, shares[layer.name], begin_step=1, end_step=end, frequency=frequency)
        return sparsity.prune_low_magnitude(layer, pruning_schedule=schedule)

    model = _wrapped(job.model, list(shares), wrap)
    fine_tune(
        job,
        model,
        epochs=settings["epochs"],
        learning_rate=settings["rate"],
        settled=_RISING,
        callbacks=(sparsity.UpdatePruningStep(),),
    )
    job.write_weights(sparsity.strip_pruning(model))


def qat(job: LegacyJob) -> None:
    """Quantisation-aware training, then a TFLite file; pixels stay uint8, float only before the first convolution."""
    import tensorflow as tf
    import tf_keras

    model = job.model
    _shorten_averages()
    if len(model.inputs) == 1 and job.spec.inputs[0].dtype == "uint8":
        pixels = tf_keras.Input(model.input_shape[1:], dtype="uint8", name="image")
        floats = tf_keras.layers.Rescaling(1.0)(pixels)
        border = after_preprocessing(model)
        if border is not model.inputs[0]:
            floats = tf_keras.Model(model.inputs, border)(pixels)
        body = quantised(tf_keras.Model(border, model.outputs))
        whole = tf_keras.Model(pixels, body(floats))
    else:
        whole = quantised(model)
    _calibrate(job, whole)
    fine_tune(job, whole, epochs=job.settings["epochs"], learning_rate=job.settings["rate"])
    converter = tf.lite.TFLiteConverter.from_keras_model(whole)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    try:
        job.write_flatbuffer(converter.convert())
    except (RuntimeError, ValueError) as error:
        raise TechniqueError(f"the converter refuses this model: {one_line(error)}") from error


def _shorten_averages() -> None:
    """Let the ranges of activations follow within tens of steps.

    tfmot starts each at -6 to 6 and averages over a thousand steps, which it has no option for: after the ten steps of
    an epoch on digits, Lite0 was right in 31 % of all cases.
    """
    from tensorflow_model_optimization.python.core.quantization.keras import quant_ops

    original = quant_ops.MovingAvgQuantize

    def shorter(*positional: Any, **named: Any) -> Any:
        return original(*positional, **named | {"ema_decay": _DECAY})

    quant_ops.MovingAvgQuantize = shorter


def _calibrate(job: LegacyJob, model: Any) -> None:
    """Find the ranges of activations before anything is trained with them; normalisation is frozen."""
    import tensorflow as tf

    def observe(*inputs: Any) -> Any:
        return model(list(inputs) if len(inputs) > 1 else inputs[0], training=True)

    step = tf.function(observe, autograph=False, reduce_retracing=True)
    for number in range(_CALIBRATION_BATCHES):
        step(*map(tf.constant, job.sample(model, _CALIBRATION_EXAMPLES, job.case.seed + number)))


def after_preprocessing(model: Any) -> Any:
    """The tensor behind the layers at the input that are not trained and that tfmot cannot quantise."""
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_registry,
    )

    quantizable = default_8bit_quantize_registry.Default8BitQuantizeRegistry()
    tensor = model.inputs[0]
    followers = model.get_layer(tensor.node.layer.name).outbound_nodes
    while len(followers) == 1:
        layer = followers[0].layer
        if layer.trainable_weights or quantizable.supports(layer) or isinstance(layer.input, list):
            break
        tensor, followers = layer.output, layer.outbound_nodes
    return tensor


def quantised(body: Any) -> Any:
    """The model with quantisation emulated in every layer.

    Raises:
        TechniqueError: it has a layer that tfmot cannot quantise.
    """
    import tensorflow_model_optimization as tfmot

    try:
        return tfmot.quantization.keras.quantize_model(body)
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        text = one_line(error)
        refused = re.match(r"Layer (\S+):<class '[\w.]*?(\w+)'> is not supported", text)
        if refused and refused[2].endswith("BatchNormalization"):
            text = f"batch normalisation {refused[1]} does not directly follow a convolution"
        elif refused:
            text = f"layer {refused[1]} is a {refused[2]}, which tfmot cannot quantise"
        raise TechniqueError(f"{text}; use int8") from error


WORK: dict[str, Callable[[LegacyJob], None]] = {"cluster": cluster, "prune": prune, "qat": qat}
