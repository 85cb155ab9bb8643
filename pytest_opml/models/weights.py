"""Weights that a user gives to an architecture as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import ModelFileError, one_line
from ..runtimes.keras_archive import fault_of_weights
from ..storage.regular_files import open_regular


def load_weights(model: Any, name: str, weights: str) -> None:
    """Load an HDF5 file of the same architecture without its classifier into a model.

    Args:
        model: a Keras 3 or ``tf_keras`` model, changed in place.
        name: of the architecture, for the error.
        weights: path of a ``.weights.h5`` or ``.h5`` file.

    Raises:
        ModelFileError: the file is missing, of another kind, damaged, or of another architecture.
    """
    path = Path(weights).expanduser()
    if not path.exists():
        raise ModelFileError(f"{path}: no such weights file; weights of {name} are 'none' or the path of an .h5 file")
    if path.suffix != ".h5":
        raise ModelFileError(f"{path}: weights of {name} must be a .weights.h5 or .h5 file")
    try:
        with open_regular(path) as stream:
            fault = fault_of_weights(stream)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from error
    if fault:
        raise ModelFileError(f"{path}: not the weights of {name} without its classifier: {fault}")
    try:
        model.load_weights(str(path))
    except (ValueError, TypeError, KeyError, IndexError, OSError, AttributeError, RuntimeError) as error:
        reason = one_line(error).partition(" Example error message")[0]  # Keras' own words for one of its layers
        raise ModelFileError(f"{path}: not the weights of {name} without its classifier: {reason}") from error
