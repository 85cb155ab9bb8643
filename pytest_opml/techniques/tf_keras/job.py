"""A job in the process of legacy Keras: the model of a case, its data, and the files to and from the run."""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ... import registry
from ...case import Case
from ...errors import TechniqueError
from ...models.classifier import build_classifier
from ...models.cloning import assign
from ...runtimes.threads import limit_process
from ...tensors import Batch, DataSpec, TensorSpec
from ..agreement import movement_of, require_agreement
from ..model_function import Precision, in_order_of
from .files import (
    ANSWERS,
    FLATBUFFER,
    JOB,
    LABELS,
    TEACHER,
    WEIGHTS,
    Weights,
    input_file,
    read_weights,
    weights_of,
    write_weights,
)


class LegacyJob:
    """The model and the data of a job, read from its folder.

    Making one changes to the folder that the run works in, and registers the names that were registered there.

    Args:
        folder: with the files of the job.
    """

    def __init__(self, folder: Path) -> None:
        job = json.loads((folder / JOB).read_text("utf-8"))
        inputs, outputs, task = job["spec"]
        specs = tuple(TensorSpec(name, tuple(shape), dtype, batch) for name, shape, dtype, batch in inputs)
        self._folder, self.spec = folder, DataSpec(specs, outputs, task)
        self.work: str = job["work"]
        self.settings: dict[str, Any] = job["settings"]
        self.training_s, self.epochs = 0.0, 0
        limit_process(job["threads"])
        os.chdir(job["folder"])  # relative paths in the case mean what they meant there
        registry.adopt(registry.Registration(*entry) for entry in job["registrations"])
        self.case = Case(**job["case"])
        self._arrays = {
            spec.name: np.load(folder / input_file(place), mmap_mode="r") for place, spec in enumerate(specs)
        }
        self.labels = np.load(folder / LABELS)
        self._precision: Precision = job["precision"]

    @cached_property
    def model(self) -> Any:
        """The model in legacy Keras, with the weights that came.

        Raises:
            OpmlError: it exists in Keras 3 only, is not the one that the weights are of, or answers something else.
        """
        import tf_keras

        model = self._built(WEIGHTS)
        with np.load(self._folder / ANSWERS) as arrays:
            inputs = {name: np.asarray(array[arrays["rows"]]) for name, array in self._arrays.items()}
            movement = movement_of(model, inputs, self._precision, _answers)
            require_agreement(
                "the model in legacy Keras", arrays["answers"], _answers(model, inputs), self._precision, movement
            )
        for layer in model.layers:
            # The statistics of a batch are not those that the network was trained with, and some hundred steps are too
            # few for the other layers to follow: with normalisation trained, Lite0 fell from 0.94 to 0.45 on digits at
            # 64 clusters, with it frozen to 0.74 (same rate).
            layer.trainable = not isinstance(layer, tf_keras.layers.BatchNormalization)
        return model

    @cached_property
    def teacher(self) -> Any:
        """The model in legacy Keras, with the weights that it had before any technique."""
        return self._built(TEACHER)

    def _built(self, weights: str) -> Any:
        import tf_keras

        tf_keras.backend.reset_uids()  # layers that the builder does not name have the same names each time
        model = build_classifier(self.case, self.spec, tf_keras)
        assign_weights(model, read_weights(self._folder / weights), self.case.model)
        return model

    def examples(self, model: Any, rows: npt.NDArray[np.intp]) -> list[npt.NDArray[Any]]:
        """The training examples with these numbers, in the order of a model's inputs."""
        return in_order(model, {name: np.asarray(array[rows]) for name, array in self._arrays.items()})

    def sample(self, model: Any, count: int, seed: int) -> list[npt.NDArray[Any]]:
        """As many examples as there are, up to ``count``, chosen at random, in the order of a model's inputs."""
        chosen = np.random.default_rng(seed).choice(len(self.labels), min(count, len(self.labels)), replace=False)
        return self.examples(model, np.sort(chosen))

    def write_weights(self, model: Any) -> None:
        """Write the weights of a model's layers for the run to read."""
        write_weights(self._folder / WEIGHTS, weights_of(model))

    def write_flatbuffer(self, content: bytes) -> None:
        """Write a TFLite file for the run to read."""
        (self._folder / FLATBUFFER).write_bytes(content)


def in_order(model: Any, batch: Batch) -> list[npt.NDArray[Any]]:
    """Return the arrays of a batch in the order of the inputs of a model of legacy Keras, in the shapes that it takes.

    Raises:
        TechniqueError: they do not go together.
    """
    specs = [TensorSpec(tensor.node.layer.name, tuple(tensor.shape[1:]), tensor.dtype.name) for tensor in model.inputs]
    return in_order_of("the model in legacy Keras", specs, batch)


def _answers(model: Any, batch: Batch) -> npt.NDArray[np.float64]:
    given = in_order(model, batch)
    rows = model.predict_on_batch(given if len(given) > 1 else given[0])
    return np.asarray(rows, np.float64).reshape(len(rows), -1)


def assign_weights(model: Any, weights: Weights, name: str) -> None:
    """Give each layer the weights that stand under its name.

    Raises:
        TechniqueError: layers or shapes are not the same on both sides.
    """
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    for missing in weights.keys() ^ layers.keys():
        side = "missing in legacy Keras" if missing in weights else "in legacy Keras only"
        raise TechniqueError(
            f"layer {missing} is {side}: {name} must build the same layers with Keras 3 and tf_keras, each that has "
            "weights under a name of its own, and no earlier technique may have replaced one"
        )
    for key, layer in layers.items():
        there, here = [array.shape for array in weights[key]], [tuple(held.shape) for held in layer.weights]
        if there != here:
            raise TechniqueError(
                f"layer {key} has weights of shapes {there}, {name} builds it with {here}: an earlier technique of the "
                "chain changed it; use the native cluster-K, prune-S or int8 after it"
            )
        assign(layer, weights[key])
