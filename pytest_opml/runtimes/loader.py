"""Choosing the runtime of a file."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelFileError
from ..tensors import Signature, TensorSpec
from .base import Runtime

_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib", ".ckpt", ".bin")
_KNOWN = ".keras, .tflite, .onnx, a SavedModel folder"


def open_artifact(path: Path, *, threads: int) -> Runtime:
    """Open a model file, or a SavedModel folder, with the runtime of its kind.

    Args:
        path: the file or folder.
        threads: that the runtime may use.

    Raises:
        ModelFileError: it is missing, of an unknown kind, or not a model.
        MissingDependencyError: its runtime is not installed.
    """
    runtime = _open(path, threads)
    runtime.path = path
    return runtime


def read_signature(path: Path) -> Signature:
    """Return what a model file takes and gives; nothing is run.

    Raises:
        ModelFileError: it is missing, of an unknown kind, or not a model.
    """
    if path.suffix == ".keras" and path.exists():
        from .keras_graph import load_keras

        model = load_keras(path)
        return Signature(
            tuple(TensorSpec(tensor.name, tuple(tensor.shape[1:]), str(tensor.dtype)) for tensor in model.inputs)
        )
    return open_artifact(path, threads=1).signature


def _open(path: Path, threads: int) -> Runtime:
    if not path.exists():
        raise ModelFileError(f"{path}: no such model file")
    if path.is_dir():
        from .saved_model import SavedModelRuntime, is_saved_model

        if is_saved_model(path):
            return SavedModelRuntime(path, threads=threads)
        raise ModelFileError(f"{path}: a folder without saved_model.pb; known: {_KNOWN}")
    if path.suffix == ".keras":
        from .keras_graph import KerasRuntime

        return KerasRuntime(path, threads=threads)
    if path.suffix == ".tflite":
        from .litert import LiteRTRuntime

        return LiteRTRuntime(path, threads=threads)
    if path.suffix == ".onnx":
        from .onnx_runtime import OnnxRuntime

        return OnnxRuntime(path, threads=threads)
    if path.suffix in _PICKLES:
        raise ModelFileError(f"{path}: a pickle, which can run any code when it is opened; known: {_KNOWN}")
    if path.suffix in (".h5", ".hdf5"):
        raise ModelFileError(f"{path}: Keras' old format; load it and save it as .keras once; known: {_KNOWN}")
    raise ModelFileError(f"{path}: unknown kind of model file; known: {_KNOWN}")
