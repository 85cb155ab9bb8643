"""Copies of models that compute the same: their weights, and the state that layers work out of weights or vocabularies.

``set_weights`` on a copy is not enough. A ``Normalization`` computes with constants that it worked out when it was
adapted or loaded, and lookup layers keep their vocabulary outside of their weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from ..runtimes.keras_graph import structure_of

if TYPE_CHECKING:
    import keras

CloneFunction = Callable[[Any], Any]


def clone(
    model: keras.Model,
    clone_function: CloneFunction | None = None,
    input_tensors: Any = None,
    *,
    recursive: bool = True,
    call_function: Callable[..., Any] | None = None,
) -> keras.Model:
    """Return a copy of a model with layers, weights and finalised state of its own.

    Args:
        model: a functional or sequential model; it is not changed.
        clone_function: makes the copy of one layer, without weights; by default from its configuration. It is asked
            for layers only: operations without a layer, as ``a + b`` makes them, are copied as they are.
        input_tensors: Keras tensors to build on, in the structure of the model's inputs (``inputs_like``); by default
            ones of the same names, shapes and dtypes.
        recursive: go into models in the model, so that ``clone_function`` sees their layers instead of them.
        call_function: calls the copy of a layer on what the layer is called on; its result takes the place of the
            layer's.

    Returns:
        A model of the same structure. A layer whose copy is of another kind, or has weights of other shapes, has
        its initial weights; ``assign`` gives it others.
    """
    import keras

    pairs: list[tuple[Any, Any]] = []

    def copy(layer: Any) -> Any:
        if not isinstance(layer, keras.layers.Layer):
            return _same_operation(layer)
        duplicate = clone_function(layer) if clone_function else type(layer).from_config(layer.get_config())
        pairs.append((layer, duplicate))
        return duplicate

    inputs = inputs_like(model) if input_tensors is None else input_tensors
    called = {"call_function": call_function} if call_function else {}
    copied = keras.models.clone_model(model, input_tensors=inputs, clone_function=copy, recursive=recursive, **called)
    for layer, duplicate in pairs:
        copy_state(layer, duplicate)
    return copied


def inputs_like(model: keras.Model, dtype: str | None = None) -> Any:
    """Return new input tensors of the names and shapes of a model's inputs, in their structure (one, list or dict).

    Args:
        model: a functional or sequential model.
        dtype: of the new tensors; that of the model's own by default.
    """
    import keras

    def same(tensor: keras.KerasTensor) -> keras.KerasTensor:
        # Keras would take the tensor's name, which may be another
        name = tensor._keras_history.operation.name
        return keras.Input(batch_shape=tensor.shape, dtype=dtype or tensor.dtype, name=name)

    return keras.tree.map_structure(same, structure_of(model))


def copy_state(layer: keras.layers.Layer, duplicate: keras.layers.Layer) -> None:
    """Give a layer the weights, vocabularies and statistics of another, and so for the layers inside, one by one.

    Where a pair is of different kinds, or its weights of different shapes, the second stays as it is.
    """
    inside, inside_duplicate = layer._flatten_layers(), duplicate._flatten_layers()
    if len(inside) != len(inside_duplicate):
        return
    for part, copy in zip(inside, inside_duplicate, strict=True):
        if type(part) is type(copy) and _own_shapes(part) == _own_shapes(copy):
            _copy_own_state(part, copy)


def assign(layer: Any, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
    """Set the weights of a layer or model, and work out anew what it computed from those that it had.

    Args:
        layer: of Keras 3 or ``tf_keras``; changed in place.
        arrays: as ``get_weights`` gives them.
    """
    layer.set_weights(arrays)
    # tf_keras has no public walk over the layers in a layer that is no model
    parts = layer._flatten_layers()
    for part in parts:
        # A layer without variables would finalise what it gathered while it was adapted, which a loaded one has not.
        if hasattr(part, "finalize_state") and part.weights:
            part.finalize_state()


def _same_operation(operation: Any) -> Any:
    """A copy, since a second use would leave the original without the one output that it is asked for."""
    try:
        return type(operation).from_config(operation.get_config())
    except (NotImplementedError, TypeError, ValueError):
        return operation  # one with a function in it has no configuration


def _own_shapes(layer: Any) -> list[tuple[int, ...]]:
    return [tuple(variable.shape) for variable in layer._trainable_variables + layer._non_trainable_variables]


def _copy_own_state(layer: Any, duplicate: Any) -> None:
    """What a ``.keras`` file carries of a layer itself, from one to the other."""
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    arrays = {key: np.asarray(variable) for key, variable in store.items()}
    if arrays:
        duplicate.load_own_variables(arrays)
    if hasattr(layer, "save_assets") and hasattr(layer, "load_assets"):
        with TemporaryDirectory(prefix="opml-") as folder:
            layer.save_assets(folder)
            if any(Path(folder).iterdir()):
                duplicate.load_assets(folder)
