"""Magnitude pruning with fine-tuning under the mask.

Source: S. Han et al., "Learning both weights and connections for efficient neural networks", 2015. How the sparsity is
shared out among the layers follows J. Lee et al., "Layer-adaptive sparsity for the magnitude-based pruning", 2021.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ..errors import TechniqueError
from .base import Changes, ModelState, Technique, TrainingContext
from .kernels import kernels_of

FINE_TUNING_RATE = 3e-4
FINE_TUNING_EPOCHS = 2

Mask = npt.NDArray[np.bool_]


def magnitude_masks(kernels: list[npt.NDArray[np.float32]], sparsity: float) -> list[Mask]:
    """Which weights stay when a share of all of them is removed.

    Within a layer the smallest go first. Between layers a weight counts by its square over the sum of the squares of
    those that are not smaller, so that no layer is emptied: its largest weight always counts 1.

    Args:
        kernels: of any shapes.
        sparsity: the share of all weights to remove, 0 to 1.

    Returns:
        One mask for each kernel, in its shape; True where the weight stays.
    """
    scores = []
    for kernel in kernels:
        squares = np.square(kernel.ravel(), dtype=np.float64)
        order = np.argsort(squares, kind="stable")
        remaining = np.cumsum(squares[order][::-1])[::-1]
        score = np.empty(squares.size)
        score[order] = squares[order] / np.maximum(remaining, np.finfo(np.float64).tiny)
        scores.append(score)
    everything = np.concatenate(scores)
    removed = min(round(sparsity * everything.size), everything.size - len(kernels))
    border = np.partition(everything, removed)[removed]
    return [(score >= border).reshape(kernel.shape) for score, kernel in zip(scores, kernels, strict=True)]


@contextmanager
def held_at_zero(masks: list[Mask], variables: list[Any]) -> Iterator[None]:
    """Set the removed weights to zero, and hold them there in each training step while the block runs."""
    for variable, mask in zip(variables, masks, strict=True):
        variable.assign(variable.numpy() * mask)
        variable.constraint = _Multiply(mask)
    try:
        yield
    finally:
        for variable in variables:
            variable.constraint = None


class _Multiply:
    def __init__(self, mask: Mask) -> None:
        self._mask = mask.astype(np.float32)

    def __call__(self, weights: Any) -> Any:
        return weights * self._mask


class Prune(Technique):
    """``prune-S``: the share S of all kernel weights set to zero, then all layers fine-tuned under the mask."""

    argument: ClassVar[str | None] = "sparsity"

    sparsity: float = Field(gt=0, lt=1, description="the share of weights to remove, between 0 and 1")
    epochs: int = Field(default=FINE_TUNING_EPOCHS, ge=0, le=1000, description="of fine-tuning")
    rate: float = Field(default=FINE_TUNING_RATE, gt=0, le=1, description="of Adam at the first step")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        variables = kernels_of(state.model)
        kernels = [variable.numpy() for variable in variables]
        before = sum(int(np.count_nonzero(kernel)) for kernel in kernels)
        masks = magnitude_masks(kernels, self.sparsity)
        with held_at_zero(masks, variables):
            seconds = context.fine_tune(state.model, epochs=self.epochs, learning_rate=self.rate)
        left = [int(np.count_nonzero(variable.numpy())) for variable in variables]
        if sum(left) >= before:
            raise TechniqueError(f"prune-{self.sparsity:g}: as many weights were zero before; nothing changed")
        sizes = [kernel.size for kernel in kernels]
        changes: Changes = {
            "prune.sparsity": round(1 - sum(left) / sum(sizes), 4),
            "prune.densest_layer": round(max(n / size for n, size in zip(left, sizes, strict=True)), 4),
            "prune.sparsest_layer": round(min(n / size for n, size in zip(left, sizes, strict=True)), 4),
            "prune.share_of_weights": round(sum(sizes) / state.model.count_params(), 4),
            "prune.fine_tuning_epochs": self.epochs,
        }
        return replace(state, deflate=True, training_s=state.training_s + seconds, changes=state.changes | changes)
