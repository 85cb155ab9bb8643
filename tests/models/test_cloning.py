"""Copies of models that were adapted and trained: each must compute what the original does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from ai_edge_litert.interpreter import Interpreter

from pytest_opml.models.cloning import assign, clone, copy_state, inputs_like
from pytest_opml.models.dtype_policy import under_policy
from pytest_opml.techniques.tflite_converter import converter_of

layers = keras.layers
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (32, 16, 16, 3)).astype(np.float32)
ROWS = RANDOM.normal(300_000, 90_000, (32, 4)).astype(np.float32)
WORDS = np.array([["red"], ["green"], ["blue"], ["green"]])


def normalization(data: Any, name: str = "norm") -> Any:
    layer = layers.Normalization(name=name)
    layer.adapt(data)
    return layer


def classifier(x: Any, inputs: Any) -> Any:
    x = layers.Conv2D(8, 3, activation="relu")(x)
    outputs = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, outputs)


def flat() -> Any:
    inputs = keras.Input((16, 16, 3), name="image")
    return classifier(normalization(IMAGES)(inputs), inputs)


def nested() -> Any:
    first = keras.Input((16, 16, 3))
    inner = keras.Model(first, normalization(IMAGES)(first), name="inner")
    inputs = keras.Input((16, 16, 3), dtype="uint8")
    return classifier(inner(layers.Rescaling(1.0)(inputs)), inputs)


def sequential() -> Any:
    end = [layers.Flatten(), layers.Dense(10, activation="softmax")]
    return keras.Sequential([keras.Input((16, 16, 3)), keras.Sequential([normalization(IMAGES)]), *end])


class Scaled(layers.Layer):
    """A layer with a layer inside that is no model."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.scale = layers.Normalization()

    def build(self, shape: Any) -> None:
        self.scale.build(shape)

    def call(self, x: Any) -> Any:
        return self.scale(x)


def wrapped() -> Any:
    inputs = keras.Input((16, 16, 3))
    layer = Scaled()
    x = layer(inputs)
    layer.scale.adapt(IMAGES)
    return classifier(x, inputs)


def operations() -> Any:
    inputs = keras.Input((16, 16, 3))
    x = normalization(IMAGES)(inputs)
    return classifier(keras.ops.sin(x + 0.5) * x, inputs)


def shared() -> Any:
    pair = {name: keras.Input((4,), name=name) for name in ("first", "second")}
    scale, dense = normalization(ROWS), layers.Dense(6, activation="relu")
    x = layers.Concatenate()([dense(scale(pair["first"])), dense(scale(pair["second"]))])
    return keras.Model(pair, layers.Dense(3, activation="softmax")(x))


def given() -> Any:
    inputs = keras.Input((4,))
    x = layers.Normalization(mean=[3e5] * 4, variance=[8e9] * 4)(inputs)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def bins() -> Any:
    layer = layers.Discretization(num_bins=5, output_mode="one_hot")
    layer.adapt(ROWS)
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(layer(inputs))))


MODELS: dict[Callable[[], Any], Any] = {
    **dict.fromkeys((flat, nested, sequential, wrapped, operations), IMAGES),
    shared: {"first": ROWS, "second": ROWS[::-1]},
    **dict.fromkeys((given, bins), ROWS),
}


@pytest.mark.parametrize(("build", "examples"), MODELS.items())
def test_a_copy_computes_what_the_original_does(build: Callable[[], Any], examples: Any) -> None:
    model = build()
    expected, weights = model.predict(examples, verbose=0), model.get_weights()
    copied = clone(model)
    np.testing.assert_allclose(copied.predict(examples, verbose=0), expected, atol=1e-6)
    in_half = under_policy(model, "mixed_float16").model
    np.testing.assert_allclose(in_half.predict(examples, verbose=0), expected, atol=0.02)
    for variable in copied.weights:
        variable.assign(np.zeros(variable.shape))
    for kept, weight in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(kept, weight)


@pytest.mark.parametrize("build", [flat, nested, sequential])
def test_a_copy_of_a_file_converts_to_what_the_file_computes(build: Callable[[], Any], tmp_path: Path) -> None:
    build().save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    interpreter = Interpreter(model_content=converter_of(model).convert())
    signature = interpreter.get_signature_runner()
    (name,) = signature.get_input_details()
    answers = [next(iter(signature(**{name: image[None]}).values()))[0] for image in IMAGES]
    np.testing.assert_allclose(answers, model.predict(IMAGES, verbose=0), atol=1e-4)


