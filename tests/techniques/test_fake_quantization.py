from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pytest_opml.techniques.agreement import answers_of, probes
from pytest_opml.techniques.fake_quantization import emulated, in_4_bits, ranges_of, rounded_kernel, rounded_layers
from tests.conftest import Trained


@pytest.mark.parametrize(("shape", "axes"), [((3, 3, 4, 5), (3,)), ((3, 3, 4, 2), (2, 3)), ((6, 5), (1,))])
def test_each_channel_of_a_kernel_has_a_scale_of_its_own(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    kernel = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    kernel[..., 0] *= 100
    others = tuple(axis for axis in range(len(shape)) if axis not in axes)
    for bits, most in ((8, 127), (4, 7)):
        scale = np.abs(kernel).max(axis=others, keepdims=True) / most
        steps = np.asarray(rounded_kernel(tf.constant(kernel), axes, bits)) / scale
        assert np.allclose(steps, np.round(steps), atol=1e-3)
        assert np.abs(steps - kernel / scale).max() < 0.501
        assert np.abs(steps).max() == pytest.approx(most)


def test_gradients_pass_the_rounding() -> None:
    kernel = tf.Variable(np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(rounded_kernel(kernel, (1,)) * tf.constant([1.0, 2.0, 3.0]))
    assert np.allclose(tape.gradient(total, kernel), np.tile([1.0, 2.0, 3.0], (4, 1)))
    assert np.allclose(rounded_kernel(tf.zeros((4, 3)), (1,)), 0)


def rounded(model: Any, place: str) -> set[str]:
    return {layer.operation.name for layer in rounded_layers(model) if place in layer.places}


def test_what_becomes_one_kernel_is_rounded_once_at_its_end(trained: Trained) -> None:
    model = trained.load()
    relu = next(layer.name for layer in model.layers if isinstance(layer, keras.layers.ReLU))
    add = next(layer.name for layer in model.layers if isinstance(layer, keras.layers.Add))
    rescaling = next(layer.name for layer in model.layers if isinstance(layer, keras.layers.Rescaling))
    assert rounded(model, "input") == {rescaling}
    assert rounded(model, "inside") == {"head_dense"}
    assert rounded(model, "output") == {rescaling, "first", relu, "third_bn", add, "head_dense"}
    bits = {layer.operation.name: layer.bits for layer in in_4_bits(rounded_layers(model)) if layer.kernels}
    assert bits == {"first": 8, "second": 4, "third": 4, "head_dense": 8}


def test_models_in_a_model_and_operations_without_a_layer_are_rounded_too() -> None:
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="inside"), keras.layers.ReLU(name="after")])
    inputs = keras.Input((4,))
    x = keras.ops.sigmoid(inner(inputs)) + inputs
    model = keras.Model(inputs, keras.layers.Dense(2, name="last")(x))
    kinds = {type(layer.operation).__name__ for layer in rounded_layers(model) if "output" in layer.places}
    assert kinds == {"ReLU", "Sigmoid", "Add", "Dense"}
    assert rounded(model, "input") >= {"inside"}
    assert {layer.operation.name for layer in rounded_layers(model) if layer.kernels} == {"inside", "last"}


def test_a_model_computes_in_steps_while_the_block_runs_and_as_before_afterwards(trained: Trained) -> None:
    model, context = trained.load(), trained.context()
    inputs, layers = probes(context.x_train, 0), rounded_layers(model)
    weights = [id(variable) for variable in model.weights]
    before = answers_of(model, inputs)
    ranges = ranges_of(model, layers, iter([inputs]))
    assert all(low <= 0 < high for low, high in ranges.values())
    first = next(layer for layer in layers if layer.operation.name == "first")
    body = keras.Model(model.inputs, model.get_layer("first").output)
    with emulated(layers, ranges):
        rounded, steps = answers_of(model, inputs), answers_of(body, inputs)
    low, high = ranges[first.operation, "output"]
    counts = np.unique(np.round(steps / ((high - low) / 255), 3))
    assert len(counts) <= 256
    assert np.allclose(counts, np.round(counts), atol=0.01)
    assert 0 < np.abs(rounded - before).max() < 0.2
    assert np.array_equal(answers_of(model, inputs), before)
    assert [id(variable) for variable in model.weights] == weights
