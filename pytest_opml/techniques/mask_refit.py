"""The weights of layers that are left with some of their connections, worked out anew without a step of training.

Each filter is given the weights that come closest to its old output with the connections that it still has (least
squares over training examples), as E. Frantar and D. Alistarh do one weight at a time in "SparseGPT:
massive language models can be accurately pruned in one-shot", 2023.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..progress import report_progress
from .channel_elimination import regular
from .channel_groups import Channels
from .channel_moments import Matrix, Moments, moments_of

if TYPE_CHECKING:
    import keras

    from ..tensors import Batch

# Of conjugate gradients.
_STEPS, _TINY = 20, 1e-30

Mask = npt.NDArray[np.bool_]


def refit_masked(model: keras.Model, masks: Mapping[int, Mask], batches: Iterable[Batch]) -> None:
    """Set the weights outside of masks to zero, and let those inside make up for them.

    A depthwise convolution, and a layer in another model, has nothing that could: its other weights stay as they are.

    Args:
        model: functional or sequential; changed in place.
        masks: of kernels, by the identity of the variable, in its shape; True where a weight stays.
        batches: of examples that tell what each layer takes in.
    """
    channels = Channels(model)
    names = [name for name in channels.produced if id(model.get_layer(name).kernel) in masks]
    moments = moments_of(model, names, batches)
    for number, name in enumerate(names):
        report_progress("working out the weights that are left, layer", number + 1, len(names))
        variable = model.get_layer(name).kernel
        kernel = variable.numpy().astype(np.float64).reshape(-1, variable.shape[-1])
        fitted = masked_fit(kernel, masks[id(variable)].reshape(kernel.shape), moments[name])
        assign_kernel(model, channels, name, fitted, moments[name].mean @ (kernel - fitted))
    for variable in model.weights:
        if id(variable) in masks:
            variable.assign(variable.numpy() * masks[id(variable)])


def masked_fit(kernel: Matrix, mask: Mask, moments: Moments) -> Matrix:
    """Return the kernel (width, filters), zero outside of a mask of its shape, whose output varies most as before.

    All filters are worked out at once, by conjugate gradients: each has a mask of its own, and so would need a
    factorisation of its own.
    """
    fitted = kernel * mask
    if moments.covariance is None:
        return fitted
    covariance = regular(moments.covariance)
    scale = np.diag(covariance)[:, None]
    missing = mask * (covariance @ (kernel - fitted))
    direction = scaled = missing / scale
    product = np.sum(missing * scaled, axis=0)
    for _ in range(_STEPS):
        moved = mask * (covariance @ direction)
        length = product / np.maximum(np.sum(direction * moved, axis=0), _TINY)
        fitted += length * direction
        missing -= length * moved
        scaled = missing / scale
        product, before = np.sum(missing * scaled, axis=0), product
        direction = scaled + product / np.maximum(before, _TINY) * direction
    return fitted


def changed_variables(model: keras.Model, channels: Channels, name: str) -> list[Any]:
    """Return the variables of a layer that ``assign_kernel`` changes, its kernel first."""
    layer, normalisation = model.get_layer(name), channels.normalised.get(name)
    if layer.use_bias:
        return [layer.kernel, layer.bias]
    return [layer.kernel] if normalisation is None else [layer.kernel, normalisation.moving_mean]


def assign_kernel(model: keras.Model, channels: Channels, name: str, kernel: Matrix, shift: Matrix) -> None:
    """Give a layer other weights, and shift its output through its bias or the normalisation behind it.

    Args:
        model: that the layer is in.
        channels: of it.
        name: of a convolution or dense layer.
        kernel: (width, filters).
        shift: (filters,) to be added to the output; where there is neither bias nor normalisation, it is not.
    """
    variable, *shifted = changed_variables(model, channels, name)
    variable.assign(kernel.reshape(variable.shape).astype(np.float32))
    for offset in shifted:
        added = shift if model.get_layer(name).use_bias else -shift
        offset.assign(offset.numpy() + added.astype(np.float32))
