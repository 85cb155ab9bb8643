"""A user's own ``.keras`` file as the model of a case."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pytest_opml.case import Case
from pytest_opml.errors import CaseDefinitionError, ModelFileError
from pytest_opml.models.classifier import build_classifier, model_signature
from pytest_opml.models.training import train
from pytest_opml.runtimes.keras_graph import load_keras
from pytest_opml.techniques.artifact_file import write_artifact
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.cluster import Cluster
from pytest_opml.techniques.float16 import Float16
from pytest_opml.techniques.prune import Prune
from tests.support.inputs import image_spec, prepared

layers = keras.layers
MakeCase = Callable[..., Case]


def base() -> Any:
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(32, 3, 2, name="conv")(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return keras.Model(inputs, layers.Conv2D(32, 3, name="top")(x), name="base")


def nested(classes: int = 10, dtype: str = "float32") -> Any:
    inputs = keras.Input((16, 16, 3), dtype=dtype)
    x = base()(layers.Rescaling(1 / 255)(inputs))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax", name="mine")(x), name="nested")


def sequential() -> Any:
    parts = [layers.Rescaling(1 / 255), base(), layers.Flatten(), layers.Dense(10), layers.Softmax()]
    return keras.Sequential([keras.Input((16, 16, 3), dtype="uint8"), *parts])


@keras.saving.register_keras_serializable("tests")
class Own(layers.Layer):
    def call(self, x: Any) -> Any:
        return x * 2


def functional(*parts: Any, size: tuple[int, int, int] = (16, 16, 3)) -> Any:
    x = inputs = keras.Input(size)
    for part in (*parts, layers.Flatten(), layers.Dense(10, activation="softmax")):
        x = part(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize("model", [nested, lambda: nested(dtype="uint8"), sequential])
def test_the_head_is_replaced_and_the_model_trained(
    model: Callable[[], Any], make_case: MakeCase, trained: Any, tmp_path: Path
) -> None:
    model().save(tmp_path / "mine.keras")
    case = make_case(model=str(tmp_path / "mine.keras"), unfreeze="all", epochs=4)
    signature = model_signature(case)
    assert signature
    assert signature.inputs[0].shape == (16, 16, 3)
    built, training = train(case, trained.data)
    assert built.layers[-1].name == "head_dense"
    assert not any(layer.name == "mine" for layer in built.layers)
    assert training.epochs[-1].train_accuracy > training.epochs[0].train_accuracy


def test_a_complete_classifier_is_measured_as_it_is(make_case: MakeCase, trained: Any, tmp_path: Path) -> None:
    original = nested()
    original.save(tmp_path / "mine.keras")
    case = make_case(model=str(tmp_path / "mine.keras"), unfreeze=0)
    images = trained.x_test[:8].astype(np.float32)
    np.testing.assert_array_equal(build_classifier(case, image_spec(16), keras)(images), original(images))
    with pytest.raises(ModelFileError, match="must end in 7 classes"):
        build_classifier(case, image_spec(16, 7), keras)
    with pytest.raises(CaseDefinitionError, match="write size=16"):
        prepared(case.model_copy(update={"size": 32}))


@pytest.mark.parametrize("technique", [Float16(), Cluster(clusters=16), Prune(sparsity=0.5, epochs=1)])
def test_techniques_reach_the_layers_of_a_model_in_a_model(technique: Any, trained: Any, tmp_path: Path) -> None:
    model = nested()
    images = trained.x_test[:64].astype(np.float32)
    before = np.asarray(model(images))
    state = technique.apply(ModelState(model), replace(trained.context()))
    loaded = load_keras(write_artifact(state, tmp_path))
    inner = loaded.get_layer("base").get_layer("conv")
    kernel = inner.get_weights()[0]
    if isinstance(technique, Float16):
        assert inner.compute_dtype == "float16"
        assert loaded.layers[-1].compute_dtype == "float32"
        np.testing.assert_allclose(np.asarray(loaded(images)), before, atol=0.01)
    elif isinstance(technique, Cluster):
        assert len(np.unique(kernel)) <= 256
    else:
        assert 0 < np.mean(kernel == 0) < 1


def test_files_that_are_refused(make_case: MakeCase, tmp_path: Path) -> None:
    path = tmp_path / "mine.keras"
    case = make_case(model=str(path), unfreeze=0)

    def refusal() -> str:
        with pytest.raises(ModelFileError) as caught:
            model_signature(case)
        assert str(path) in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
        return str(caught.value)

    functional(layers.Lambda(lambda x: x + 1)).save(path)
    assert "Lambda" in refusal()
    functional().save(path)
    path.write_bytes(path.read_bytes()[:-200])
    assert "no zip archive" in refusal()
    path.write_bytes(pickle.dumps({"weights": 1}))
    assert "no zip archive" in refusal()
    functional().save(tmp_path / "mine.h5")
    path.write_bytes((tmp_path / "mine.h5").read_bytes())
    assert "no zip archive" in refusal()
    path.unlink()
    assert "mine.keras" in refusal()


def test_code_of_the_user_is_refused(make_case: MakeCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.keras"
    functional(Own()).save(path)
    monkeypatch.delitem(keras.saving.get_custom_objects(), "tests>Own")
    monkeypatch.setattr("tests.models.test_keras_files.Own", None)
    with pytest.raises(ModelFileError, match="Own") as caught:
        model_signature(make_case(model=str(path), unfreeze=0))
    assert len(str(caught.value).splitlines()) == 1
