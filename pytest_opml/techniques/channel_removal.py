"""Making a model really smaller by leaving channels out of its layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..models.cloning import clone
from .channel_groups import Channels, Ids, nodes_of

if TYPE_CHECKING:
    import keras


def cut(model: keras.Model, channels: Channels, removed: Ids) -> keras.Model:
    """Return the model without some of its channels.

    On the channels that stay it computes what the model would if no layer took in anything of the removed ones. Names,
    ``trainable`` flags and dtype policies stay as they are.

    Args:
        model: a functional or sequential model; it is not changed.
        channels: of this model.
        removed: channels out of ``channels.spaces()``.

    Returns:
        A functional model.
    """
    import keras

    inputs_left = {name: _positions_left(channels, ids, removed) for name, ids in channels.inputs.items()}
    outputs_left = {name: _positions_left(channels, ids, removed) for name, ids in channels.outputs.items()}

    def smaller(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer.name in channels.produced:
            config["filters" if "filters" in config else "units"] = len(outputs_left[layer.name])
        if isinstance(layer, keras.layers.Reshape) and layer.name in outputs_left and config["target_shape"][-1] != -1:
            config["target_shape"] = (*config["target_shape"][:-1], len(outputs_left[layer.name]))
        return type(layer).from_config(config)

    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    smaller_model = clone(model, smaller, recursive=False)
    for layer in model.layers:
        if not layer.weights or layer.name not in outputs_left:
            continue
        arrays = layer.get_weights()
        if layer.name in channels.produced:
            arrays[0] = arrays[0][..., inputs_left[layer.name], :]
            arrays = [array[..., outputs_left[layer.name]] for array in arrays]
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            arrays = [
                arrays[0][:, :, outputs_left[layer.name]],
                *(array[outputs_left[layer.name]] for array in arrays[1:]),
            ]
        else:
            arrays = [array[outputs_left[layer.name]] for array in arrays]
        smaller_model.get_layer(layer.name).set_weights(arrays)
    return smaller_model


@contextmanager
def ignored(model: keras.Model, channels: Channels, removed: Ids) -> Iterator[None]:
    """While the block runs, no layer of the model takes in anything of the removed channels.

    Args:
        model: as it was given to ``cut``, whose result answers the same.
        channels: of this model.
        removed: channels out of ``channels.spaces()``.
    """
    kernels: list[tuple[Any, Any]] = []
    try:
        for name in channels.produced:
            kernel = model.get_layer(name).kernel
            array = kernel.numpy()
            kernels.append((kernel, array))
            left = np.isin(np.arange(array.shape[-2]), _positions_left(channels, channels.inputs[name], removed))
            kernel.assign(array * left[:, None])
        yield
    finally:
        for kernel, array in kernels:
            kernel.assign(array)


def _positions_left(channels: Channels, ids: Ids, removed: Ids) -> Ids:
    """Positions, among the channels of a tensor, of those that stay."""
    return np.flatnonzero(~np.isin(channels.roots(ids), removed))


def multiply_accumulates(model: keras.Model) -> int:
    """Multiplications with a weight of a convolution or dense layer, for one image of the model's input size."""
    import keras

    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
    return sum(
        int(np.prod(node.operation.kernel.shape)) * int(np.prod(node.outputs[0].shape[1:-1]))
        for node in nodes_of(model)
        if isinstance(node.operation, kinds)
    )
