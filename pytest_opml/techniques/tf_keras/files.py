"""The files that pass between this process and that of legacy Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Weights = dict[str, list[npt.NDArray[Any]]]


@dataclass(frozen=True)
class Outcome:
    """What the legacy process made.

    Attributes:
        training_s: seconds that it trained for.
        weights: of each layer by its name; empty where a flatbuffer was asked for.
        flatbuffer: a ``.tflite`` file; empty where weights were.
    """

    training_s: float
    weights: Weights
    flatbuffer: bytes


def write_weights(path: Path, weights: Mapping[str, list[npt.NDArray[Any]]]) -> None:
    """Write the weights of layers, keyed by name and place."""
    arrays = {f"{name}:{place}": array for name, held in weights.items() for place, array in enumerate(held)}
    with path.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]


def read_weights(path: Path) -> Weights:
    """The weights of layers as ``write_weights`` wrote them."""
    weights: Weights = {}
    with np.load(path) as arrays:
        for key in arrays.files:  # in the order of writing, so places count up
            weights.setdefault(key.rpartition(":")[0], []).append(arrays[key])
    return weights
