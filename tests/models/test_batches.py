from __future__ import annotations

import keras
import numpy as np
import pytest

from pytest_opml.datasets.augmentation import Augmentation
from pytest_opml.models import batches
from pytest_opml.models.batches import Examples, compile_for_here, fit, steps_of
from pytest_opml.models.features import Features
from pytest_opml.models.learner import Lesson, learner
from pytest_opml.models.losses import Figures, label_loss

X = np.arange(10, dtype=np.float32)[:, None]


def identity() -> keras.Model:
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])


def test_training_ends_where_the_end_of_an_epoch_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    model, steps, epochs, kept = identity(), [], [], []
    monkeypatch.setattr(batches, "reuse_memory", lambda: kept.append(len(steps)))
    taught = learner(model, Lesson(label_loss(Figures("regression", "linear", 1))))
    compile_for_here(taught, "sgd")

    def go_on(number: int, logs: dict[str, float]) -> bool:
        epochs.append((number, "loss" in logs))
        return number < 1

    fit(
        taught,
        Examples(Features([[X]]), X).in_training(model, 4, seed=0),
        steps_of(10, 4),
        5,
        on_step=lambda step, count: steps.append((step, count)),
        on_epoch_end=go_on,
    )
    assert epochs == [(0, True), (1, True)]
    assert steps == [(step, 15) for step in range(6)]
    assert kept == [0, 3], "once a dataset of a generator has set the thresholds, before the first step"


@pytest.mark.parametrize("scaled", [False, True])
def test_a_step_is_traced_once(scaled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    taught = learner(identity(), Lesson(label_loss(Figures("regression", "linear", 1))))
    optimizer = keras.optimizers.AdamW()
    compile_for_here(taught, keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer)
    step, traced = type(taught).train_step, 0

    def counted(model: keras.Model, data: object) -> object:
        nonlocal traced
        traced += 1
        return step(model, data)

    monkeypatch.setattr(type(taught), "train_step", counted)
    fit(taught, Examples(Features([[X]]), X).in_training(identity(), 4, seed=0), steps_of(10, 4), 2)
    assert traced == 1


def test_a_subset_keeps_targets_with_their_examples() -> None:
    part = Examples(Features([[X]]), 2 * X).subset(np.array([7, 2]))
    inputs, targets = next(iter(part.in_order(identity(), 2)))
    assert (inputs.numpy().tolist(), targets.numpy().tolist()) == ([[7], [2]], [[14], [4]])


def test_views_take_turns_and_a_teacher_is_asked_for_the_same_view() -> None:
    views = [[X], [X + 100], [X + 200]]
    examples = Examples(Features(views, taught=[-view for (view,) in views]), X)
    stream, seen = examples.in_training(identity(), 4, seed=0), []
    for _ in range(4):
        inputs, targets = (np.concatenate(parts) for parts in zip(*stream.as_numpy_iterator(), strict=True))
        assert np.array_equal(inputs[:, 0], -targets[:, 1])
        assert np.array_equal(inputs[:, 0] % 100, targets[:, 0])
        seen.append(dict(zip(targets[:, 0], inputs[:, 0] // 100, strict=True)))
    assert set(seen[0].values()) == {0}  # the plain one first
    assert all({seen[turn][key] for turn in (1, 2, 3)} == {0, 1, 2} for key in seen[0])
    plain, _ = next(iter(examples.in_order(identity(), 10)))
    assert np.array_equal(plain, X)


def test_features_are_mixed_with_their_targets() -> None:
    examples = Examples(Features([[X]]), X, Augmentation(("mixup",), 0))
    (inputs, targets), *_ = examples.in_training(identity(), 10, seed=0).as_numpy_iterator()
    assert np.allclose(inputs, targets)
    assert not set(inputs[:, 0]) <= set(X[:, 0])
