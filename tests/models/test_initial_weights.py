from __future__ import annotations

from typing import Any

import keras
import numpy as np

from pytest_opml.models.initial_weights import initialise_by_data, needs_data


def make_network(depth: int, *, normalised: bool = False) -> Any:
    layers = keras.layers
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1.0, -120.0)(image)
    for _ in range(depth):
        x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
        x = layers.BatchNormalization()(x) if normalised else x
    return keras.Model(image, layers.GlobalAveragePooling2D()(x))


def test_a_network_with_normalisation_needs_no_data() -> None:
    assert needs_data(make_network(1))
    assert not needs_data(make_network(1, normalised=True))
    dense = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    assert not needs_data(dense)


def test_every_channel_has_mean_0_and_variance_1_before_its_activation() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), np.uint8)
    model = make_network(6)
    before = np.asarray(model(pixels)).std(axis=0).mean()
    initialise_by_data(model, pixels, 0)
    for layer in model.layers:
        if not isinstance(layer, keras.layers.Conv2D):
            continue
        assert layer.activation is keras.activations.relu
        given = np.asarray(keras.Model(model.input, layer.input)(pixels))
        linear = np.asarray(keras.ops.conv(given, layer.kernel, padding="same")) + np.asarray(layer.bias)
        np.testing.assert_allclose(linear.mean(axis=(0, 1, 2)), 0, atol=1e-3)
        np.testing.assert_allclose(linear.std(axis=(0, 1, 2)), 1, atol=1e-2)
    assert np.isfinite(before)
    first = [layer.get_weights()[0] for layer in model.layers if layer.weights]
    initialise_by_data(model, pixels, 0)
    for kernel, layer in zip(first, (layer for layer in model.layers if layer.weights), strict=True):
        np.testing.assert_array_equal(layer.get_weights()[0], kernel)


def test_a_channel_that_gives_the_same_everywhere_stays_finite() -> None:
    model = make_network(2)
    initialise_by_data(model, np.zeros((4, 8, 8, 3), np.uint8), 0)
    assert all(np.isfinite(array).all() for array in model.get_weights())
