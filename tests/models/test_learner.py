from __future__ import annotations

import keras
import numpy as np
import pytest

from pytest_opml.models.learner import Lesson, Teacher, learner
from pytest_opml.models.losses import Figures, label_loss, right_answers

FIGURES = Figures("classification", "linear", 3)


def dense(seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, kernel_regularizer="l2")])


def test_a_teacher_in_the_step_says_what_it_would_have_said_before() -> None:
    teacher, x = dense(0), np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    labels = (np.arange(16) % 3)[:, None].astype(np.float32)
    lesson, figures = Lesson(label_loss(FIGURES)), FIGURES
    online = lesson.taught_by(Teacher(teacher), figures, teacher)
    stored = lesson.taught_by(Teacher(teacher), figures)
    told = np.concatenate([labels, np.asarray(teacher(x))], axis=1)
    losses, weights = [], teacher.get_weights()
    for taught, targets in ((online, labels), (stored, told)):
        model = learner(student := dense(1), taught)
        model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
        losses.append(model.fit(x, targets, batch_size=16, epochs=2, shuffle=False, verbose=0).history["loss"])
        assert [id(v) for v in model.trainable_variables] == [id(v) for v in student.trainable_variables]
    assert np.allclose(*losses, rtol=1e-5)
    assert losses[0][1] < losses[0][0]
    assert all(np.array_equal(a, b) for a, b in zip(weights, teacher.get_weights(), strict=True))


def test_what_the_layers_themselves_add_to_the_loss_counts() -> None:
    x, labels = np.ones((8, 4), np.float32), np.zeros((8, 1), np.float32)
    model = learner(student := dense(2), Lesson(label_loss(FIGURES)))
    model.compile("sgd", jit_compile=False)
    loss = model.evaluate(x, labels, verbose=0, return_dict=True)["loss"]
    assert loss > float(np.mean(label_loss(FIGURES)(labels, student(x)))) + 1e-4


def test_losses_of_shares_of_a_batch_add_up_to_that_of_the_batch() -> None:
    x, labels = np.eye(4, dtype=np.float32), np.array([[0], [1], [2], [0]], np.float32)
    figure = keras.metrics.MeanMetricWrapper(right_answers(FIGURES), name="figure")
    model = learner(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]), Lesson(label_loss(FIGURES)), figure)
    whole = model.compute_loss(x, labels, model(x))
    shares = [(x[:3], labels[:3], np.full(3, 1 / 4)), (x[[3, 0]], labels[[3, 0]], np.array([1 / 4, 0]))]
    parts = [model.compute_loss(inputs, rows, model(inputs), weights) for inputs, rows, weights in shares]
    assert float(sum(parts)) == pytest.approx(float(whole))
    right = float(model.compute_metrics(x, labels, model(x))["figure"])
    model.reset_metrics()
    logs = [model.compute_metrics(inputs, rows, model(inputs), weights) for inputs, rows, weights in shares]
    assert float(logs[-1]["figure"]) == pytest.approx(right)
