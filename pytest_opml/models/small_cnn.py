"""A small convolutional network, trained from scratch."""

from __future__ import annotations

from typing import Any

from ..errors import CaseDefinitionError
from .builders import any_shape, made_for, sides
from .weights import load_weights

_FILTERS = (16, 32, 80, 128)


@any_shape
@made_for(32)
def build(keras: Any, size: int | tuple[int, int], channels: int, *, weights: str = "none") -> Any:
    """Build four blocks of convolution, batch normalisation and ReLU, each but the last halving the image.

    Args:
        keras: the module to build with: Keras 3 or ``tf_keras``.
        size: of the images, or their height and width, at least 8 pixels each.
        channels: of the input.
        weights: ``none`` (random), or the path of a ``.weights.h5`` or ``.h5`` file of this network.

    Returns:
        A model from uint8 images (n, height, width, channels) to pooled features (n, 128).

    Raises:
        CaseDefinitionError: ImageNet weights were asked for, which nobody has.
        ModelFileError: the weights are missing or not those of this network.
    """
    height, width = sides(size)
    if weights == "imagenet":
        raise CaseDefinitionError("case: weights = 'imagenet': small_cnn has none; write weights=\"none\"")
    layers = keras.layers
    inputs = keras.Input((height, width, channels), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocess")(inputs)
    for index, filters in enumerate(_FILTERS):
        if index:
            x = layers.MaxPooling2D(name=f"block{index}_pool")(x)
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"block{index}_conv")(x)
        x = layers.BatchNormalization(name=f"block{index}_bn")(x)
        x = layers.ReLU(name=f"block{index}_relu")(x)
    model = keras.Model(inputs, layers.GlobalAveragePooling2D(name="pool")(x), name="small_cnn")
    if weights != "none":
        load_weights(model, "small_cnn", weights)
    return model
