"""Palettes: a few bits a weight, as cluster has them with a table to look them up in, in a file that Keras still opens.

Source: S. Han, H. Mao, W. J. Dally, "Deep compression", 2015. There each layer has a table of its shared weights and a
Huffman code for the indices. Here the shared weights have so few digits that one byte holds each, see
``packed_floats``: the byte is the index, the code is that of bzip2, and the table is the type of the byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ..models.dtype_policy import flat_layers
from .base import Changes, ModelState, Technique, TrainingContext
from .cluster import Cluster
from .kernels import kernels_of
from .packed_floats import form_of
from .shared_weights import round_mantissa

# Biases and normalisation in two bytes: the digits of float16, but with a range of their own.
_MANTISSA_BITS, _OCTAVES = 10, 29
_SHORT = "one byte", "two bytes", "float32"


class Palettize(Technique):
    """``palettize-N``: at most 2^N distinct weights a layer, stored in so few digits that one byte is their index.

    It is ``cluster`` with a file that is smaller than DEFLATE makes it, and that Keras opens as any other.
    """

    argument: ClassVar[str | None] = "bits"

    bits: int = Field(ge=1, le=8, description="of the index of a weight, 1 to 8")
    skip: Literal["none", "first", "last", "ends"] = Field(default="none", description="layers to leave as they are")
    finetune: int = Field(default=1, ge=0, le=1000, description="epochs of fine-tuning the shared weights")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        clustered = Cluster(clusters=2**self.bits, skip=self.skip, finetune=self.finetune).apply(state, context)
        kernels = kernels_of(clustered.model)
        for variable in _others(clustered.model, kernels):
            variable.assign(in_two_bytes(variable.numpy()))
        stored = Counter[str]()
        entropy = 0.0
        for variable in kernels:
            weights = variable.numpy()
            form = form_of(weights)
            stored[_SHORT[form.bytes - 1 if form else -1]] += 1
            entropy += entropy_bits(weights)
        changes: Changes = {f"palettize.layers_in_{name.replace(' ', '_')}": stored[name] for name in _SHORT}
        weights_in_all = sum(int(np.prod(variable.shape)) for variable in kernels)
        changes["palettize.entropy_bits_a_weight"] = round(entropy / weights_in_all, 3)
        return replace(clustered, packed=True, changes=clustered.changes | changes)


def _others(model: Any, kernels: list[Any]) -> Iterator[Any]:
    """The float32 variables besides the kernels, but for those that a layer has worked out constants of already."""
    numbers = {id(variable) for variable in kernels}
    for layer in flat_layers(model):
        if not hasattr(layer, "finalize_state"):
            yield from (one for one in layer.weights if id(one) not in numbers and one.dtype == "float32")


def in_two_bytes(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the values with 10 bits of mantissa; as they are where they span over 29 octaves or are no numbers."""
    rounded = round_mantissa(np.ascontiguousarray(values), _MANTISSA_BITS)
    sizes = np.abs(rounded[rounded != 0])
    narrow = not sizes.size or (np.isfinite(sizes).all() and sizes.max() <= sizes.min() * 2.0**_OCTAVES)
    return rounded if narrow else values


def entropy_bits(values: npt.NDArray[Any]) -> float:
    """Return how many bits the best code of the distinct values takes for all of them, its table aside."""
    counts = np.unique(values, return_counts=True)[1]
    return float(np.dot(counts, np.log2(values.size / counts)))
