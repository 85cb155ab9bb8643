from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from pytest_opml.case import parse_chain
from pytest_opml.errors import TechniqueError
from pytest_opml.runtimes.base import Runtime
from pytest_opml.runtimes.loader import open_artifact
from pytest_opml.techniques import lost_accuracy
from pytest_opml.techniques.artifact_file import write_artifact
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.int8_tuned import Int8Tuned
from pytest_opml.techniques.tflite_converter import drawn
from tests.conftest import Trained


@pytest.fixture(scope="module")
def files(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[ModelState, Path]]:
    """The small model in every kind of .tflite."""

    def make(name: str) -> tuple[ModelState, Path]:
        state = parse_chain(name)[0].apply(ModelState(trained.load()), trained.context())
        return state, write_artifact(state, tmp_path_factory.mktemp("tflite"))

    return {name: make(name) for name in ("int8", "int16x8", "dynamic-int8", "float16-tflite", "int8-tuned,drop=0.5")}


def tensors(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Interpreter(model_path=str(path)).get_tensor_details()
    return found


def accuracy(runtime: Runtime, trained: Trained) -> float:
    return float(np.mean(runtime.predict(trained.x_test).argmax(axis=1) == trained.data.y_test))


@pytest.mark.parametrize("name", ["int8", "int16x8", "dynamic-int8", "float16-tflite", "int8-tuned,drop=0.5"])
def test_each_kind_answers_much_as_the_model_does(
    name: str, files: dict[str, tuple[ModelState, Path]], trained: Trained
) -> None:
    runtime = open_artifact(files[name][1], threads=2)
    exact = open_artifact(trained.model_file, threads=2)
    probabilities = runtime.predict(trained.x_test)
    assert runtime.name == "litert"
    assert runtime.signature.inputs[0].shape == (16, 16, 3)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=0.05)
    assert abs(accuracy(runtime, trained) - accuracy(exact, trained)) < 0.05
    one_by_one = np.concatenate([runtime.predict(image[None]) for image in trained.x_test[:5]])
    assert np.allclose(one_by_one, probabilities[:5], atol=1e-3)


def test_int8_is_integer_throughout_and_takes_pixels(
    files: dict[str, tuple[ModelState, Path]], trained: Trained
) -> None:
    state, path = files["int8"]
    assert np.float32 not in {tensor["dtype"] for tensor in tensors(path)}
    assert Interpreter(model_path=str(path)).get_input_details()[0]["dtype"] == np.uint8
    assert state.changes["int8.calibration_examples"] == 300
    assert float(state.changes["int8.share_of_weights"]) > 0.9
    assert path.stat().st_size < 0.4 * trained.model_file.stat().st_size


def test_dynamic_int8_keeps_activations_in_floating_point(files: dict[str, tuple[ModelState, Path]]) -> None:
    state, path = files["dynamic-int8"]
    found = tensors(path)
    assert sum(int(np.prod(t["shape"])) for t in found if t["dtype"] == np.int8) > 15_000
    assert float(state.changes["dynamic_int8.share_of_weights"]) > 0.9


def test_int16x8_has_activations_of_16_bits(files: dict[str, tuple[ModelState, Path]]) -> None:
    state, path = files["int16x8"]
    sixteen = [tensor for tensor in tensors(path) if tensor["dtype"] == np.int16]
    assert len(sixteen) >= int(state.changes["int16x8.activations_in_16_bits"]) > 3


def test_float16_tflite_halves_the_weights(files: dict[str, tuple[ModelState, Path]]) -> None:
    state, path = files["float16-tflite"]
    assert float(state.changes["float16_tflite.share_of_weights"]) > 0.9
    assert path.stat().st_size < 2.5 * 20_000


def test_what_is_within_the_bound_already_is_int8(files: dict[str, tuple[ModelState, Path]]) -> None:
    changes = files["int8-tuned,drop=0.5"][0].changes
    assert (changes["int8_tuned.layers_in_float"], changes["int8_tuned.conversions"]) == (0, 1)
    assert changes["int8_tuned.drop"] == changes["int8_tuned.drop_of_int8"]


def fragile(trained: Trained) -> keras.Model:
    """One channel of the second layer reaches a thousand times as far as the others, so one scale cannot serve it."""
    model = trained.load()
    kernel, bias = model.get_layer("first").get_weights()
    kernel[..., 0] *= 1_000
    model.get_layer("first").set_weights([kernel, bias])
    after = model.get_layer("second").get_weights()[0]
    after[:, :, 0] /= 1_000
    model.get_layer("second").set_weights([after])
    return model


def test_layers_are_given_back_until_the_loss_is_within_the_bound(trained: Trained, tmp_path: Path) -> None:
    model = fragile(trained)
    plain = parse_chain("int8")[0].apply(ModelState(model), trained.context())
    tuned = Int8Tuned(drop=0.02).apply(ModelState(model), trained.context())
    assert 0 < int(tuned.changes["int8_tuned.layers_in_float"]) < int(tuned.changes["int8_tuned.layers"])
    assert float(tuned.changes["int8_tuned.drop"]) <= 0.02 < float(tuned.changes["int8_tuned.drop_of_int8"])
    found = []
    for name, state in (("plain", plain), ("tuned", tuned)):
        (tmp_path / name).mkdir()
        found.append(accuracy(open_artifact(write_artifact(state, tmp_path / name), threads=1), trained))
    exact = float(np.mean(model.predict(trained.x_test, verbose=0).argmax(axis=1) == trained.data.y_test))
    assert found[1] > exact - 0.05 > found[0]


def test_a_bound_that_cannot_be_met_names_the_best(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    def always_the_first(_: bytes, batches: list[np.ndarray]) -> np.ndarray:
        return np.eye(10)[np.zeros(sum(map(len, batches)), np.intp)]

    monkeypatch.setattr(lost_accuracy, "_answers", always_the_first)
    with pytest.raises(TechniqueError, match=r"int8-tuned: with \d+ of \d+ layers in floating point the accuracy lost"):
        Int8Tuned(drop=0.01).apply(ModelState(trained.load()), trained.context())


def test_images_for_calibration_and_for_the_check_are_not_the_same(trained: Trained) -> None:
    context = trained.context()
    first, others = drawn(context, 300), drawn(context, 1_000, skip=300)
    assert not set(first) & set(others)
    assert (len(first), len(others)) == (300, len(context.x_train) - 300)


def test_a_model_that_the_converter_cannot_take_is_refused_in_one_line(trained: Trained) -> None:
    inputs = keras.Input((16, 16, 3), dtype="uint8")
    x = keras.layers.Dense(1)(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Reshape((1,))(keras.ops.det(keras.layers.Reshape((16, 16))(x)))
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))
    with pytest.raises(TechniqueError, match="int8: the converter refuses this model: ") as caught:
        parse_chain("int8")[0].apply(ModelState(model), trained.context())
    assert "\n" not in str(caught.value)
