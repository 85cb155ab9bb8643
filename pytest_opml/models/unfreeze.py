"""Which layers are trained, and where the graph is cut so that the others run only once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ..errors import CaseDefinitionError
from ..records.case_record import Unfreeze

if TYPE_CHECKING:
    import keras

_MOMENTUM = 0.9
_MAX_FEATURE_BYTES = 10**9


class Parts(NamedTuple):
    """A model as the part that never changes, where there is one, and the part that is trained."""

    frozen: keras.Model | None
    trained: keras.Model
    mode: Literal["features_once", "full_forward"]


def unfreeze(model: keras.Model, top: Unfreeze) -> list[keras.layers.Layer]:
    """Make the top N layers with weights trainable and freeze the others; returns the trainable ones.

    Frozen batch normalisation runs in inference mode, which Keras does by itself. Trained batch normalisation forgets
    its old statistics faster than in pretraining, since transfer learning takes hundreds of steps and not millions.

    Raises:
        CaseDefinitionError: there are fewer than N such layers.
    """
    import keras

    weighted = [layer for layer in model.layers if layer.weights]
    count = len(weighted) if top == "all" else top
    if count > len(weighted):
        raise CaseDefinitionError(f"unfreeze = {top}: {model.name} has {len(weighted)} layers with weights")
    for layer in model.layers:
        layer.trainable = False
    trained = weighted[len(weighted) - count :]
    for layer in trained:
        layer.trainable = True
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = _MOMENTUM
    return trained


def split_at_frozen(model: keras.Model, samples: int) -> Parts:
    """Cut the graph where frozen layers feed those that depend on a trained one.

    The frozen part is the same in every epoch, so its output need be computed once only, if that of all ``samples``
    fits into 1 GB.
    """
    import keras

    # a model of its own, with the same layers: compiling it leaves no optimizer in the file of the other
    whole = Parts(None, keras.Model(model.inputs, model.outputs), "full_forward")
    if any(isinstance(layer, keras.Model) for layer in model.layers):
        return whole  # the tensors that a model in a model names are its own, not those of this graph
    producers: dict[int, str] = {}
    trained: set[str | None] = set()
    cut: dict[int, Any] = {}
    try:
        # model.layers is in topological order
        for layer in model.layers:
            sources = layer.input if isinstance(layer.input, list) else [layer.input]
            origins = [producers.get(id(tensor)) for tensor in sources]
            producers[id(layer.output)] = layer.name
            if (layer.trainable and layer.weights) or any(origin in trained for origin in origins):
                trained.add(layer.name)
                cut.update({id(t): t for t, origin in zip(sources, origins, strict=True) if origin not in trained})
    except (AttributeError, ValueError):
        return whole  # a layer that is used twice has no single input
    frozen = any(layer.weights for layer in model.layers if layer.name not in trained)
    size = sum(4 * samples * int(np.prod(tensor.shape[1:])) for tensor in cut.values())
    if not frozen or size > _MAX_FEATURE_BYTES:
        return whole
    boundary = list(cut.values())
    return Parts(keras.Model(model.inputs, boundary), keras.Model(boundary, model.outputs), "features_once")
