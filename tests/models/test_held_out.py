from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from pytest_opml.models.batches import Examples
from pytest_opml.models.features import Features
from pytest_opml.models.held_out import BestWeights, held_out


def test_a_tenth_is_held_out_and_of_very_few_none() -> None:
    assert [int(held_out(count, 0).sum()) for count in (79, 80, 5_000, 50_000)] == [0, 8, 500, 1_000]
    assert np.array_equal(held_out(100, 3), held_out(100, 3))
    assert not np.array_equal(held_out(100, 3), held_out(100, 4))


class Losses:
    """A learner whose loss is what stands next on a list."""

    def __init__(self, losses: list[float]) -> None:
        self._losses = iter(losses)

    def evaluate(self, stream: Any, **_: Any) -> dict[str, float]:
        return {"loss": next(self._losses)}


@pytest.mark.parametrize(
    ("losses", "first", "epoch", "goes_on"),
    [
        ([3, 2, 1, 0.5], 0, 3, [True] * 4),
        ([1, 2, 2, 2], 0, 0, [True, True, False, False]),
        ([3, 1, 2, 0.5], 0, 3, [True, True, True, True]),
        ([0.1, 3, 2, 2.5], 1, 2, [True, True, True, True]),  # what came before does not count
    ],
)
def test_the_best_weights_come_back(losses: list[float], first: int, epoch: int, goes_on: list[bool]) -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    x = np.ones((4, 1), np.float32)
    best, learner = BestWeights(model, Examples(Features([[x]]), x), patience=2), Losses(losses)
    answers = []
    for number in range(len(losses)):
        model.set_weights([np.full((1, 1), number, np.float32)])
        answers.append(best.look(learner, model, 4, number, counts=number >= first))
    best.restore()
    assert answers == goes_on
    assert (best.epoch, best.losses) == (epoch, losses)
    assert model.get_weights()[0].item() == epoch


def test_without_examples_the_last_weights_stay() -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    best = BestWeights(model, None, patience=1)
    assert best.look(model, model, 4, 1)
    best.restore()
    assert (best.epoch, best.losses) == (None, [])
