"""Trainings on one and on several logical CPUs; a process of its own, since TensorFlow has one number of them."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pytest_opml.case import Case
from pytest_opml.errors import DeviceError
from pytest_opml.measure.device import detect
from pytest_opml.models import training
from pytest_opml.records.result import Training
from pytest_opml.runner.builder import ArtifactBuilder
from pytest_opml.runner.case_data import load_data
from pytest_opml.storage.cache import Cache
from tests.support import small

NAME = "tests.support.several_devices:build"
DEVICES = 3


def build(keras: Any, size: int, channels: int, *, weights: str) -> Any:
    """A network whose answer to an example depends on no other example, with a loss of its own."""
    layers = keras.layers
    inputs = keras.Input((size, size, channels), dtype="uint8")
    x = layers.Conv2D(8, 3, 2, activation="relu", name="first")(layers.Rescaling(1 / 255)(inputs))
    x = layers.Conv2D(8, 3, 2, activation="relu", kernel_regularizer="l2", name="second")(x)
    return keras.Model(inputs, layers.Flatten()(x), name="independent")


def make_case(**changes: Any) -> Case:
    values = {"dataset": "digits", "model": NAME, "weights": "none", "size": 12, "epochs": 2, "subset": 150}
    return Case(**values | changes)


def _figures(record: Training) -> list[float]:
    return [figure for epoch in record.epochs for figure in (epoch.train_accuracy, epoch.test_accuracy)]


def compared(**changes: Any) -> dict[str, Any]:
    """How far weights and figures of several devices are from those of one."""
    case = make_case(**changes)
    data = load_data(case, None)
    several, record = training.train(case, data)
    one, expected = training.train(case.model_copy(update={"devices": 1}), data)
    weights = zip(several.get_weights(), one.get_weights(), strict=True)
    figures = zip(_figures(record), _figures(expected), strict=True)
    return {
        "weights": max(float(np.abs(first - second).max()) for first, second in weights),
        "figures": max(abs(first - second) for first, second in figures),
        "devices": [record.devices, expected.devices],
        "best_epochs": [record.recipe and record.recipe.best_epoch, expected.recipe and expected.recipe.best_epoch],
    }


def built(**changes: Any) -> dict[str, Any]:
    """The file of a network that normalises over its batches."""
    case = make_case(model=small.NAME, **changes)
    with tempfile.TemporaryDirectory() as folder:
        made = ArtifactBuilder(case, load_data(case, None), detect("cpu", 2), Cache(Path(folder))).make()
        weights = keras.models.load_model(made.path).get_weights()
    return {"devices": made.training.devices, "finite": all(bool(np.isfinite(array).all()) for array in weights)}


def refused(devices: int) -> str:
    case = make_case(devices=devices)
    try:
        training.train(case, load_data(case, None))
    except DeviceError as error:
        return str(error)
    return ""


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * DEVICES)
    told = {
        # The head is trained on features, then all layers on images. Of the 100 training examples 10 are held out:
        # the batches have 44, 44 and 2 examples, and none can be divided by three.
        "compared": compared(devices=3, unfreeze="all", batch=44, head_epochs=1, layer_decay=0.5, patience=2),
        "normalised": built(devices=3, unfreeze="all", batch=99, epochs=1),
        "refused": refused(DEVICES + 1),
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
