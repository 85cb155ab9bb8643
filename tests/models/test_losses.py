from __future__ import annotations

import numpy as np
import pytest

from pytest_opml.errors import CaseDefinitionError
from pytest_opml.models.learner import Lesson, Teacher
from pytest_opml.models.losses import Figures, divergence, in_shares, label_loss, right_answers
from pytest_opml.tensors import Task

pytestmark = pytest.mark.tensorflow

CLASSES = Figures("classification", "softmax", 4)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logits.astype(np.float64))))


def logits(seed: int, figures: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(30, figures)).astype(np.float32)


def test_what_a_teacher_adds_is_hintons() -> None:
    student, teacher = logits(1, 4), logits(2, 4)
    labels = np.random.default_rng(3).integers(0, 4, 30)
    temperature, weight = 3.0, 0.7
    taught, softened = softmax(teacher / temperature), softmax(student / temperature)
    hard = -np.log(softmax(student)[np.arange(30), labels])
    soft = np.sum(taught * (np.log(taught) - np.log(softened)), axis=1)
    lesson = Lesson(label_loss(CLASSES)).taught_by(Teacher(None, weight, temperature), CLASSES)
    targets = np.concatenate([labels[:, None], teacher], axis=1).astype(np.float32)
    expected = (1 - weight) * hard + weight * temperature**2 * soft
    assert np.allclose(lesson.losses(None, targets, student), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("figures", [Figures("multilabel", "sigmoid", 3), Figures("classification", "sigmoid", 1)])
def test_labels_are_taught_one_by_one(figures: Figures) -> None:
    student, teacher = logits(4, figures.outputs), logits(5, figures.outputs)
    labels = np.random.default_rng(6).integers(0, 2, student.shape)
    wanted, shares = sigmoid(teacher / 3), sigmoid(student / 3)
    soft = wanted * np.log(wanted / shares) + (1 - wanted) * np.log((1 - wanted) / (1 - shares))
    assert np.allclose(divergence(figures, 3.0)(teacher, student), 9 * soft.mean(axis=1), rtol=1e-3, atol=1e-5)
    hard = -labels * np.log(sigmoid(student)) - (1 - labels) * np.log(1 - sigmoid(student))
    assert np.allclose(label_loss(figures)(labels.astype(np.float32), student), hard.mean(axis=1), rtol=1e-3)


def test_figures_are_taught_by_squared_error() -> None:
    true, answered = logits(7, 2), logits(8, 2)
    for loss in (label_loss(Figures("regression", "linear", 2)), divergence(Figures("regression", "linear", 2), 3.0)):
        assert np.allclose(loss(true, answered), ((true - answered) ** 2).mean(axis=1), rtol=1e-5)


@pytest.mark.parametrize("figures", [CLASSES, Figures("classification", "sigmoid", 4)])
def test_the_number_of_a_class_and_its_row_are_the_same_label(figures: Figures) -> None:
    labels, given = np.arange(30) % 4, logits(9, 4)
    loss = label_loss(figures)
    by_number = np.asarray(loss(labels[:, None].astype(np.float32), given))
    assert np.allclose(by_number, loss(np.eye(4, dtype=np.float32)[labels], given))


def test_a_metric_counts_right_answers_whatever_the_form_of_labels() -> None:
    given = np.float32([[2, 0, 0, 0], [0, 3, 0, 0], [0, 0, 1, 0]])
    numbers = np.float32([[0], [1], [3]])
    for rows in (numbers, in_shares(CLASSES, numbers)):
        assert np.asarray(right_answers(CLASSES)(rows, given)).tolist() == [1, 1, 0]
    several = Figures("multilabel", "sigmoid", 2)
    labels, logits = np.float32([[1, 0], [1, 1], [1, 0]]), np.float32([[2, -1], [1, 1], [-2, -2]])
    assert np.asarray(right_answers(several)(labels, logits)).tolist() == [1, 1, 0]
    one = Figures("classification", "sigmoid", 1)
    assert np.asarray(right_answers(one)(labels[:, :1], logits[:, :1])).tolist() == [1, 1, 0]
    assert np.array_equal(in_shares(one, labels[:, :1]), labels[:, :1])


def test_smoothing_spreads_a_share_over_all_classes() -> None:
    labels, given = np.arange(30) % 4, logits(10, 4)
    shares = 0.9 * np.eye(4)[labels] + 0.1 / 4
    smoothed = label_loss(CLASSES, 0.1)(labels[:, None].astype(np.float32), given)
    assert np.allclose(smoothed, -np.sum(shares * np.log(softmax(given)), axis=1), rtol=1e-4)


def test_saturated_logits_still_differ() -> None:
    far, near = np.float32([[3e4, 0, 0, 0]]), np.float32([[3e2, 0, 0, 0]])
    loss = divergence(CLASSES, 2.0)
    teacher = np.float32([[0, 1, 0, 0]])
    assert np.isfinite(loss(teacher, far)).all()
    assert float(loss(teacher, far)[0]) > float(loss(teacher, near)[0]) > 0


@pytest.mark.parametrize(("task", "count"), [("multilabel", 3), ("classification", 1)])
def test_a_softmax_over_what_does_not_exclude_the_rest_is_refused(task: Task, count: int) -> None:
    with pytest.raises(CaseDefinitionError, match=r"^m ends in a softmax over (labels|one class), which cannot be"):
        Figures(task, "softmax", count, "m").check()
