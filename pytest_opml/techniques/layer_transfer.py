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


class Matching(NamedTuple):
    """Pairs of the same kind and shapes, from the output on, and the first pair of others, None where there is none."""

    pairs: tuple[Pair, ...]
    stopped_at: Pair | None


def matching_layers(model: keras.Model, source: keras.Model, top: int | None) -> Matching:
    """Return the layers of the same kind and shapes at the same place, from the output to the first that differs.

    Args:
        model: the predecessor.
        source: the successor.
        top: how many layers with weights to compare, None for all.
    """

    def weighted(of: keras.Model) -> list[keras.layers.Layer]:
        return [layer for _, layer in reversed(trainable_layers(of))][:top]

    pairs: list[Pair] = []
    for pair in map(Pair, weighted(model), weighted(source)):
        if _form(pair.layer) != _form(pair.source):
            return Matching(tuple(pairs), pair)
        pairs.append(pair)
    return Matching(tuple(pairs), None)


def _form(layer: keras.layers.Layer) -> tuple[type, list[tuple[int, ...]]]:
    return type(layer), [tuple(weight.shape) for weight in layer.weights]


def _described(layer: keras.layers.Layer) -> str:
    shapes = ", ".join("x".join(map(str, weight.shape)) for weight in layer.weights)
    return f"{layer.name} ({type(layer).__name__}, {shapes})"


class LayerTransfer(Technique):
    """``layer-transfer:SOURCE``: the top layers of SOURCE, trained on the same images, stitched in and retrained.

    From the output to the first layer that does not match: below it the two networks compute other features.
    """

    argument: ClassVar[str | None] = "source"
    separator: ClassVar[str] = ":"

    source: str = Field(min_length=1, description="a model")
    layers: int | None = Field(default=None, ge=1, description="how many to transfer; the case's unfrozen ones")
    top: int | Literal["all"] | None = Field(default=None, description="layers that the source trains")
    retrain: bool = Field(default=True, description="no: measure the stitched model as it is")

    def other_models(self) -> tuple[OtherModel, ...]:
        """See ``Technique.other_models``."""
        return (OtherModel(self.source, self.top),)

    def trains(self) -> bool:
        """See ``Technique.trains``."""
        return self.retrain

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        case = context.case
        top = self.layers or (None if case.unfreeze == "all" else case.unfreeze)
        source = context.trained(*self.other_models()).load()
        pairs, stopped_at = matching_layers(state.model, source, top)
        if not pairs:
            ends = (_described(pair) for pair in stopped_at or ())
            raise TechniqueError(
                f"layer-transfer:{self.source}: no layer matches, for it stops at the first that does not: "
                f"{' of the model beside '.join(ends)} of the source; nothing changed"
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
        if stopped_at:
            changes["layer_transfer.stopped_at"] = _described(stopped_at.layer)
            changes["layer_transfer.stopped_at_in_source"] = _described(stopped_at.source)
        seconds = 0.0
        if self.retrain:
            # the labels alone, as in the paper; the model from before has other layers than these
            seconds = context.fine_tune(
                state.model, epochs=case.epochs, learning_rate=_RATE, top=case.unfreeze, teach=False
            ).seconds
        return replace(state, training_s=state.training_s + seconds, changes=state.changes | changes)