@pytest.mark.parametrize("layer", [layers.TextVectorization(), layers.StringLookup(output_mode="tf_idf")])
def test_a_vocabulary_is_copied(layer: Any, tmp_path: Path) -> None:
    layer.adapt(WORDS)
    inputs = keras.Input((1,), dtype="string")
    keras.Model(inputs, layer(inputs)).save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(clone(model)(tf.constant(WORDS)), model(tf.constant(WORDS)))


def test_an_integer_vocabulary_is_copied() -> None:
    layer = layers.IntegerLookup()
    layer.adapt(np.array([[7], [7], [9]]))
    inputs = keras.Input((1,), dtype="int64")
    copied = clone(keras.Model(inputs, layer(inputs)))
    assert np.asarray(copied(np.array([[9], [7], [8]]))).ravel().tolist() == [2, 1, 0]


def test_the_network_with_statistics_inside_keeps_them() -> None:
    model = keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(32, 32, 3), pooling="avg")
    statistics = next(layer for layer in model.layers if isinstance(layer, layers.Normalization))
    assign(statistics, [np.array([0.5, 0.4, 0.3]), np.array([0.05, 0.06, 0.07]), np.array(9)])
    images = RANDOM.integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
    expected = model.predict(images, verbose=0)
    largest = np.abs(expected).max()
    np.testing.assert_allclose(clone(model).predict(images, verbose=0), expected, atol=1e-4 * largest)
    assign(statistics, [np.zeros(3), np.ones(3), np.array(9)])
    assert np.abs(model(images) - expected).max() > 0.1 * largest


def test_legacy_keras_works_its_statistics_out_anew_too() -> None:
    layer = tf_keras.layers.Normalization()
    layer.build((None, 2))
    assign(layer, [np.array([2.0, 4.0]), np.array([4.0, 16.0]), np.array(1)])
    np.testing.assert_allclose(layer(np.array([[4.0, 8.0]])), [[1.0, 1.0]])


def test_a_layer_that_is_made_smaller_waits_for_its_weights() -> None:
    def smaller(layer: Any) -> Any:
        change = {"filters": 4} if isinstance(layer, layers.Conv2D) else {}
        return type(layer).from_config(layer.get_config() | change)

    copied = clone(flat(), smaller)
    assert copied.layers[2].kernel.shape == (3, 3, 3, 4)
    assert copied.layers[-1].kernel.shape == (4, 10)
    np.testing.assert_array_equal(copied.get_layer("norm").mean, flat().get_layer("norm").mean)


def test_layers_of_different_kinds_share_nothing() -> None:
    one, two = layers.Dense(2), layers.Dense(3)
    one.build((None, 2)), two.build((None, 2))
    before = two.get_weights()
    copy_state(one, two)
    copy_state(keras.Sequential([one]), two)
    for array, weight in zip(two.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, weight)


def test_inputs_keep_their_names_and_structure() -> None:
    tensors = inputs_like(shared(), "float64")
    assert {key: (tensor.name, tensor.dtype) for key, tensor in tensors.items()} == {
        "first": ("first", "float64"),
        "second": ("second", "float64"),
    }
    assert clone(flat()).inputs[0].name == "image"


def test_layers_that_compute_otherwise_by_choice_are_left_alone() -> None:
    inputs = keras.Input((4,))
    x = layers.Dense(3, name="exact", dtype="float64")(normalization(ROWS)(inputs))
    x = layers.Dense(3, name="half")(x)
    model, converted = under_policy(keras.Model(inputs, layers.Dense(2)(x)), "mixed_float16")
    assert [layer.compute_dtype for layer in model.layers[1:]] == ["float32", "float64", "float16", "float32"]
    assert converted == 1


def test_token_ids_that_came_as_floats_stay_whole() -> None:
    inputs = keras.Input((2,))
    x = layers.Flatten()(layers.Embedding(30_002, 4)(inputs))
    model = keras.Model(inputs, layers.Dense(2)(layers.Dense(4)(x)))
    ids = np.array([[30_001, 30_000], [2_049, 2_048]], np.float32)
    half = under_policy(model, "mixed_float16").model.predict(ids, verbose=0)
    np.testing.assert_allclose(half, model.predict(ids, verbose=0), atol=1e-3)
