"""Keras files, run as one TensorFlow graph."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError, one_line
from ..tensors import Batch, Signature, TensorSpec
from .base import Runtime
from .fit import arranged, as_dtype, call_size, measured_output
from .keras_archive import check_keras_archive
from .threads import limit_tensorflow, prefer_threads, tensorflow_threads

if TYPE_CHECKING:
    import keras

# A TensorFlow graph cannot hold more than 2 GB of constants.
_MAX_CONSTANT_BYTES = 10**9


def load_keras(path: Path) -> keras.Model:
    """Load a ``.keras`` file in safe mode, which runs no code that the file carries.

    Raises:
        ModelFileError: the file is not a Keras model, or needs code of its own.
    """
    import keras

    prefer_threads()
    check_keras_archive(path)
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file may end in any
        raise ModelFileError(f"{path}: not a Keras model that can be loaded safely: {_reason(error)}") from error
    if not isinstance(model, keras.Model):
        raise ModelFileError(f"{path}: holds a {type(model).__name__}, not a model")
    return model


def _reason(error: Exception) -> str:
    """What was wrong with a layer, which Keras says behind the whole configuration of the model."""
    return one_line(str(error).rpartition("Exception encountered: ")[2]) if str(error) else one_line(error)


def read_keras(path: Path) -> Signature:
    """Read what the model of a ``.keras`` file takes and gives, from its configuration; its weights are not read.

    Raises:
        ModelFileError: the file is not a Keras model, or needs code of its own.
    """
    import keras

    prefer_threads()  # building its layers starts TensorFlow
    check_keras_archive(path)
    try:
        with zipfile.ZipFile(path) as archive:
            configuration = json.loads(archive.read("config.json"))
        model = keras.saving.deserialize_keras_object(configuration, safe_mode=True)
    except Exception as error:
        raise ModelFileError(f"{path}: not a Keras model that can be loaded safely: {_reason(error)}") from error
    return keras_signature(path, model)


def keras_signature(path: Path, model: keras.Model) -> Signature:
    """Return what a Keras model takes and gives, in the order of ``model.inputs`` and ``model.outputs``.

    Names are the keys of its dict of inputs or outputs, where it has one, else those of its layers.

    Raises:
        ModelFileError: it is no model, or one whose inputs are not known before it is called.
    """
    import keras

    if not isinstance(model, keras.Model):
        raise ModelFileError(f"{path}: holds a {type(model).__name__}, not a model")
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        raise ModelFileError(
            f"{path}: its inputs are not known before it is called; save a functional or sequential model"
        )
    outputs = [name.partition("/")[0] for name in getattr(model, "output_names", [])]
    return Signature(
        _specs(model.inputs, _keys(structure_of(model)) or [tensor.name for tensor in model.inputs]),
        _specs(model.outputs, _keys(structure_of(model, "output")) or outputs),
    )


def structure_of(model: keras.Model, end: Literal["input", "output"] = "input") -> Any:
    """Return the tensors that a functional or sequential model takes, or gives: one, or a list or dict of them."""
    import keras

    # a loaded Sequential has no structure of inputs
    return getattr(model, f"{end}s")[0] if isinstance(model, keras.Sequential) else getattr(model, end)


def _keys(structure: Any) -> list[str]:
    """The names in a dict of tensors, in the order in which Keras lists its tensors; empty for other structures."""
    if not isinstance(structure, dict) or any(isinstance(value, (dict, list, tuple)) for value in structure.values()):
        return []
    return sorted(structure)


def _specs(tensors: list[Any], names: list[str]) -> tuple[TensorSpec, ...]:
    if len(names) != len(tensors):
        names = [tensor.name for tensor in tensors]
    shapes = [tuple(tensor.shape) for tensor in tensors]
    return tuple(
        TensorSpec(name, shape[1:], tensor.dtype, shape[0] if shape else None)
        for name, tensor, shape in zip(names, tensors, shapes, strict=True)
    )


class KerasRuntime(Runtime):
    """A Keras model with its weights folded into the graph as constants, as a serving system would hold it.

    Folding lets TensorFlow merge batch normalisation into convolutions and, under ``mixed_float16``, cast the weights
    once instead of in every call.
    """

    name: ClassVar[str] = "keras"

    def __init__(self, path: Path, *, threads: int, output: str | None = None) -> None:
        import tensorflow as tf

        limit_tensorflow(threads)
        model = load_keras(path)
        self.path, self.signature = path, keras_signature(path, model)
        self.parameters = int(model.count_params())
        self.layers = len(model.layers)
        self.call_size = call_size(path, self.signature.inputs)
        outputs = self.signature.outputs
        number = measured_output(path, outputs, output)
        self.output = outputs[number]
        # without autograph, whose temporary file outlives a worker that is ended
        call = tf.function(_call_of(model, number), autograph=False)
        specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in model.inputs]
        try:
            self._call = call.get_concrete_function(*specs)
        except Exception as error:  # of a layer, it says anything
            raise ModelFileError(f"{path}: not a Keras model that can answer: {_reason(error)}") from error
        self._constant, self._error = tf.constant, tf.errors.OpError
        self.threads = tensorflow_threads()

    def to_device(self, batch: Batch) -> list[Any]:
        """See ``Runtime.to_device``."""
        specs = self.signature.inputs
        given = zip(arranged(self.path, specs, batch), specs, strict=True)
        return [self._constant(as_dtype(self.path, array, spec)) for array, spec in given]

    def answer(self, placed: list[Any]) -> npt.NDArray[Any]:
        """See ``Runtime.answer``."""
        try:
            # .numpy() waits for the device, so the clock that follows it sees the work done
            return np.asarray(self._call(*placed).numpy())
        except self._error as error:
            raise ModelFileError(f"{self.path}: cannot answer for these examples: {one_line(error)}") from error


def _call_of(model: keras.Model, number: int) -> Callable[..., Any]:
    """What computes one output of a model from its inputs."""
    import keras
    import tensorflow as tf

    trainable = [variable.numpy() for variable in model.trainable_variables]
    fixed = [variable.numpy() for variable in model.non_trainable_variables]
    fold = sum(array.nbytes for array in [*trainable, *fixed]) <= _MAX_CONSTANT_BYTES
    structure = structure_of(model)

    def call(*tensors: Any) -> Any:
        given = keras.tree.pack_sequence_as(structure, tensors)
        answers = model.stateless_call(trainable, fixed, given, training=False)[0] if fold else model(given)
        answer = keras.tree.flatten(answers)[number]
        return tf.cast(answer, tf.float32) if answer.dtype.is_floating else answer

    return call


def folded(model: keras.Model) -> Callable[..., list[Any]]:
    """Return what computes a model as ``KerasRuntime`` does, to time parts of one: tensors in, a list of tensors out.

    Args:
        model: functional, its inputs of sizes that are set but for the first.
    """
    import tensorflow as tf

    calls = [_call_of(model, number) for number in range(len(model.outputs))]
    call = tf.function(lambda *tensors: [one(*tensors) for one in calls], autograph=False)
    specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in model.inputs]
    concrete: Callable[..., list[Any]] = call.get_concrete_function(*specs)
    return concrete
