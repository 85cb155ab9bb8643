"""The naive reference: a classifier that answers at random, the same for the same image.

What every real model must beat: accuracy 1/C and an area under the ROC curve of 0.5 on balanced data of C classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .builders import any_shape, classifier, sides

_PATCH, _FILTERS = 8, 16
# Turns of the sine over the range of a pooled value: neighbours in it end up unrelated.
_AMPLIFICATION = 2_000.0


@any_shape
@classifier
def build(keras: Any, size: int | tuple[int, int], channels: int, *, classes: int) -> Any:
    """Build a hash of the pixels out of fixed random projections and sines.

    Args:
        keras: the module to build with: Keras 3 or ``tf_keras``.
        size: of the images, or their height and width, pixels.
        channels: of the input.
        classes: how many there are to choose from.

    Returns:
        A model from uint8 images (n, height, width, channels) to probabilities (n, classes) without trainable weights.
    """
    layers = keras.layers
    inputs = keras.Input((*sides(size), channels), dtype="uint8", name="image")
    x = layers.Rescaling(1.0, name="pixels")(inputs)
    patches = layers.Conv2D(_FILTERS, _PATCH, _PATCH, padding="same", use_bias=False, trainable=False, name="patches")
    x = layers.GlobalAveragePooling2D(name="pool")(_sine(keras, patches(x)))
    mixed = layers.Dense(classes, use_bias=False, trainable=False, name="mix")
    x = layers.Softmax(name="probabilities", dtype="float32")(_sine(keras, mixed(x)))
    random = np.random.default_rng(0)
    patches.set_weights([random.uniform(-np.pi, np.pi, (_PATCH, _PATCH, channels, _FILTERS)).astype(np.float32)])
    mixed.set_weights([(_AMPLIFICATION * random.standard_normal((_FILTERS, classes))).astype(np.float32)])
    return keras.Model(inputs, x, name="random")


def _sine(keras: Any, x: Any) -> Any:
    if hasattr(keras, "ops"):
        return keras.ops.sin(x)
    import tensorflow as tf  # tf_keras turns its functions into layers

    return tf.math.sin(x)
