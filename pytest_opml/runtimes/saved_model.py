"""SavedModel folders, run by TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError, listed, one_line
from ..storage.regular_files import open_regular
from ..tensors import Batch, Signature, TensorSpec
from .base import Runtime
from .fit import arranged, as_dtype, call_size, measured_output
from .saved_model_graph import foreign_assets, reaching_outside
from .threads import limit_tensorflow, tensorflow_threads
from .trust import check_operations

_SIGNATURE = "serving_default"


class SavedModelRuntime(Runtime):
    """The signature ``serving_default`` of a SavedModel, of any inputs, and one of its outputs.

    Loading one runs no Python code of the folder's, and no operation that reaches outside it, unless it is trusted.
    """

    name: ClassVar[str] = "tensorflow"

    def __init__(self, path: Path, *, threads: int, output: str | None = None, trusted: bool = False) -> None:
        import tensorflow as tf

        limit_tensorflow(threads)
        self.path, self.signature = path, read_saved_model(path, trusted=trusted)
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


def read_saved_model(path: Path, *, trusted: bool = False) -> Signature:
    """Read what the signature ``serving_default`` of a SavedModel takes and gives; nothing of it is run.

    Args:
        path: of the folder.
        trusted: whether its operations may reach outside it.

    Raises:
        ModelFileError: the folder is damaged, has no such signature, or reaches outside and is not trusted.
    """
    saved = _parsed(path)
    if not saved.meta_graphs:
        raise ModelFileError(f"{path}: not a SavedModel that TensorFlow can load: saved_model.pb holds no graph")
    if names := foreign_assets(saved):
        raise ModelFileError(f"{path}: refused: an asset of it lies outside its folder: {listed([*map(ascii, names)])}")
    check_operations(path, _reaching_outside(path, saved), trusted=trusted)
    signatures = saved.meta_graphs[0].signature_def
    if _SIGNATURE not in signatures:
        others = ", ".join(sorted(name for name in signatures if not name.startswith("__"))) or "none"
        raise ModelFileError(f"{path}: has no signature {_SIGNATURE}; it has: {others}")
    own = signatures[_SIGNATURE]
    if not own.inputs or not own.outputs:
        raise ModelFileError(f"{path}: its signature {_SIGNATURE} has no inputs or no outputs")
    return Signature(_specs(own.inputs), _specs(own.outputs))


def operations_outside(path: Path) -> tuple[str, ...]:
    """Return the names of the operations of a SavedModel that may reach outside it.

    Raises:
        ModelFileError: the folder is damaged.
    """
    return _reaching_outside(path, _parsed(path))


def _parsed(path: Path) -> Any:
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    try:
        with open_regular(path / "saved_model.pb") as stream:
            saved.ParseFromString(stream.read())
    except OSError as error:
        raise ModelFileError(f"{path}: not a SavedModel that TensorFlow can load: {error.strerror}") from error
    except DecodeError as error:
        text = "saved_model.pb is damaged, or no SavedModel"
        raise ModelFileError(f"{path}: not a SavedModel that TensorFlow can load: {text}") from error
    return saved


def _reaching_outside(path: Path, saved: Any) -> tuple[str, ...]:
    try:
        return reaching_outside(saved)
    except ValueError as error:
        raise ModelFileError(f"{path}: not a SavedModel that TensorFlow can load: {error}") from error


def _specs(tensors: Mapping[str, Any]) -> tuple[TensorSpec, ...]:
    """Inputs or outputs by name; one of unknown shape has an axis of any length."""
    import tensorflow as tf

    specs = []
    for name, tensor in sorted(tensors.items()):
        sides = [None if side.size < 0 else int(side.size) for side in tensor.tensor_shape.dim] or [None, None]
        specs.append(TensorSpec(name, tuple(sides[1:]), tf.as_dtype(tensor.dtype).name, sides[0]))
    return tuple(specs)
