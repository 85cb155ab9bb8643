"""A model that computes in another precision than it was built in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from .cloning import clone

if TYPE_CHECKING:
    import keras


# Layers of Keras that turn figures, ids or texts as they are in the data into what a network computes with.
_RAW_DATA = frozenset(
    (
        *("Normalization", "Discretization", "CategoryEncoding", "Hashing", "HashedCrossing"),
        *("StringLookup", "IntegerLookup", "TextVectorization"),
    )
)


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

    The last, softmax, stays in float32, as Keras advises. So do layers that take data of any range, such as
    ``Normalization``, and what computes in another dtype than float32 by the model's own choice. Models that serve as
    layers are converted likewise.
    """
    last, converted = list(flat_layers(model))[-1], 0

    def convert(layer: keras.layers.Layer) -> keras.layers.Layer:
        nonlocal converted
        config = layer.get_config()
        if layer is last or layer.compute_dtype != "float32" or _takes_raw_data(layer):
            return type(layer).from_config(config)
        converted += 1
        return type(layer).from_config(config | {"dtype": policy})

    return Converted(clone(model, convert), converted)


def _takes_raw_data(layer: keras.layers.Layer) -> bool:
    """Whether half precision, which ends at 65,504 and counts to 2,048, could change what goes in."""
    import keras

    if isinstance(layer, keras.layers.Embedding):
        tensors = [tensor for node in layer._inbound_nodes for tensor in node.input_tensors]
        return any("float" in tensor.dtype for tensor in tensors)
    return type(layer).__name__ in _RAW_DATA
