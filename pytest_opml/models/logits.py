"""A model up to its logits: what it gives before its last softmax or sigmoid, in which saturated answers are alike."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from ..runtimes.keras_graph import structure_of
from .heads import SATURATING, activation_of, ending_of, origin_of

if TYPE_CHECKING:
    import keras


def up_to_logits(model: keras.Model) -> keras.Model:
    """Return a model with the same layers and variables that gives the figures (n, k) before the last activation.

    Args:
        model: functional or sequential, with one output. One that ends in neither softmax nor sigmoid gives the same.
    """
    import keras

    outputs = model.outputs[0]
    logits = outputs if ending_of(model) == "linear" else _before_activation(outputs)
    return keras.Model(structure_of(model), logits, name=model.name)


def _before_activation(tensor: Any) -> Any:
    """The tensor that a softmax or sigmoid takes, in the form of what it gives."""
    operation, sources = origin_of(tensor)
    if hasattr(operation, "layers") and getattr(operation, "outputs", None):
        return up_to_logits(operation)(sources if len(sources) > 1 else sources[0])
    if type(operation).__name__ in ("Softmax", "Sigmoid"):
        return sources[0]
    if activation_of(operation) in SATURATING:
        activates_only = type(operation).__name__ == "Activation"
        return sources[0] if activates_only else _without_activation()(operation)(sources[0])
    return operation(_before_activation(sources[0]))  # what only changes the form of figures


@cache
def _without_activation() -> Any:
    """The class of layers that are another one without its activation; Keras is not loaded before it is needed."""
    import keras

    class WithoutActivation(keras.layers.Layer):  # type: ignore[misc,unused-ignore]
        def __init__(self, layer: Any) -> None:
            super().__init__(dtype="float32", name=f"{layer.name}_logits")
            self.layer = layer
            self.built = True

        def call(self, inputs: Any) -> Any:
            activation, self.layer.activation = self.layer.activation, keras.activations.linear
            try:
                return self.layer(inputs)
            finally:
                self.layer.activation = activation

    return WithoutActivation
