"""Structured pruning: whole filters are removed, so that the network is smaller and faster on any hardware.

Source: H. Li et al., "Pruning filters for efficient ConvNets", 2016: filters of small L1 norm go, the same share in
each layer, and the rest is fine-tuned.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ..errors import TechniqueError
from .agreement import require_copy
from .base import Changes, ModelState, Technique, TrainingContext
from .channel_groups import Channels, Ids
from .channel_removal import cut, ignored, multiply_accumulates

FINE_TUNING_RATE = 1e-3
FINE_TUNING_EPOCHS = 2
# Vectorised kernels work on 8 channels at a time; narrow layers have too few to round.
_MULTIPLE, _NARROW = 8, 32


def channels_left(count: int, share: float) -> int:
    """How many of ``count`` channels stay when a share of them is removed: a multiple of 8 from 32 on, at least 8."""
    left = count * (1 - share)
    rounded = math.floor(left / _MULTIPLE + 0.5) * _MULTIPLE if count >= _NARROW else round(left)
    return min(count, max(_MULTIPLE, rounded))


def filter_norms(kernel: npt.NDArray[np.float32], scale: npt.NDArray[np.float32] | None) -> npt.NDArray[np.float64]:
    """The L1 norm of each filter over the layer's mean.

    Args:
        kernel: (..., filters).
        scale: (filters,) what the batch normalisation after the layer multiplies each filter by, where there is one.
    """
    norms = np.abs(kernel).sum(axis=tuple(range(kernel.ndim - 1)), dtype=np.float64)
    norms = norms if scale is None else norms * np.abs(scale)
    return np.asarray(norms / max(float(norms.mean()), float(np.finfo(np.float64).tiny)))


def least_important(model: Any, channels: Channels, share: float) -> Ids:
    """The channels to remove: of each space the share whose filters, over all layers that give it, are smallest."""
    importance: dict[int, float] = {}
    for name, ids in channels.produced.items():
        kernel = model.get_layer(name).get_weights()[0]
        norms = filter_norms(kernel, _scale(channels.normalised.get(name)))
        for root, norm in zip(channels.roots(ids).tolist(), norms, strict=True):
            importance[root] = importance.get(root, 0.0) + float(norm)
    removed: list[Ids] = [np.empty(0, np.intp)]
    for space in channels.spaces():
        order = np.argsort([importance[int(root)] for root in space], kind="stable")
        removed.append(space[order[: len(space) - channels_left(len(space), share)]])
    return np.concatenate(removed)


def _scale(normalisation: Any | None) -> npt.NDArray[np.float32] | None:
    if normalisation is None:
        return None
    gamma = normalisation.gamma.numpy() if normalisation.scale else 1.0
    scale = gamma / np.sqrt(normalisation.moving_variance.numpy() + normalisation.epsilon)
    return np.asarray(scale, dtype=np.float32)


class FilterPrune(Technique):
    """``filter-prune-S``: the share S of the filters of each layer removed, then all layers fine-tuned.

    Layers whose outputs are added or multiplied lose the same filters, by the sum of their norms. The classes, and what
    feeds a layer of a kind that is not understood, stay whole. At least 8 filters stay in each layer.
    """

    argument: ClassVar[str | None] = "share"

    share: float = Field(gt=0, lt=1, description="the share of filters to remove from each layer, between 0 and 1")
    epochs: int = Field(default=FINE_TUNING_EPOCHS, ge=0, le=1000, description="of fine-tuning")
    rate: float = Field(default=FINE_TUNING_RATE, gt=0, le=1, description="of Adam at the first step")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        channels = Channels(state.model)
        removed = least_important(state.model, channels, self.share)
        if not removed.size:
            raise TechniqueError(
                f"filter-prune-{self.share:g}: no layer of {state.model.name} has filters to spare (at least 8 stay, "
                "rounded to a multiple of 8 where there are 32 or more); nothing changed"
            )
        model = cut(state.model, channels, removed)
        with ignored(state.model, channels, removed):
            require_copy(f"filter-prune-{self.share:g}: the smaller network", state.model, model, context)
        seconds = context.fine_tune(model, epochs=self.epochs, learning_rate=self.rate)
        produced = np.concatenate([channels.roots(ids) for ids in channels.produced.values()])
        changes: Changes = {
            "filter_prune.filters_before": int(produced.size),
            "filter_prune.filters_removed": int(np.isin(produced, removed).sum()),
            "filter_prune.parameters_before": int(state.model.count_params()),
            "filter_prune.parameters_after": int(model.count_params()),
            "filter_prune.multiply_accumulates_before": multiply_accumulates(state.model),
            "filter_prune.multiply_accumulates_after": multiply_accumulates(model),
            "filter_prune.fine_tuning_epochs": self.epochs,
        }
        return replace(state, model=model, training_s=state.training_s + seconds, changes=state.changes | changes)
