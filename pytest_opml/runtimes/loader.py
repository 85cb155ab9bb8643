"""Choosing the runtime of a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from ..errors import ModelFileError
from ..storage.regular_files import IrregularFileError, check_regular, regular_files
from ..tensors import Signature
from .base import Runtime
from .execution import AS_IS, Execution
from .openvino_file import is_openvino
from .threads import process_threads, require_threads

_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib", ".ckpt", ".bin")
_KNOWN = ".keras, .tflite, .onnx, the folder of a SavedModel or of OpenVINO's .xml and .bin"

Kind = Literal["keras", "tflite", "onnx", "savedmodel", "openvino"]
_KINDS: dict[str, Kind] = {".keras": "keras", ".tflite": "tflite", ".onnx": "onnx"}


def open_artifact(
    path: Path,
    *,
    threads: int | None = None,
    output: str | None = None,
    trusted: bool = False,
    execution: Execution = AS_IS,
) -> Runtime:
    """Open a model file, or the folder of a SavedModel or of OpenVINO, with the runtime of its kind.

    Args:
        path: the file or folder.
        threads: that the runtime uses; as many as may compute in this process if None. TensorFlow has one number of
            them in a process.
        output: name of the output that is measured, where the model has several.
        trusted: whether a model may do more than compute: see ``operations_outside``.
        execution: what the case says of how it is computed.

    Raises:
        ModelFileError: it is missing, of an unknown kind, or not a model; or it has several outputs, and none of them
            is named; or it does more than compute and is not trusted; or cannot be computed as is wanted.
        MissingDependencyError: its runtime is not installed.
        ThreadsError: its runtime says that it computes with another number of threads.
    """
    wanted = threads or process_threads()
    runtime = _opened(path, wanted, output, trusted, execution)
    require_threads(runtime.name, runtime.threads, wanted)
    return runtime


def _opened(path: Path, threads: int, output: str | None, trusted: bool, execution: Execution) -> Runtime:
    kind = kind_of(path)
    execution.check_kind(path, kind)
    if kind == "savedmodel":
        from .saved_model import SavedModelRuntime

        return SavedModelRuntime(path, threads=threads, output=output, trusted=trusted)
    if kind == "keras":
        from .keras_graph import KerasRuntime

        return KerasRuntime(path, threads=threads, output=output)
    if kind == "tflite":
        from .litert import LiteRTRuntime

        return LiteRTRuntime(path, threads=threads, output=output, trusted=trusted)
    if kind == "openvino":
        from .openvino_runtime import OpenVinoRuntime

        return OpenVinoRuntime(path, threads=threads, output=output, trusted=trusted, execution=execution)
    from .onnx_runtime import OnnxRuntime

    return OnnxRuntime(path, threads=threads, output=output, trusted=trusted, execution=execution)


def read_signature(path: Path, *, trusted: bool = False) -> Signature:
    """Read what a model file, or a SavedModel folder, takes and gives, without running it.

    Only Keras files and SavedModels need TensorFlow for it.

    Args:
        path: the file or folder.
        trusted: whether it may do more than compute: see ``operations_outside``.

    Raises:
        ModelFileError: it is missing, of an unknown kind, or not a model; or it does more and is not trusted.
        MissingDependencyError: the library that reads such a file is not installed.
    """
    kind = kind_of(path)
    if kind == "savedmodel":
        from .saved_model import read_saved_model

        return read_saved_model(path, trusted=trusted)
    if kind == "keras":
        from .keras_graph import read_keras

        return read_keras(path)
    if kind == "tflite":
        from .tflite_file import read_tflite

        return read_tflite(path, trusted=trusted).signature
    if kind == "openvino":
        from .openvino_file import read_openvino

        return read_openvino(path, trusted=trusted).signature
    from .onnx_file import read_onnx, signature_of

    return signature_of(read_onnx(path, trusted=trusted))


def operations_outside(path: Path) -> tuple[str, ...]:
    """Return the names of a model's operations that may reach outside it, to files, programs or the network; sorted.

    Those are the operations of TensorFlow that do more than compute, and all that are custom. A Keras file has none: in
    the safe mode that it is loaded in, it can hold nothing but Keras' own layers.

    Raises:
        ModelFileError: it is missing, of an unknown kind, or not a model.
        MissingDependencyError: the library that reads such a file is not installed.
    """
    kind = kind_of(path)
    if kind == "savedmodel":
        from . import saved_model

        return saved_model.operations_outside(path)
    if kind == "tflite":
        from .tflite_file import read_tflite

        return read_tflite(path, trusted=True).foreign_operations
    if kind == "onnx":
        from . import onnx_operations
        from .onnx_file import read_onnx

        return onnx_operations.operations_outside(read_onnx(path, trusted=True))
    if kind == "openvino":
        from .openvino_file import read_openvino

        return read_openvino(path, trusted=True).foreign_operations
    return ()


def kind_of(path: Path) -> Kind:
    """Return of which kind a model file or folder is.

    Raises:
        ModelFileError: it is missing, or of no kind that can be opened; says what it is, if that is known.
    """
    if not path.exists():
        raise ModelFileError(f"{path}: no such model file")
    if path.is_dir():
        if os.path.lexists(path / "saved_model.pb"):
            _check_files(path)
            return "savedmodel"
        if is_openvino(path):
            _check_files(path)
            return "openvino"
        files = sorted(file.suffix for file in path.iterdir() if file.suffix in _KINDS)
        hint = f"; name its model files: '{path}/*{files[0]}'" if files else ""
        without = "saved_model.pb, and without one .xml with its .bin"
        raise ModelFileError(f"{path}: a folder without {without}{hint}; known: {_KNOWN}")
    if path.suffix in _KINDS:
        _check_files(path)
        return _KINDS[path.suffix]
    if path.suffix == ".xml" or (path.suffix == ".bin" and path.with_suffix(".xml").exists()):
        raise ModelFileError(
            f"{path}: a part of a model of OpenVINO, which is two files: name their folder, {path.parent}"
        )
    if path.suffix in _PICKLES:
        raise ModelFileError(f"{path}: a pickle, which can run any code when it is opened; known: {_KNOWN}")
    if path.suffix in (".h5", ".hdf5"):
        raise ModelFileError(f"{path}: Keras' old format; load it and save it as .keras once; known: {_KNOWN}")
    raise ModelFileError(f"{path}: unknown kind of model file; known: {_KNOWN}")


def _check_files(path: Path) -> None:
    """Refuse what is no regular file, before a byte of it is read: a pipe would be waited for."""
    try:
        if path.is_dir():
            regular_files(path)
        else:
            check_regular(path)
    except IrregularFileError as error:
        raise ModelFileError(f"{error.filename}: {error.strerror}") from error
    except OSError as error:
        raise ModelFileError(f"{error.filename or path}: cannot be read: {error.strerror}") from error
