"""A model that computes in another precision than it was built in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import keras


class Converted(NamedTuple):
    """The model under its new policy, with the weights of the old one, and how many layers compute under it."""

    model: keras.Model
    layers: int


def flat_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Return the layers of a model, with those of the models in it instead of these."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from flat_layers(layer)
        else:
            yield layer


def under_policy(model: keras.Model, policy: str) -> Converted:
    """Return the same network with every layer but the last under a dtype policy such as ``mixed_float16``.

    The last, softmax, stays in float32, as Keras advises. Models that serve as layers are converted likewise.
    """
    import keras

    last, converted = list(flat_layers(model))[-1], 0

    def convert(layer: keras.layers.Layer) -> keras.layers.Layer:
        nonlocal converted
        config = layer.get_config()
        if isinstance(layer, keras.layers.InputLayer) or layer is last:
            return type(layer).from_config(config)
        converted += 1
        return type(layer).from_config(config | {"dtype": policy})

    clone = keras.models.clone_model(model, clone_function=convert, recursive=True)
    clone.set_weights(model.get_weights())
    return Converted(clone, converted)
