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
from pytest_opml.models.unfreeze import unfreeze
from pytest_opml.runtimes.keras_graph import load_keras
from pytest_opml.techniques.artifact_file import write_artifact
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.cluster import Cluster
from pytest_opml.techniques.float16 import Float16
from pytest_opml.techniques.prune import Prune
from pytest_opml.tensors import DataSpec, TensorSpec
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
    with pytest.raises(ModelFileError, match="10 figures for an example, and the data have 7 classes"):
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


def two_heads() -> Any:
    inputs = {"left": keras.Input((4,), name="left"), "right": keras.Input((4,), name="right")}
    x = layers.Dense(6, activation="relu", name="body")(layers.Concatenate()(list(inputs.values())))
    outputs = {"kind": layers.Dense(3, activation="softmax")(x), "age": layers.Dense(1, name="years")(x)}
    return keras.Model(inputs, outputs, name="two")


ROWS = {
    name: np.random.default_rng(seed).normal(size=(5, 4)).astype(np.float32)
    for seed, name in enumerate(("left", "right"))
}
SPECS = tuple(TensorSpec(name, (4,), "float32") for name in ROWS)


def test_the_output_that_is_named_counts(make_case: MakeCase, tmp_path: Path) -> None:
    path, original = tmp_path / "two.keras", two_heads()
    original.save(path)
    expected = original(ROWS)
    case = make_case(model=str(path), unfreeze=0, output="age")
    regression = DataSpec(SPECS, 1, "regression")
    model = build_classifier(case, regression, keras)
    np.testing.assert_allclose(np.asarray(model(ROWS)), expected["age"], rtol=1e-5)
    kinds = DataSpec(SPECS, 3, "classification")
    chosen = build_classifier(case.model_copy(update={"output": "kind"}), kinds, keras)
    np.testing.assert_allclose(np.asarray(chosen(ROWS)), expected["kind"], rtol=1e-5)
    body = build_classifier(case.model_copy(update={"unfreeze": 1}), kinds, keras)
    assert [layer.name for layer in body.layers][-2:] == ["body", "head_dense"]
    for output in (None, "sex"):
        with pytest.raises(ModelFileError, match=r"has the outputs age .*, kind ") as caught:
            build_classifier(case.model_copy(update={"output": output}), regression, keras)
        assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(ModelFileError, match="its output is float32"):
        build_classifier(case, kinds, keras)


def test_one_output_in_a_dict_or_list_is_given_as_it_is(make_case: MakeCase, tmp_path: Path) -> None:
    inputs = keras.Input((16, 16, 3), name="image")
    scores = layers.Dense(10, activation="softmax", name="scores")(layers.Flatten()(inputs))
    case = make_case(model=str(tmp_path / "one.keras"), unfreeze=0)
    for given, structure in (({"image": inputs}, scores), (inputs, {"scores": scores}), ([inputs], [scores])):
        keras.Model(given, structure).save(tmp_path / "one.keras")
        assert build_classifier(case, image_spec(16), keras).output.shape == (None, 10)


def test_one_sigmoid_stands_for_two_classes(make_case: MakeCase, tmp_path: Path) -> None:
    inputs = keras.Input((16, 16, 3))
    keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.Flatten()(inputs))).save(tmp_path / "one.keras")
    case = make_case(model=str(tmp_path / "one.keras"), unfreeze=0)
    assert build_classifier(case, image_spec(16, 2), keras).output_shape == (None, 1)
    with pytest.raises(ModelFileError, match="one figure for an example, and the data have 3 classes"):
        build_classifier(case, image_spec(16, 3), keras)


@pytest.mark.parametrize(
    ("end", "before"),
    [
        ([layers.Dense(10)], "body"),
        ([layers.Dense(10), layers.Softmax()], "body"),
        ([layers.Dense(10), keras.ops.softmax], "body"),
        (
            [keras.Sequential([keras.Input((8,)), layers.Dense(5, name="low"), layers.Dense(10), layers.Softmax()])],
            "low",
        ),
    ],
)
def test_a_head_is_replaced_wherever_it_is(end: list[Any], before: str, make_case: MakeCase, tmp_path: Path) -> None:
    x = inputs = keras.Input((16, 16, 3))
    for part in (layers.Flatten(), layers.Dense(8, name="body"), *end):
        x = part(x)
    keras.Model(inputs, x).save(tmp_path / "mine.keras")
    model = build_classifier(make_case(model=str(tmp_path / "mine.keras"), unfreeze=2), image_spec(16), keras)
    assert [name.rpartition("/")[2] for name, _ in unfreeze(model, 2)] == [before, "head_dense"]


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_maps_and_sequences_of_features_are_averaged(rank: int, make_case: MakeCase, tmp_path: Path) -> None:
    inputs = keras.Input((16, 16, 3))
    x = {2: layers.Flatten(), 3: layers.Reshape((16, 48)), 4: layers.Conv2D(4, 3)}[rank](inputs)
    keras.Model(inputs, x).save(tmp_path / "mine.keras")
    model = build_classifier(make_case(model=str(tmp_path / "mine.keras")), image_spec(16), keras)
    assert model.output_shape == (None, 10)


def test_weights_that_are_no_numbers_are_refused_before_anything_is_trained(
    make_case: MakeCase, tmp_path: Path
) -> None:
    model, path = nested(), tmp_path / "mine.keras"
    kernel = model.get_layer("base").get_layer("conv").kernel
    array = kernel.numpy()
    array[0, 0, 0, :2] = np.nan, np.inf
    kernel.assign(array)
    model.save(path)
    for top in (0, 1):
        with pytest.raises(
            ModelFileError, match=r"2 of the 864 weights in .*conv/kernel are no finite numbers"
        ) as caught:
            build_classifier(make_case(model=str(path), unfreeze=top), image_spec(16), keras)
        assert str(path) in str(caught.value)


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.dense = layers.Dense(10)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def test_a_model_of_a_class_of_its_own_is_refused(make_case: MakeCase, tmp_path: Path) -> None:
    model = Subclassed()
    model(np.zeros((1, 4), np.float32))
    model.save(tmp_path / "own.keras")
    with pytest.raises(ModelFileError, match="must be a functional or sequential model with its inputs declared"):
        build_classifier(make_case(model=str(tmp_path / "own.keras")), image_spec(16), keras)
