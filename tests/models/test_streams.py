from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from pytest_opml.datasets.input_set import InputSet
from pytest_opml.datasets.sources import ArraySource
from pytest_opml.errors import ModelFileError
from pytest_opml.models.streams import examples_for, input_specs, predict
from pytest_opml.tensors import TensorSpec

layers = keras.layers
LEFT = np.arange(12, dtype=np.float32).reshape(6, 2)
RIGHT = np.arange(6, dtype=np.int64)
BOTH = InputSet({"right": ArraySource(RIGHT), "left": ArraySource(LEFT)})


def tensors() -> dict[str, Any]:
    return {"left": keras.Input((2,), name="left"), "right": keras.Input((1,), name="right")}


def total(inputs: dict[str, Any]) -> Any:
    # unlike a plain sum, it shows which input is which
    return layers.Concatenate()([inputs["left"], 100 * inputs["right"]])


def test_inputs_go_to_those_of_their_name_in_every_structure() -> None:
    wanted = np.concatenate([LEFT, 100 * RIGHT[:, None]], axis=1)
    given = tensors()
    for structure in (given, list(given.values()), list(given.values())[::-1]):
        model = keras.Model(structure, total(given))
        assert {spec.name for spec in input_specs(model)} == {"left", "right"}
        np.testing.assert_array_equal(predict(model, BOTH, 4), wanted)
    outputs = keras.Model(given, {"sum": total(given)})
    np.testing.assert_array_equal(predict(outputs, BOTH, 4), wanted)


def test_the_keys_of_a_dict_are_the_names_that_count() -> None:
    inputs = {"a": keras.Input((2,), name="a"), "b": keras.Input((), name="b", dtype="int32")}
    model = keras.Model(inputs, layers.Reshape((1,))(inputs["b"]))
    assert set(input_specs(model)) == {TensorSpec("a", (2,), "float32"), TensorSpec("b", (), "int32")}


def test_one_input_may_have_any_name_and_axes_of_one() -> None:
    model = keras.Sequential([keras.Input((2, 1)), layers.Flatten()])
    data = InputSet({"": ArraySource(LEFT)})
    np.testing.assert_array_equal(predict(model, data, 4), LEFT)
    (examples, labels), *_ = examples_for(model, data, 4, RIGHT)
    assert (examples.shape, labels.numpy().tolist()) == ((4, 2, 1), [0, 1, 2, 3])


def test_text_goes_in_as_text() -> None:
    words = layers.TextVectorization(output_sequence_length=2, vocabulary=["red", "green"])
    inputs = keras.Input((1,), dtype="string")
    data = InputSet({"": ArraySource(np.array(["red", "green red"], object))})
    np.testing.assert_array_equal(predict(keras.Model(inputs, words(inputs)), data, 2), [[2, 0], [3, 2]])


def test_inputs_of_other_names_are_refused() -> None:
    given = tensors()
    model = keras.Model(list(given.values()), total(given))
    data = InputSet({"left": ArraySource(LEFT), "other": ArraySource(RIGHT)})
    with pytest.raises(ModelFileError, match=r"takes left float32 \(n, 2\); right .* the data have left"):
        examples_for(model, data, 4)
