from __future__ import annotations

import numpy as np
import pytest

from pytest_opml.techniques.base import ModelState, OtherModel
from pytest_opml.techniques.distill import (
    Distill,
    distillation_loss,
    distillation_loss_of_figures,
    distillation_loss_of_labels,
    softened,
    softened_shares,
)
from tests.conftest import Trained


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_softening_is_what_the_logits_give_at_a_higher_temperature() -> None:
    logits = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    assert np.allclose(softened(softmax(logits), 4.0), softmax(logits / 4), atol=1e-5)
    assert np.allclose(softened(softmax(logits), 1.0), softmax(logits), atol=1e-5)


@pytest.mark.tensorflow
def test_the_loss_is_hintons() -> None:
    random = np.random.default_rng(1)
    student, teacher = (random.normal(size=(30, 4)).astype(np.float32) for _ in range(2))
    labels = random.integers(0, 4, 30)
    temperature, weight = 3.0, 0.7
    taught = softmax(teacher / temperature)
    hard = -np.log(softmax(student)[np.arange(30), labels])
    soft = np.sum(taught * (np.log(taught) - np.log(softmax(student / temperature))), axis=1)
    expected = (1 - weight) * hard + weight * temperature**2 * soft
    targets = np.concatenate([labels[:, None], taught], axis=1).astype(np.float32)
    found = np.asarray(distillation_loss(temperature, weight)(targets, softmax(student).astype(np.float32)))
    assert np.allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.tensorflow
def test_labels_are_taught_one_by_one() -> None:
    random = np.random.default_rng(2)
    student, teacher = (random.normal(size=(30, 3)) for _ in range(2))
    labels = random.integers(0, 2, (30, 3))

    def share(logits: np.ndarray) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)

    def crossentropy(wanted: np.ndarray, shares: np.ndarray) -> np.ndarray:
        return np.asarray(-wanted * np.log(shares) - (1 - wanted) * np.log(1 - shares))

    temperature, weight = 3.0, 0.7
    taught = softened_shares(share(teacher), temperature)
    assert np.allclose(taught, share(teacher / temperature), atol=1e-5)
    hard, soft = crossentropy(labels, share(student)), crossentropy(taught, share(student / temperature))
    expected = ((1 - weight) * hard + weight * temperature**2 * soft).mean(axis=1)
    targets = np.concatenate([labels, taught], axis=1).astype(np.float32)
    assert np.allclose(distillation_loss_of_labels(temperature, weight)(targets, share(student)), expected, rtol=1e-3)


@pytest.mark.tensorflow
def test_figures_are_taught_by_squared_error() -> None:
    true, taught, student = np.random.default_rng(3).normal(size=(3, 20, 2)).astype(np.float32)
    expected = (0.3 * (true - student) ** 2 + 0.7 * (taught - student) ** 2).mean(axis=1)
    assert np.allclose(distillation_loss_of_figures(0.7)(np.hstack([true, taught]), student), expected, rtol=1e-5)


def test_the_student_comes_closer_to_its_teacher(trained: Trained) -> None:
    student, teacher = trained.load(), trained.load()
    for layer in student.layers[-1:]:
        layer.set_weights([np.zeros_like(array) for array in layer.get_weights()])
    before = np.abs(student.predict(trained.x_test, verbose=0) - teacher.predict(trained.x_test, verbose=0)).mean()
    state = Distill(teacher="small_cnn", weight=1.0, epochs=3).apply(ModelState(student), trained.context())
    after = np.abs(state.model.predict(trained.x_test, verbose=0) - teacher.predict(trained.x_test, verbose=0)).mean()
    assert after < 0.5 * before
    assert state.training_s > 0
    assert state.changes["distill.teacher_parameters"] == teacher.count_params()


def test_it_asks_for_its_teacher() -> None:
    assert Distill(teacher="resnet50").other_models() == (OtherModel("resnet50", None),)
    assert Distill(teacher="resnet50", top="all").other_models() == (OtherModel("resnet50", "all"),)


@pytest.mark.parametrize("top", ["all", 3, None])
def test_a_number_of_layers_is_read_as_one(top: int | str | None) -> None:
    written = {} if top is None else {"top": str(top)}
    assert Distill.parse("distill", ":", "resnet50", written).top == top
