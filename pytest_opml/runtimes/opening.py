"""Choosing the runtime of a file."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelFileError
from .base import Runtime


def open_artifact(path: Path, *, threads: int) -> Runtime:
    """Open a model file with the runtime of its kind.

    Args:
        path: a ``.keras`` or ``.tflite`` file.
        threads: that the runtime may use.

    Raises:
        ModelFileError: the file is missing, of an unknown kind, or not a model.
    """
    if not path.is_file():
        raise ModelFileError(f"{path}: no such model file")
    if path.suffix == ".keras":
        from .keras_graph import KerasRuntime

        return KerasRuntime(path, threads=threads)
    if path.suffix == ".tflite":
        from .litert import LiteRTRuntime

        return LiteRTRuntime(path, threads=threads)
    raise ModelFileError(f"{path}: unknown kind of model file; known: .keras, .tflite")
