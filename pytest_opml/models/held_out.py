"""Examples that are kept from training, to see whether it gains, and the weights that were best on them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .batches import Examples

if TYPE_CHECKING:
    import keras

_MOST, _LEAST = 1_000, 8


def held_out(count: int, seed: int) -> npt.NDArray[np.bool_]:
    """Return which of so many examples are not trained on: a tenth, 1,000 at the most, none of very few."""
    mask = np.zeros(count, dtype=bool)
    share = min(_MOST, count // 10)
    if share >= _LEAST:
        mask[np.random.default_rng(seed).permutation(count)[:share]] = True
    return mask


class BestWeights:
    """The weights of a model at its least loss on held-out examples.

    Args:
        model: whose weights are taken and given back.
        examples: held out; None where there are none, and then nothing is done.
        patience: epochs in a row without a smaller loss, after which there is nothing more to gain; None: never.

    Attributes:
        losses: that were taken.
        epoch: whose weights are the best, counted from 1; 0 for those from before the first, None where none are.
    """

    def __init__(self, model: keras.Model, examples: Examples | None, patience: int | None) -> None:
        self._model, self._examples, self._patience = model, examples, patience
        self._least, self._weights = math.inf, list[Any]()
        self._counted: list[float] = []
        self.losses: list[float] = []
        self.epoch: int | None = None

    def look(self, learner: keras.Model, student: keras.Model, batch: int, epoch: int, *, counts: bool = True) -> bool:
        """Take the loss after an epoch, and the weights where they are the best; say whether to go on.

        Args:
            learner: gives the loss.
            student: the model in it that takes the examples.
            batch: examples at a time.
            epoch: counted from 1; 0 before the first.
            counts: whether these weights may be the best, and whether training may end here.
        """
        if self._examples is None:
            return True
        stream = self._examples.in_order(student, batch)
        self.losses.append(float(learner.evaluate(stream, verbose=0, return_dict=True)["loss"]))
        if not counts:
            return True
        self._counted.append(self.losses[-1])
        if self.losses[-1] < self._least:
            self._least, self.epoch = self.losses[-1], epoch
            self._weights = [np.asarray(variable) for variable in self._model.weights]
        if self._patience is None or len(self._counted) <= self._patience:
            return True
        return min(self._counted[-self._patience :]) < min(self._counted[: -self._patience])

    def restore(self) -> None:
        """Give the model the best weights, where there are some."""
        if self._weights:
            for variable, weights in zip(self._model.weights, self._weights, strict=True):
                variable.assign(weights)
