from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from pytest_opml.models.fine_tuning import FineTuning
from pytest_opml.models.normalization import normalizations
from tests.conftest import Trained


def accuracy(model: keras.Model, trained: Trained) -> float:
    return float(np.mean(model.predict(trained.x_test, verbose=0).argmax(axis=1) == trained.data.y_test))


def test_a_trained_network_keeps_what_it_has(trained: Trained) -> None:
    model = trained.load()
    before, statistics = accuracy(model, trained), [layer.moving_mean.numpy() for layer in normalizations(model)]
    tuned = trained.context().fine_tune(model, epochs=1, learning_rate=3e-4)
    assert accuracy(model, trained) >= before - 0.01
    assert tuned.seconds > 0
    assert tuned.epochs == 1
    assert all(np.array_equal(a, layer.moving_mean) for a, layer in zip(statistics, normalizations(model), strict=True))


def test_the_best_weights_come_back(trained: Trained) -> None:
    """Far too high a rate ruins the network; what is left is what it was."""
    model = trained.load()
    weights = model.get_weights()
    tuned = trained.context().fine_tune(model, epochs=5, learning_rate=1.0)
    assert tuned.epochs == 2  # no gain in two epochs
    assert len(tuned.losses) == 3
    assert min(tuned.losses) == tuned.losses[0]
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))
    settled = trained.context().fine_tune(model, epochs=3, learning_rate=1.0, settled=1.0)
    assert settled.epochs == 3
    assert any(not np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))


def test_statistics_of_the_batch_are_learnt_where_that_is_asked_for(trained: Trained) -> None:
    model = trained.load()
    before = normalizations(model)[0].moving_mean.numpy()
    trained.context().fine_tune(model, epochs=1, learning_rate=1e-4, statistics="batch", settled=1.0)
    assert not np.array_equal(before, normalizations(model)[0].moving_mean)


def test_each_step_is_told_before_it_is_done(trained: Trained) -> None:
    model, steps = trained.load(), []
    trained.context().fine_tune(
        model, epochs=2, learning_rate=1e-4, on_step=lambda step, count: steps.append((step, count))
    )
    count = 2 * -(-(len(trained.data.x_train) - len(trained.data.x_train) // 10) // trained.case.batch)
    assert steps == [(step, count) for step in range(count)]


def test_the_teacher_is_the_trained_model_and_holds_the_student(trained: Trained) -> None:
    """Labels that are all wrong: who listens to the teacher alone does not follow them."""
    from pytest_opml.models.learner import Teacher

    right = accuracy(trained.load(), trained)
    context = trained.context()
    wrong: dict[str, Any] = {"targets": (context.y_train + 1) % 10, "epochs": 3, "learning_rate": 5e-3, "settled": 1.0}
    taught, alone = trained.load(), trained.load()
    context.fine_tune(taught, teach=Teacher(context.original(), weight=1.0), **wrong)
    context.fine_tune(alone, teach=False, **wrong)
    assert accuracy(taught, trained) > right - 0.05
    assert accuracy(alone, trained) < 0.3


@pytest.mark.parametrize("top", ["all", 2])
def test_the_teacher_answers_for_images_as_they_are_changed(top: Any, trained: Trained) -> None:
    context, model = trained.context(), trained.load()
    before = accuracy(model, trained)
    context = replace(context, case=context.case.model_copy(update={"augment": "crop+mixup"}))
    tuned = context.fine_tune(model, epochs=2, learning_rate=1e-3, top=top, settled=1.0)
    assert tuned.epochs == 2
    assert tuned.losses[0] < 0.5  # plain examples, of which the teacher says what the student says
    assert accuracy(model, trained) > before - 0.05


def test_a_constraint_is_kept(trained: Trained) -> None:
    model = trained.load()
    kernel = model.get_layer("third").kernel
    kernel.assign(kernel * 0)
    kernel.constraint = lambda weights: weights * 0
    trained.context().fine_tune(model, epochs=1, learning_rate=1e-3)
    assert not kernel.numpy().any()


def test_a_loss_of_its_own_takes_the_answers_of_the_model(trained: Trained) -> None:
    model = trained.load()

    def loss(targets: Any, answers: Any) -> Any:
        return -keras.ops.sum(keras.ops.one_hot(keras.ops.cast(targets[:, 0], "int32"), 10) * answers, axis=1)

    tuned = trained.context().fine_tune(model, epochs=1, learning_rate=1e-4, loss=loss)
    assert -1 <= tuned.losses[0] < -0.6  # smoothed labels leave the right answers at less than 0.9
    assert accuracy(model, trained) > 0.9


def test_no_epochs_are_nothing(trained: Trained) -> None:
    assert trained.context().fine_tune(trained.load(), epochs=0, learning_rate=1.0) == FineTuning(0.0, 0)
