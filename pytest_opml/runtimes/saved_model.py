"""SavedModel folders, run by TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError, one_line
from ..tensors import Batch, Signature, TensorSpec
from .base import Runtime
from .fit import arranged, as_dtype, call_size, measured_output
from .threads import limit_tensorflow, tensorflow_threads

_SIGNATURE = "serving_default"


class SavedModelRuntime(Runtime):
    """The signature ``serving_default`` of a SavedModel, of any inputs, and one of its outputs.

    Loading one runs no Python code of the folder's.
    """

    name: ClassVar[str] = "tensorflow"

    def __init__(self, path: Path, *, threads: int, output: str | None = None) -> None:
        import tensorflow as tf

        limit_tensorflow(threads)
        self.path, self.signature = path, read_saved_model(path)
        self.call_size = call_size(path, self.signature.inputs)
        outputs = self.signature.outputs
        self.output = outputs[measured_output(path, outputs, output)]
        try:
            self._model = tf.saved_model.load(str(path))  # kept, since it owns the variables
        except Exception as error:  # a damaged folder may end in any
            raise ModelFileError(f"{path}: not a SavedModel that TensorFlow can load: {one_line(error)}") from error
        self._call, self._constant = self._model.signatures[_SIGNATURE], tf.constant
        self._error = tf.errors.OpError
        self.parameters = int(sum(np.prod(variable.shape) for variable in self._call.variables))
        self.layers = len(self._call.graph.get_operations())
        self.threads = tensorflow_threads()

    def to_device(self, batch: Batch) -> dict[str, Any]:
        """See ``Runtime.to_device``."""
        specs = self.signature.inputs
        given = zip(arranged(self.path, specs, batch), specs, strict=True)
        return {spec.name: self._constant(as_dtype(self.path, array, spec)) for array, spec in given}

    def answer(self, placed: dict[str, Any]) -> npt.NDArray[Any]:
        """See ``Runtime.answer``."""
        try:
            return np.asarray(self._call(**placed)[self.output.name].numpy())
        except self._error as error:
            raise ModelFileError(f"{self.path}: cannot answer for these examples: {one_line(error)}") from error


def read_saved_model(path: Path) -> Signature:
    """Read what the signature ``serving_default`` of a SavedModel takes and gives.

    Raises:
        ModelFileError: the folder is damaged, or has no such signature.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString((path / "saved_model.pb").read_bytes())
        signatures = saved.meta_graphs[0].signature_def
    except (OSError, DecodeError, IndexError) as error:
        raise ModelFileError(f"{path}: not a SavedModel that TensorFlow can load: {one_line(error)}") from error
    if _SIGNATURE not in signatures:
        names = ", ".join(sorted(name for name in signatures if not name.startswith("__"))) or "none"
        raise ModelFileError(f"{path}: has no signature {_SIGNATURE}; it has: {names}")
    own = signatures[_SIGNATURE]
    if not own.inputs or not own.outputs:
        raise ModelFileError(f"{path}: its signature {_SIGNATURE} has no inputs or no outputs")
    return Signature(_specs(own.inputs), _specs(own.outputs))


def _specs(tensors: Mapping[str, Any]) -> tuple[TensorSpec, ...]:
    """Inputs or outputs by name; one of unknown shape has an axis of any length."""
    import tensorflow as tf

    specs = []
    for name, tensor in sorted(tensors.items()):
        sides = [None if side.size < 0 else int(side.size) for side in tensor.tensor_shape.dim] or [None, None]
        specs.append(TensorSpec(name, tuple(sides[1:]), tf.as_dtype(tensor.dtype).name, sides[0]))
    return tuple(specs)
