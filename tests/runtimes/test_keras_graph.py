"""Keras files of any inputs and outputs."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pytest_opml.errors import ModelFileError
from pytest_opml.runtimes.keras_graph import KerasRuntime
from pytest_opml.runtimes.loader import read_signature
from pytest_opml.tensors import TensorSpec

RANDOM = np.random.default_rng(0)


def saved(model: keras.Model, path: Path) -> Path:
    model.save(path)
    return path


def two_inputs(structure: str) -> keras.Model:
    """Ids and numbers to a figure and two, in lists or dicts."""
    ids, numbers = keras.Input((3,), dtype="int32", name="ids"), keras.Input((2,), name="numbers")
    vectors = keras.layers.Flatten()(keras.layers.Embedding(5, 2)(ids))
    joined = keras.layers.Concatenate()([vectors, numbers])
    age, kind = keras.layers.Dense(1, name="age")(joined), keras.layers.Dense(2, name="kind")(joined)
    if structure == "dict":
        return keras.Model({"numbers": numbers, "ids": ids}, {"kind": kind, "age": age})
    return keras.Model([ids, numbers], [age, kind])


@pytest.mark.parametrize("structure", ["list", "dict"])
def test_several_inputs_and_outputs(tmp_path: Path, structure: str) -> None:
    model = two_inputs(structure)
    path = saved(model, tmp_path / "m.keras")
    signature = read_signature(path)
    assert signature.inputs == (TensorSpec("ids", (3,), "int32"), TensorSpec("numbers", (2,), "float32"))
    assert signature.outputs == (TensorSpec("age", (1,), "float32"), TensorSpec("kind", (2,), "float32"))
    ids, numbers = RANDOM.integers(0, 5, (4, 3)), RANDOM.random((4, 2))
    given: Any = {"ids": ids, "numbers": numbers} if structure == "dict" else [ids, numbers]
    expected = model.predict(given, verbose=0)
    for number, name in enumerate(("age", "kind")):
        runtime = KerasRuntime(path, threads=2, output=name)
        answers = runtime.predict({"numbers": numbers, "ids": ids})
        assert np.allclose(answers, expected[name if structure == "dict" else number], atol=1e-5)
        assert runtime.signature == signature
    with pytest.raises(ModelFileError, match=r"has the outputs age float32 \(n, 1\), kind float32 \(n, 2\); name"):
        KerasRuntime(path, threads=2)


def test_names_of_a_dict_go_before_those_of_layers(tmp_path: Path) -> None:
    first, second = keras.Input((1,), name="b"), keras.Input((1,), name="a")
    path = saved(keras.Model({"first": first, "second": second}, 2 * first + second), tmp_path / "m.keras")
    assert [spec.name for spec in read_signature(path).inputs] == ["first", "second"]
    examples = {"second": np.array([1.0, 2.0]), "first": np.array([10.0, 20.0])}
    assert KerasRuntime(path, threads=2).predict(examples).tolist() == [[21], [42]]


def test_texts_are_looked_up_as_the_model_learnt(tmp_path: Path) -> None:
    vectors = keras.layers.TextVectorization(output_mode="multi_hot", vocabulary=["bad", "good"])
    path = saved(keras.Sequential([keras.Input((), dtype="string"), vectors]), tmp_path / "m.keras")
    assert read_signature(path).inputs[0][1:3] == ((), "string")
    answers = KerasRuntime(path, threads=2).predict(np.array(["good", "bad good", "new"], dtype=object))
    assert answers.tolist() == [[0, 0, 1], [0, 1, 1], [1, 0, 0]]


def test_a_sequential_model_of_a_fixed_batch_is_filled_up(tmp_path: Path) -> None:
    layers = [keras.Input((2,), batch_size=4), keras.layers.Normalization(mean=[1, 2], variance=[4, 4])]
    path = saved(keras.Sequential(layers), tmp_path / "m.keras")
    assert read_signature(path).inputs[0].batch == 4
    numbers = RANDOM.random((6, 2))
    assert np.allclose(KerasRuntime(path, threads=2).predict(numbers), (numbers - [1, 2]) / 2, atol=1e-5)


def test_a_model_of_any_length(tmp_path: Path) -> None:
    inputs = keras.Input((None,), dtype="int64")
    layers = keras.layers
    model = keras.Model(inputs, layers.GlobalMaxPooling1D()(layers.Embedding(9, 3)(inputs)))
    path = saved(model, tmp_path / "m.keras")
    runtime = KerasRuntime(path, threads=2)
    for length in (2, 5):
        ids = RANDOM.integers(0, 9, (3, length))
        assert np.allclose(runtime.predict(ids), model.predict(ids, verbose=0))


def test_weights_that_are_no_numbers(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    model.set_weights([np.full((2, 3), np.nan), np.zeros(3)])
    with pytest.raises(ModelFileError, match=r"m\.keras: 4 of 4 answers are not a number or infinite; .* diverged"):
        KerasRuntime(saved(model, tmp_path / "m.keras"), threads=2).predict(np.zeros((4, 2)))


def test_a_signature_needs_no_weights_but_a_model(tmp_path: Path) -> None:
    path = saved(two_inputs("dict"), tmp_path / "m.keras")
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    assert [spec.name for spec in read_signature(path).inputs] == ["ids", "numbers"]
    for content in ("{}", "no json", json.dumps(config | {"class_name": "Elsewhere", "module": "elsewhere"})):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", content)
        with pytest.raises(ModelFileError, match=r"not a Keras model that can be loaded safely|not a model") as caught:
            read_signature(path)
        assert "\n" not in str(caught.value)


def test_a_model_that_was_never_built_is_refused(tmp_path: Path) -> None:
    path = saved(keras.Sequential([keras.layers.Dense(2)]), tmp_path / "m.keras")
    with pytest.raises(ModelFileError, match="its inputs are not known before it is called"):
        read_signature(path)
