from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pytest_opml.models.normalization import fixed_statistics, has_statistics, normalizations, reestimate_statistics
from tests.conftest import Trained

layers = keras.layers


def test_a_trained_layer_keeps_its_statistics_and_learns_its_scale(trained: Trained) -> None:
    model = trained.load()
    first, second = normalizations(model)
    before = [layer.get_weights() for layer in (first, second)]
    x, y = trained.x_test[:64], trained.data.y_test[:64]
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
    with fixed_statistics(model) as names:
        assert names == ["second_bn", "third_bn"]
        assert np.allclose(model(x, training=True), model(x, training=False), atol=1e-6)
        model.fit(x, y, verbose=0)
    for layer, (gamma, beta, mean, variance) in zip((first, second), before, strict=True):
        assert not np.array_equal(layer.gamma, gamma)
        assert not np.array_equal(layer.beta, beta)
        assert np.array_equal(layer.moving_mean, mean)
        assert np.array_equal(layer.moving_variance, variance)
    assert not np.allclose(model(x, training=True), model(x, training=False), atol=1e-3)  # as before the block


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((5, 4, 3), {}),
        ((5, 4, 3), {"epsilon": 1e-7}),
        ((5, 4, 3), {"axis": 1}),
        ((5, 4, 3), {"scale": False}),
        ((5, 4, 3), {"center": False}),
        ((5, 4, 3), {"dtype": "mixed_float16"}),
        ((6,), {}),
    ],
    ids=str,
)
def test_fixed_statistics_give_the_layer_s_own_answers_and_gradients(
    shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    random = np.random.default_rng(0)
    layer = layers.BatchNormalization(**options)
    model = keras.Sequential([keras.Input(shape), layer])
    layer.set_weights([random.uniform(1e-4, 2, w.shape) for w in layer.get_weights()])
    x = tf.constant(random.normal(size=(7, *shape)), layer.compute_dtype)

    def answers_and_gradients() -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            answers = model(x, training=False)
            loss = tf.reduce_sum(tf.cast(answers, "float32") ** 2)
        return [answers, *tape.gradient(loss, [x, *(v.value for v in layer.trainable_variables)])]

    own = answers_and_gradients()
    with fixed_statistics(model) as names:
        assert names == [layer.name]
        fixed = answers_and_gradients()
    assert len(fixed) == len(own)
    for a, b in zip(own, fixed, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-4)


def test_a_fresh_layer_learns_its_statistics() -> None:
    model = keras.Sequential([keras.Input((4,)), layers.BatchNormalization(), layers.Dense(2)])
    (layer,) = normalizations(model)
    with fixed_statistics(model) as names:
        model(np.ones((8, 4), np.float32), training=True)
    assert names == []
    assert has_statistics(layer)


def test_statistics_that_were_lost_are_worked_out_anew(trained: Trained) -> None:
    model = trained.load()
    answers = model.predict(trained.x_test, verbose=0)
    right = np.mean(answers.argmax(axis=1) == trained.data.y_test)
    for layer in normalizations(model):
        gamma, beta, mean, variance = layer.get_weights()
        layer.set_weights([gamma, beta, np.zeros_like(mean), np.ones_like(variance)])
        layer.trainable = False
    others = [v.numpy() for v in model.trainable_variables]
    assert reestimate_statistics(model, trained.data.x_train, 128) == 2
    anew = np.mean(model.predict(trained.x_test, verbose=0).argmax(axis=1) == trained.data.y_test)
    assert anew > right - 0.02
    assert all(np.array_equal(a, b) for a, b in zip(others, model.trainable_variables, strict=True))
    assert [(layer.momentum, layer.trainable) for layer in normalizations(model)] == [(0.9, False), (0.9, False)]
