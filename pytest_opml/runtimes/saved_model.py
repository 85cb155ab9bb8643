"""SavedModel folders, run by TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError, one_line
from .base import Runtime, refuse_shape
from .keras_graph import limit_threads

_SIGNATURE = "serving_default"
_MARK = "saved_model.pb"


def is_saved_model(path: Path) -> bool:
    """Say whether the path is a folder with a SavedModel in it."""
    return (path / _MARK).is_file()


class SavedModelRuntime(Runtime):
    """The signature ``serving_default`` of a SavedModel, of one input, uint8 or float32, and one output.

    Loading one runs no Python code of the folder's.
    """

    name: ClassVar[str] = "tensorflow"

    def __init__(self, path: Path, *, threads: int) -> None:
        import tensorflow as tf

        limit_threads(threads)
        try:
            self._model = tf.saved_model.load(str(path))  # kept, since it owns the variables
        except (OSError, ValueError, tf.errors.OpError, KeyError, AttributeError) as error:
            raise ModelFileError(f"{path}: not a SavedModel that TensorFlow can load: {one_line(error)}") from error
        if _SIGNATURE not in self._model.signatures:
            signatures = ", ".join(self._model.signatures) or "none"
            raise ModelFileError(f"{path}: has no signature {_SIGNATURE}; it has: {signatures}")
        self._call = self._model.signatures[_SIGNATURE]
        inputs, outputs = self._call.structured_input_signature[1], self._call.structured_outputs
        if len(inputs) != 1 or len(outputs) != 1:
            refuse_shape(path, f"{len(inputs)} inputs and {len(outputs)} outputs")
        (self._input, given), (self._output, output) = next(iter(inputs.items())), next(iter(outputs.items()))
        shape = given.shape.as_list() if given.shape.rank is not None else []
        if given.dtype not in (tf.uint8, tf.float32) or len(shape) != 4 or shape[3] != 3 or output.shape.rank != 2:
            refuse_shape(path, f"{given.dtype.name} {given.shape} to {output.shape}")
        if shape[0] not in (None, 1):
            refuse_shape(path, f"a batch of exactly {shape[0]}")
        self._dtype, self._constant = given.dtype, tf.constant
        self.image_size = shape[1]
        self.one_by_one = shape[0] == 1
        self.parameters = int(sum(np.prod(variable.shape) for variable in self._call.variables))
        self.layers = len(self._call.graph.get_operations())

    def to_device(self, images: npt.NDArray[Any]) -> Any:
        """See ``Runtime.to_device``."""
        return self._constant(images, dtype=self._dtype)

    def answer(self, placed: Any) -> npt.NDArray[Any]:
        """See ``Runtime.answer``."""
        return np.asarray(self._call(**{self._input: placed})[self._output].numpy())
