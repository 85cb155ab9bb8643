"""Keras files, run as one TensorFlow graph."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError, one_line
from .base import Runtime

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

    if not zipfile.is_zipfile(path):
        raise ModelFileError(f"{path}: not a .keras file (no zip archive)")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError, AttributeError, RuntimeError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path}: not a Keras model that can be loaded safely: {_reason(error)}") from error
    if not isinstance(model, keras.Model):
        raise ModelFileError(f"{path}: holds a {type(model).__name__}, not a model")
    return model


def _reason(error: Exception) -> str:
    """What was wrong with a layer, which Keras says behind the whole configuration of the model."""
    return one_line(str(error).rpartition("Exception encountered: ")[2]) if str(error) else one_line(error)


class KerasRuntime(Runtime):
    """A Keras model with its weights folded into the graph as constants, as a serving system would hold it.

    Folding lets TensorFlow merge batch normalisation into convolutions and, under ``mixed_float16``, cast the weights
    once instead of in every call.
    """

    name: ClassVar[str] = "keras"

    def __init__(self, path: Path, *, threads: int) -> None:
        import tensorflow as tf

        limit_threads(threads)
        model = load_keras(path)
        self.parameters = int(model.count_params())
        self.layers = len(model.layers)
        self.image_size = model.input_shape[1]
        trainable = [variable.numpy() for variable in model.trainable_variables]
        fixed = [variable.numpy() for variable in model.non_trainable_variables]
        fold = sum(array.nbytes for array in [*trainable, *fixed]) <= _MAX_CONSTANT_BYTES
        shape = (None, *model.input_shape[1:])

        def call(images: Any) -> Any:
            pixels = tf.cast(images, model.inputs[0].dtype)
            output = model.stateless_call(trainable, fixed, pixels, training=False)[0] if fold else model(pixels)
            return tf.cast(output, tf.float32)

        # without autograph, whose temporary file outlives a worker that is ended
        self._call = tf.function(call, autograph=False).get_concrete_function(tf.TensorSpec(shape, tf.uint8))
        self._constant = tf.constant

    def to_device(self, images: npt.NDArray[Any]) -> Any:
        """See ``Runtime.to_device``."""
        return self._constant(images)

    def answer(self, placed: Any) -> npt.NDArray[Any]:
        """See ``Runtime.answer``."""
        # .numpy() waits for the device, so the clock that follows it sees the work done
        return np.asarray(self._call(placed).numpy())


def limit_threads(threads: int) -> None:
    """Set how many threads TensorFlow uses, before it has run anything.

    Raises:
        ModelFileError: it already runs with another number.
    """
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        # one chain of layers has nothing to run side by side; a second pool only costs hand-overs
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        if tf.config.threading.get_intra_op_parallelism_threads() not in (0, threads):
            raise ModelFileError(f"TensorFlow already runs with another number of threads: {error}") from error
