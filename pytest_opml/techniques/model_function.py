"""A Keras model as converters take it: one TensorFlow function in float32, with its weights as constants."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError, TechniqueError
from ..models.cloning import clone, inputs_like
from ..models.streams import input_specs
from ..runtimes.fit import arranged
from ..runtimes.keras_graph import structure_of
from ..tensors import Array, Batch, TensorSpec, dtype_name

if TYPE_CHECKING:
    import keras

Precision = Literal["float32", "float16", "bfloat16"]

OUTPUT = "output"
_REDUCED: tuple[Precision, ...] = ("float16", "bfloat16")
# What quantisation by calibration takes as a float input: pixels, and numbers in half precision.
_CALIBRATED = ("uint8", *_REDUCED)


def input_names(model: keras.Model) -> list[str]:
    """Return the names of a model's inputs in their order, as a converted file has them: letters, digits and ``_``."""
    return [re.sub(r"\W", "_", spec.name) for spec in input_specs(model)]


def in_order(model: keras.Model, batch: Batch) -> list[Array]:
    """Return the arrays of a batch in the order of a model's inputs, in the shapes that it takes, (n, ...) each.

    Raises:
        TechniqueError: they do not go together.
    """
    return in_order_of(f"model {model.name}", input_specs(model), batch)


def in_order_of(name: str, specs: Sequence[TensorSpec], batch: Batch) -> list[Array]:
    """Return the arrays of a batch in the order of the inputs of a model with a name; see ``in_order``."""
    try:
        return arranged(Path(name), specs, batch)
    except ModelFileError as error:
        raise TechniqueError(str(error)) from error


def call(model: keras.Model, tensors: Sequence[Any], *, state: Any = None) -> Any:
    """Return what a model gives outside of training, in the structure of its outputs.

    Args:
        model: a functional or sequential model.
        tensors: arrays or tensors, in the order of the model's inputs.
        state: values to take for the trainable and the other variables; those that they have if None.
    """
    import keras

    packed = keras.tree.pack_sequence_as(structure_of(model), list(tensors))
    return model.stateless_call(*state, packed, training=False)[0] if state else model(packed, training=False)


def answers_to(model: keras.Model, batches: Iterable[Batch]) -> npt.NDArray[np.float32]:
    """Return what a model of one output gives for all examples of some batches, (n, ...), run as a graph."""
    import keras
    import tensorflow as tf

    graph = tf.function(lambda *tensors: call(model, tensors), autograph=False, reduce_retracing=True)
    rows = []
    for batch in batches:
        (only,) = keras.tree.flatten(graph(*tensors_of(model, batch)))
        rows.append(np.asarray(only.numpy(), np.float32))
    return np.concatenate(rows)


def tensors_of(model: keras.Model, batch: Batch) -> list[Any]:
    """Return the arrays of a batch as tensors, in the order of a model's inputs."""
    import tensorflow as tf

    return [
        tf.constant(array.astype(object) if dtype_name(array) == "string" else array)
        for array in in_order(model, batch)
    ]


def compute_precision(model: keras.Model) -> Precision:
    """Return the least precise dtype that a layer of the model computes in: float32, float16 or bfloat16."""
    computed = {str(getattr(layer, "compute_dtype", "float32")) for layer in model._flatten_layers()}
    return next((dtype for dtype in reversed(_REDUCED) if dtype in computed), "float32")


def float_model(model: keras.Model) -> keras.Model:
    """Return the model, or a copy of it that computes in float32 and takes pixels as float32.

    Whole numbers of more than 8 bits, which are ids as a rule, and texts stay what they are.
    """
    import keras

    if compute_precision(model) == "float32" and not any(str(t.dtype) in _CALIBRATED for t in model.inputs):
        return model

    def widened(tensor: keras.KerasTensor) -> keras.KerasTensor:
        dtype = "float32" if str(tensor.dtype) in _CALIBRATED else tensor.dtype
        return keras.Input(batch_shape=tensor.shape, dtype=dtype, name=tensor._keras_history.operation.name)

    inputs = keras.tree.map_structure(widened, inputs_like(model))
    return clone(model, lambda layer: type(layer).from_config(_in_float32(layer.get_config())), inputs)


def _in_float32(config: Any) -> Any:
    """A layer's configuration, and those in it, with each policy of half precision replaced."""
    if isinstance(config, dict):
        return {
            key: "float32" if key in ("dtype", "name") and _is_reduced(value) else _in_float32(value)
            for key, value in config.items()
        }
    return [_in_float32(value) for value in config] if isinstance(config, list) else config


def _is_reduced(policy: Any) -> bool:
    return isinstance(policy, str) and policy.removeprefix("mixed_") in _REDUCED


def constant_function(model: keras.Model, examples: Sequence[Array] = (), *, as_given: bool = False) -> Any:
    """Return a model as a concrete TensorFlow function of its inputs by name, of one float32 output.

    Args:
        model: a functional or sequential model of one output.
        examples: (n, ...) for each input in its order; what the model takes at any size is fixed at theirs.
        as_given: take the inputs in the dtypes of the examples instead of those of the model.
    """
    import keras
    import tensorflow as tf

    names = input_names(model)
    trainable = [variable.numpy() for variable in model.trainable_variables]
    fixed = [variable.numpy() for variable in model.non_trainable_variables]

    def answer(**inputs: Any) -> dict[str, Any]:
        cast = [
            inputs[name] if tensor.dtype == "string" else tf.cast(inputs[name], tensor.dtype)
            for name, tensor in zip(names, model.inputs, strict=True)
        ]
        (only,) = keras.tree.flatten(call(model, cast, state=(trainable, fixed)))
        return {OUTPUT: tf.cast(only, tf.float32)}

    specs = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, name=name)
        for name, tensor in zip(names, model.inputs, strict=True)
    }
    for name, array in zip(names, examples, strict=False):
        dtype = dtype_name(array) if as_given else specs[name].dtype
        specs[name] = tf.TensorSpec((specs[name].shape[0], *array.shape[1:]), dtype, name=name)
    return tf.function(answer, autograph=False).get_concrete_function(**specs)


def rows_of(output: Any) -> npt.NDArray[np.float64]:
    """Return a model's outputs, in whatever structure, as numbers (n, k) for n examples."""
    import keras

    parts = [np.asarray(keras.ops.convert_to_numpy(tensor), np.float64) for tensor in keras.tree.flatten(output)]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
