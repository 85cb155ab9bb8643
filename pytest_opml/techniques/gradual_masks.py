"""Weights that become zero little by little while a network is trained on.

The share of zeros rises along a cubic: fast while there is much to spare, and slowly at the end (M. Zhu and S. Gupta,
"To prune, or not to prune", 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from ..progress import report_progress

# Zeros come at once in so many steps, after each of which the other weights may be worked out anew.
CUTS = 5
# Share of the steps in which the zeros come; the rest settles what is left.
RISE = 0.5

Mask = npt.NDArray[np.bool_]


def cubic(progress: float, final: float, start: float = 0.0) -> float:
    """Return the share of zeros at a point of the rise.

    Args:
        progress: 0 at the first step and 1 at the end of the rise; larger is as 1.
        final: share at the end.
        start: share at the first step.
    """
    return final + (start - final) * (1 - min(1.0, max(0.0, progress))) ** 3


def magnitude_masks(kernels: list[npt.NDArray[np.float32]], sparsity: float) -> list[Mask]:
    """Which weights stay when a share of all of them is removed.

    Within a layer the smallest go first. Between layers a weight counts by its square over the sum of the squares of
    those that are not smaller, so that no layer is emptied: its largest weight always counts 1. So do J. Lee et al.,
    "Layer-adaptive sparsity for the magnitude-based pruning", 2021.

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


class GradualMasks:
    """The masks of a model's kernels while their zeros come.

    Args:
        variables: the kernels.
        sparsity: the share of zeros at the end.
        refit: sets what is outside of masks to zero, and lets the other weights make up for it; it takes them by the
            identity of the variable. By default the others stay as they are.
    """

    def __init__(
        self, variables: list[Any], sparsity: float, refit: Callable[[Mapping[int, Mask]], None] | None = None
    ) -> None:
        self._variables, self._sparsity = variables, sparsity
        self._refit = refit or self._set_to_zero
        self._masks: list[Any] = []
        self._cuts = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """While the block runs, hold what is masked at zero in each step of training; all masks are full after it."""
        import tensorflow as tf

        self._masks = [tf.Variable(tf.ones(variable.shape), trainable=False) for variable in self._variables]
        for variable, mask in zip(self._variables, self._masks, strict=True):
            variable.constraint = _Masked(mask)
        try:
            yield
            if self._cuts < CUTS:
                self._cut(self._sparsity)
        finally:
            for variable in self._variables:
                variable.constraint = None
            self._masks = []

    def before_step(self, step: int, steps: int) -> None:
        """Raise the share of zeros to where it is to be at a step of the training, ``steps`` in all."""
        cuts = min(CUTS, 1 + int((CUTS - 1) * step / max(1.0, RISE * steps)))
        if cuts > self._cuts:
            self._cuts = cuts
            self._cut(cubic(cuts / CUTS, self._sparsity))

    def _cut(self, sparsity: float) -> None:
        report_progress(f"setting {sparsity:.0%} of the weights to zero")
        left = magnitude_masks([variable.numpy() for variable in self._variables], sparsity)
        for mask, array in zip(self._masks, left, strict=True):
            mask.assign(array.astype(np.float32))
        self._refit({id(variable): array for variable, array in zip(self._variables, left, strict=True)})

    def _set_to_zero(self, masks: Mapping[int, Mask]) -> None:
        for variable in self._variables:
            variable.assign(variable.numpy() * masks[id(variable)])


class _Masked:
    def __init__(self, mask: Any) -> None:
        self._mask = mask

    def __call__(self, weights: Any) -> Any:
        return weights * self._mask
