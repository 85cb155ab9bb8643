"""The files that pass between a run and the process of legacy Keras, all in one folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

# What is to be done, the weights of the model (also those that come back) and of the trained one that is its teacher,
# the labels of the training examples, and what the model answers for some of these.
JOB, WEIGHTS, TEACHER, LABELS, ANSWERS = "job.json", "weights.npz", "teacher.npz", "labels.npy", "answers.npz"
# How it ended, written last; and the model in a file, where the job asks for one.
OUTCOME, FLATBUFFER = "outcome.json", "model.tflite"

Weights = dict[str, list[npt.NDArray[Any]]]


def input_file(place: int) -> str:
    """Return the name of the file with the training examples of one input, by its place in the data."""
    return f"input{place}.npy"


@dataclass(frozen=True)
class Outcome:
    """What the legacy process gives back.

    Attributes:
        training_s: seconds that it trained for.
        epochs: of training; fewer than asked for where it no longer gained.
        weights: of each layer by its name; empty where a flatbuffer was asked for.
        flatbuffer: a ``.tflite`` file; empty where weights were.
    """

    training_s: float
    epochs: int
    weights: Weights
    flatbuffer: bytes


def weights_of(model: Any) -> Weights:
    """The weights of a model's layers, of Keras 3 or legacy, by their names."""
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


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
