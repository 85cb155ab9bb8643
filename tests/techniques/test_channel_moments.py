from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_opml.techniques import channel_moments
from pytest_opml.techniques.channel_moments import moments_of


@pytest.mark.parametrize(
    "layer",
    [
        ("Conv2D", {"filters": 4, "kernel_size": 1, "strides": 2}),
        ("Conv2D", {"filters": 4, "kernel_size": (3, 2), "padding": "same"}),
        ("Conv2D", {"filters": 4, "kernel_size": 3, "strides": (2, 1)}),
        ("Conv2D", {"filters": 4, "kernel_size": 3, "dilation_rate": 2}),
        ("Dense", {"units": 4}),
    ],
)
def test_they_tell_the_mean_and_variance_of_what_a_layer_gives(layer: tuple[str, dict[str, Any]]) -> None:
    import keras

    inputs = keras.Input((8, 7, 3))
    source = keras.layers.Conv2D(5, 3, activation="relu", padding="same")(inputs)
    seen = getattr(keras.layers, layer[0])(name="seen", **layer[1])
    model = keras.Model(inputs, seen(source))
    images = np.random.default_rng(0).normal(size=(10, 8, 7, 3)).astype(np.float32)
    moments = moments_of(model, ["seen"], [images[:6], images[6:]])["seen"]
    kernel = seen.kernel.numpy().reshape(-1, 4)
    given = model(images).numpy().reshape(-1, 4)
    assert np.allclose(moments.mean @ kernel, given.mean(axis=0), atol=1e-4)
    assert np.allclose(np.sum((moments.covariance @ kernel) * kernel, axis=0), given.var(axis=0), rtol=1e-3)


def test_what_is_too_wide_has_a_mean_only(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    monkeypatch.setattr(channel_moments, "_WIDEST", 20)
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(20, 1, name="narrow")(inputs)
    x = keras.layers.Conv2D(2, 1, name="just")(x)
    model = keras.Model(inputs, keras.layers.Dense(1, name="wide")(keras.layers.Flatten()(x)))
    images = np.ones((2, 4, 4, 3), np.float32)
    moments = moments_of(model, ["narrow", "just", "wide"], [images])
    assert {name: of_layer.covariance is None for name, of_layer in moments.items()} == {
        "narrow": False,
        "just": False,
        "wide": True,
    }
    assert [moments[name].mean.shape for name in ("narrow", "just", "wide")] == [(3,), (20,), (32,)]
    wide = model.get_layer("wide").kernel.numpy()
    assert moments["wide"].mean @ wide == pytest.approx(model(images).numpy()[0], abs=1e-5)


def test_of_many_positions_few_examples_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    monkeypatch.setattr(channel_moments, "_ROWS_A_BATCH", 50)
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1, name="seen")(inputs))
    images = np.random.default_rng(0).normal(size=(8, 4, 4, 3)).astype(np.float32)
    moments = moments_of(model, ["seen"], [images])["seen"]
    assert np.allclose(moments.mean, images[:3].reshape(-1, 3).mean(axis=0), atol=1e-6)
