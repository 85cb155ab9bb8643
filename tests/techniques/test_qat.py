from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from pytest_opml.datasets.input_set import InputSet
from pytest_opml.datasets.sources import ArraySource
from pytest_opml.errors import TechniqueError
from pytest_opml.models.cloning import clone
from pytest_opml.runtimes.loader import open_artifact
from pytest_opml.techniques.agreement import answers_of
from pytest_opml.techniques.artifact_file import write_artifact
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.qat import Qat
from pytest_opml.techniques.tflite_converter import contents_of
from pytest_opml.tensors import DataSpec
from tests.conftest import Trained


def accuracy(path: Path, trained: Trained) -> float:
    return float(np.mean(open_artifact(path, threads=2).predict(trained.x_test).argmax(axis=1) == trained.data.y_test))


def test_the_file_is_integer_throughout_and_answers_as_the_network_that_was_trained(
    trained: Trained, tmp_path: Path
) -> None:
    model = trained.load()
    state = Qat().apply(ModelState(model), trained.context())
    assert state.suffix == ".tflite"
    assert state.flatbuffer
    assert contents_of(state.flatbuffer).float_operations == ()
    assert (state.changes["qat.layers"], state.changes["qat.rounded_places"]) == (4, 8)
    assert state.changes["qat.ranges"] == "as trained"
    assert float(state.changes["qat.same_answers"]) > 0.95
    assert float(state.changes["qat.loss"]) <= float(state.changes["qat.loss_before"])
    assert state.training_s > 0
    assert not any("call" in vars(layer) for layer in model.layers)
    path = write_artifact(state, tmp_path)
    assert path.stat().st_size < 0.3 * trained.model_file.stat().st_size
    assert accuracy(path, trained) > accuracy(trained.model_file, trained) - 0.02


def test_weights_of_4_bits_are_trained_as_int4_writes_them(trained: Trained, tmp_path: Path) -> None:
    state = Qat(weights="4").apply(ModelState(trained.load()), trained.context())
    assert state.changes["int4.layers_in_4_bits"] == 2
    assert float(state.changes["int4.share_of_weights_in_4_bits"]) > 0.6
    assert float(state.changes["qat.same_answers"]) > 0.95
    assert accuracy(write_artifact(state, tmp_path), trained) > accuracy(trained.model_file, trained) - 0.02


def test_dense_layers_on_rows_of_figures(trained: Trained, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    rows = np.random.default_rng(0).normal(size=(600, 8)).astype(np.float32)
    labels = (rows @ np.random.default_rng(1).normal(size=(8, 3))).argmax(axis=1)
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((8,)), layers.Dense(16), layers.LeakyReLU(), layers.Dense(3, activation="softmax")]
    )
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    model.fit(rows, labels, epochs=5, verbose=0)
    exact, inputs = answers_of(model, rows), InputSet({"": ArraySource(rows)})
    spec, teacher = DataSpec(inputs.specs, 3), clone(model)
    context = replace(trained.context(), x_train=inputs, y_train=labels, spec=spec, original=lambda: teacher)
    state = Qat().apply(ModelState(model), context)
    assert state.changes["qat.ranges"] == "as trained"
    runtime = open_artifact(write_artifact(state, tmp_path))
    assert runtime.signature.inputs[0].dtype == "float32"
    right = [float(np.mean(answers.argmax(axis=1) == labels)) for answers in (exact, runtime.predict(rows))]
    assert right[1] > right[0] - 0.02 > 0.85


def test_what_has_no_kernel_or_no_8_bit_form_is_refused_before_it_is_trained(trained: Trained) -> None:
    context = replace(trained.context(), original=lambda: pytest.fail("it was trained"))
    inputs = keras.Input((16, 16, 3), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    floats = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(keras.ops.cumsum(x, axis=1)))
    with pytest.raises(TechniqueError, match=r"qat: TensorFlow has no 8-bit form of CUMSUM.*; use int8-tuned"):
        Qat().apply(ModelState(floats), context)
