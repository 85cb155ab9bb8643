"""A network small enough to train in a second; workers find it as ``tests.support.small:build``."""

from __future__ import annotations

from typing import Any

NAME = "tests.support.small:build"
LAYERS_WITH_WEIGHTS = 6  # three convolutions, two normalisations, the head


def build(keras: Any, size: int, channels: int, *, weights: str) -> Any:
    layers = keras.layers
    inputs = keras.Input((size, size, channels), dtype="uint8")
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(16, 3, 2, padding="same", activation="relu", name="first")(x)
    x = layers.Conv2D(32, 3, 2, padding="same", use_bias=False, name="second")(x)
    x = shortcut = layers.ReLU()(layers.BatchNormalization(name="second_bn")(x))
    x = layers.Conv2D(32, 3, padding="same", use_bias=False, name="third")(x)
    x = layers.Add()([shortcut, layers.BatchNormalization(name="third_bn")(x)])
    return keras.Model(inputs, layers.Flatten()(x), name="small")


def not_a_model(keras: Any, size: int, channels: int, *, weights: str) -> str:
    return "a model"
