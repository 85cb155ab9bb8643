"""Model-to-model layer transfer: top layers of a successor become those of its predecessor.

Source: I. Ari, M. B. Camli, "Tradeoff assessment of deep learning models based on accuracy, time and size", 2022,
sections 3.3 and 4.3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from ..errors import TechniqueError
from ..models.cloning import assign
from ..models.unfreeze import trainable_layers
from .base import Changes, ModelState, OtherModel, Technique, TrainingContext

if TYPE_CHECKING:
    import keras

_RATE = 1e-3


class Pair(NamedTuple):
    """A layer of the predecessor, and that of the successor at the same place from the output."""

    layer: keras.layers.Layer
    source: keras.layers.Layer


def matching_layers(model: keras.Model, source: keras.Model, top: int | None) -> list[Pair]:
    """Return pairs of layers of the same kind and shapes at the same place, counted from the output.

    Args:
        model: the predecessor.
        source: the successor.
        top: how many layers with weights to compare, None for all.
    """

    def weighted(of: keras.Model) -> list[keras.layers.Layer]:
        return [layer for _, layer in reversed(trainable_layers(of))][:top]

    return [
        Pair(layer, counterpart)
        for layer, counterpart in zip(weighted(model), weighted(source), strict=False)
        if type(layer) is type(counterpart)
        and [w.shape for w in layer.weights] == [w.shape for w in counterpart.weights]
    ]


class LayerTransfer(Technique):
    """``layer-transfer:SOURCE``: the top layers of SOURCE, trained on the same images, stitched in and retrained."""

    argument: ClassVar[str | None] = "source"
    separator: ClassVar[str] = ":"

    source: str = Field(min_length=1, description="a model")
    layers: int | None = Field(default=None, ge=1, description="how many to transfer; the case's unfrozen ones")
    top: int | Literal["all"] | None = Field(default=None, description="layers that the source trains")
    retrain: bool = Field(default=True, description="no: measure the stitched model as it is")

    def other_models(self) -> tuple[OtherModel, ...]:
        """See ``Technique.other_models``."""
        return (OtherModel(self.source, self.top),)

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        case = context.case
        top = self.layers or (None if case.unfreeze == "all" else case.unfreeze)
        source = context.trained(*self.other_models()).load()
        pairs = matching_layers(state.model, source, top)
        if not pairs:
            compared = "all layers" if top is None else f"the top {top}"
            raise TechniqueError(
                f"layer-transfer:{self.source}: of {compared}, none has the kind and shapes of that at its place in "
                f"{case.model}; nothing changed"
            )
        moved = 0
        for layer, counterpart in pairs:
            moved += any(
                not np.array_equal(a, b) for a, b in zip(layer.get_weights(), counterpart.get_weights(), strict=True)
            )
            assign(layer, counterpart.get_weights())
        if not moved:
            raise TechniqueError(f"layer-transfer:{self.source}: its layers hold the same weights; nothing changed")
        changes: Changes = {
            "layer_transfer.matched": len(pairs),
            "layer_transfer.lowest": pairs[-1].layer.name,
            "layer_transfer.lowest_in_source": pairs[-1].source.name,
            "layer_transfer.parameters": int(sum(np.prod(w.shape) for pair in pairs for w in pair.layer.weights)),
        }
        seconds = 0.0
        if self.retrain:
            seconds = context.fine_tune(state.model, epochs=case.epochs, learning_rate=_RATE, top=case.unfreeze)
        return replace(state, training_s=state.training_s + seconds, changes=state.changes | changes)
