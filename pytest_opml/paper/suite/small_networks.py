"""Two small convolutional networks, one the successor of the other, which are trained from scratch in seconds.

They stand for ResNet50 and ResNet101 where these have no weights: layer transfer needs two relatives that have learnt
something. The large one has one convolution more in each of its three stages; from the output on, the layers of both
have the same shapes up to the first convolution of the last stage.
"""

from __future__ import annotations

from typing import Any

from pytest_opml.errors import CaseDefinitionError

_FILTERS = (16, 32, 64)


def small(keras: Any, size: int, channels: int, *, weights: str = "none") -> Any:
    """Build the predecessor, of two convolutions a stage.

    Args:
        keras: the module to build with: Keras 3 or ``tf_keras``.
        size: of the images, pixels.
        channels: of the input.
        weights: ``none``, since there are no others.

    Returns:
        A model from uint8 images (n, size, size, channels) to pooled features (n, 64).

    Raises:
        CaseDefinitionError: other weights were asked for.
    """
    return _network(keras, size, channels, weights, convolutions=2)


def large(keras: Any, size: int, channels: int, *, weights: str = "none") -> Any:
    """Build the successor, of three convolutions a stage; see ``small``."""
    return _network(keras, size, channels, weights, convolutions=3)


def _network(keras: Any, size: int, channels: int, weights: str, *, convolutions: int) -> Any:
    if weights != "none":
        raise CaseDefinitionError(f"case: weights = {weights!r}: this network has none; write weights='none'")
    layers = keras.layers
    inputs = keras.Input((size, size, channels), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocess")(inputs)
    for stage, filters in enumerate(_FILTERS):
        if stage:
            x = layers.MaxPooling2D(name=f"stage{stage}_pool")(x)
        for number in range(convolutions):
            name = f"stage{stage}_{number}"
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_conv")(x)
            x = layers.BatchNormalization(name=f"{name}_bn")(x)
            x = layers.ReLU(name=f"{name}_relu")(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D(name="pool")(x))
