"""Which layers are trained, and where the graph is cut so that the others run only once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ..errors import CaseDefinitionError, TrainingError
from ..records.case_record import Unfreeze
from ..runtimes.keras_graph import structure_of

if TYPE_CHECKING:
    import keras

_MOMENTUM = 0.9
_MAX_FEATURE_BYTES = 4 * 10**9
# What scales the chance in a layer of Keras; where all that it has are zero, nothing in it is random.
_RATES = ("rate", "dropout", "recurrent_dropout", "stddev")


class Parts(NamedTuple):
    """A model as the part that never changes, where there is one, and the part that is trained."""

    frozen: keras.Model | None
    trained: keras.Model
    mode: Literal["features_once", "full_forward"]


class NamedLayer(NamedTuple):
    """A layer that is no model, under its name behind those of the models that it is in: ``base/conv1``."""

    name: str
    layer: keras.layers.Layer


def unfreeze(model: keras.Model, top: Unfreeze) -> list[NamedLayer]:
    """Make the top N layers with trainable weights trainable and freeze the others; returns the trainable ones.

    Models in the model count by their layers, and a layer that is used twice counts once. Frozen batch normalisation
    runs in inference mode, which Keras does by itself. Trained batch normalisation forgets its old statistics faster
    than in pretraining, since transfer learning takes hundreds of steps and not millions.

    Raises:
        CaseDefinitionError: there are fewer than N such layers.
    """
    import keras

    for part in model._flatten_layers():
        part.trainable = True  # of models in it too: a frozen one would hide what is trained inside
    weighted = trainable_layers(model)
    count = len(weighted) if top == "all" else top
    if count > len(weighted):
        raise CaseDefinitionError(f"unfreeze = {top}: {model.name} has {len(weighted)} layers with weights")
    trained = weighted[len(weighted) - count :]
    chosen = {id(named.layer) for named in trained}
    for _, layer in _leaves(model):
        layer.trainable = id(layer) in chosen
        if layer.trainable and isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = _MOMENTUM
    return trained


def trainable_layers(model: keras.Model) -> list[NamedLayer]:
    """Return the layers of a model that ``unfreeze`` counts, from the input on, whether they are frozen now or not."""
    return [named for named in _leaves(model) if _can_be_trained(named.layer)]


def _can_be_trained(operation: Any) -> bool:
    """Whether a layer, or one inside, has weights that training can change; statistics of the data are none."""
    parts = operation._flatten_layers() if hasattr(operation, "_flatten_layers") else []
    return any(part._trainable_variables for part in parts)


def _leaves(model: Any, prefix: str = "", seen: set[int] | None = None) -> Iterator[NamedLayer]:
    """The layers of a model, each once, with those of the models in it instead of these."""
    seen = set() if seen is None else seen
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _leaves(layer, f"{prefix}{layer.name}/", seen)
        elif id(layer) not in seen:
            seen.add(id(layer))
            yield NamedLayer(f"{prefix}{layer.name}", layer)


def split_at_frozen(model: keras.Model, samples: int) -> Parts:
    """Cut the graph where frozen layers feed those that depend on a trained one.

    The frozen part is the same in every epoch, so its output need be computed once only, if that of all ``samples``
    fits into 4 GB in half precision. What is random in training, such as layers of augmentation and dropout, is not the
    same: it belongs to the other part, with all that depends on it.
    """
    import keras

    uncut = whole(model)
    changing: set[int] = set()  # tensors that are not the same in every epoch
    boundary: dict[int, Any] = {}
    frozen_weights = False
    calls = _calls(uncut.trained)
    for node in calls:
        sources = node.input_tensors
        if _changes(node.operation) or any(id(tensor) in changing for tensor in sources):
            changing.update(id(tensor) for tensor in node.outputs)
            boundary.update({id(tensor): tensor for tensor in sources if id(tensor) not in changing})
        else:
            frozen_weights |= _can_be_trained(node.operation)
    cut = list(boundary.values())
    if not frozen_weights or not all(_can_be_stored(tensor) for tensor in cut):
        return uncut
    if sum(2 * samples * int(np.prod(tensor.shape[1:])) for tensor in cut) > _MAX_FEATURE_BYTES:
        return uncut
    upper = [node for node in calls if any(id(tensor) in changing for tensor in node.outputs)]
    return Parts(keras.Model(structure_of(model), cut), repeated(upper, cut, model.outputs[0]), "features_once")


def repeated(calls: Sequence[Any], sources: Sequence[Any], outputs: Any) -> keras.Model:
    """Return a model of its own of some calls of layers.

    Keras would cut the graph there itself, but fails where a layer is used on both sides.

    Args:
        calls: nodes of a functional model, each after those that it depends on.
        sources: the tensors that they take from elsewhere, which become its inputs.
        outputs: the tensor, or the list of them, that it gives.
    """
    import keras

    tensors = {id(source): keras.Input(batch_shape=source.shape, dtype=source.dtype) for source in sources}
    inputs = list(tensors.values())
    for node in calls:
        positional, named = node.arguments.fill_in(tensors)
        answers = keras.tree.flatten(node.operation(*positional, **named))
        tensors |= {id(tensor): answer for tensor, answer in zip(node.outputs, answers, strict=True)}
    return keras.Model(inputs, keras.tree.map_structure(lambda tensor: tensors[id(tensor)], outputs))


def whole(model: keras.Model) -> Parts:
    """Return a model uncut, as a model of its own with the same layers.

    Compiling that leaves no optimizer in the file of the other.
    """
    import keras

    return Parts(None, keras.Model(structure_of(model), model.outputs[0]), "full_forward")


def has_own_layers(model: keras.Model) -> bool:
    """Whether a layer of a model is not one of Keras, so that nobody knows what it does in training."""
    return any(not type(layer).__module__.startswith("keras.") for layer in model._flatten_layers())


def same_in_training(model: keras.Model, examples: Any) -> bool:
    """Whether a model gives the same for examples in training as it does otherwise."""
    import keras

    steady = keras.tree.flatten(model(examples, training=False))
    return all(
        np.allclose(np.asarray(one), np.asarray(trained), rtol=1e-3, atol=1e-5)
        for one, trained in zip(steady, keras.tree.flatten(model(examples, training=True)), strict=True)
    )


def _calls(model: keras.Model) -> list[Any]:
    """The calls of layers and of operations without a layer, each after those that it depends on."""
    by_depth = model._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth] if not node.is_input]


def _changes(operation: Any) -> bool:
    """Whether the output for an example may change from one step of training to the next."""
    return bool(getattr(operation, "trainable_weights", ())) or is_random(operation)


def is_random(operation: Any) -> bool:
    """Return whether a layer draws random numbers in training, itself or in a layer inside.

    Args:
        operation: a layer, a model, or an operation without a layer, which never does.
    """
    parts = operation._flatten_layers() if hasattr(operation, "_flatten_layers") else []
    return any(_draws(part) for part in parts)


def _draws(layer: Any) -> bool:
    rates = [getattr(layer, rate) for rate in _RATES if isinstance(getattr(layer, rate, None), (int, float))]
    return bool(layer._seed_generators) and (not rates or any(rates))


def _can_be_stored(tensor: Any) -> bool:
    """Whether an array of it says all: its shape is the same for each example, and no mask goes with it."""
    lengths_are_set = all(length is not None for length in tensor.shape[1:])
    return lengths_are_set and tensor.dtype != "string" and getattr(tensor, "_keras_mask", None) is None


def fingerprints(layers: Sequence[NamedLayer]) -> dict[str, list[bytes]]:
    """Return a digest of each trainable weight of layers, by the layer's name."""
    return {
        name: [hashlib.blake2b(np.asarray(weight).tobytes()).digest() for weight in layer.trainable_weights]
        for name, layer in layers
    }


def check_trained(layers: Sequence[NamedLayer], before: Mapping[str, list[bytes]]) -> None:
    """Check that training changed each layer that it is said to have trained, and left numbers.

    Args:
        layers: that were trained.
        before: their ``fingerprints`` from before training.

    Raises:
        TrainingError: the weights of a layer are as they were, or are no longer finite.
    """
    after = fingerprints(layers)
    still = [name for name, _ in layers if after[name] == before[name]]
    if still:
        raise TrainingError(
            f"training did not change layer {still[0]}{_and_more(still)}, which unfreeze counts: no gradient reaches "
            "it (an operation without one, a layer that the output does not depend on, or units that are always off); "
            "lower unfreeze or mend the model"
        )
    broken = [
        name
        for name, layer in layers
        if not all(np.isfinite(np.asarray(weight)).all() for weight in layer.trainable_weights)
    ]
    if broken:
        raise TrainingError(
            f"training left weights that are no numbers in layer {broken[0]}{_and_more(broken)}: the loss grew beyond "
            "all bounds; check the range of the inputs and targets"
        )


def _and_more(names: list[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""
