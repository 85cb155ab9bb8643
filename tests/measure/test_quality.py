from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pytest_opml.measure.quality import area_under_curve, as_probabilities, assess
from pytest_opml.stats.predictions import unpack


def test_a_perfect_model() -> None:
    labels = np.array([0, 1, 2, 0])
    quality = assess(np.eye(3, dtype=np.float32)[labels], labels)
    assert (quality.correct, quality.recall, quality.precision, quality.f1, quality.auc) == (4, 1, 1, 1, 1)


def test_a_model_that_always_says_the_same() -> None:
    labels = np.array([0, 0, 0, 1])
    quality = assess(np.tile(np.array([[0.9, 0.1]], dtype=np.float32), (4, 1)), labels)
    assert quality.correct == 3
    assert (quality.recall, quality.precision, quality.auc) == (0.5, 0.375, 0.5)


def test_chance_has_an_auc_of_a_half() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, 5000)
    quality = assess(random.random((5000, 10), dtype=np.float32), labels)
    assert quality.auc == pytest.approx(0.5, abs=0.02)
    assert quality.correct / 5000 == pytest.approx(0.1, abs=0.02)


def test_a_class_without_test_images_is_left_out() -> None:
    labels = np.array([0, 1, 1])
    quality = assess(np.eye(3, dtype=np.float32)[labels], labels)
    assert (quality.recall, quality.auc) == (1, 1)


def test_logits_become_probabilities_and_probabilities_stay() -> None:
    logits = np.array([[-1.0, 0.0, 500.0], [0.0, 0.0, -1.0]], dtype=np.float32)
    found = as_probabilities(logits)
    assert np.allclose(found.sum(axis=1), 1)
    assert found[1, 0] == found[1, 1] == pytest.approx(1 / (2 + np.exp(-1)))
    assert as_probabilities(found) is found


@pytest.mark.parametrize("rows", [[[1.0, 2.0, 3.0], [4.0, 0.0, 1.0]], [[0.2, 0.9, 0.4], [0.1, 0.2, 0.3]]])
def test_logits_that_happen_to_be_positive_are_logits(rows: list[list[float]]) -> None:
    logits = np.array(rows, dtype=np.float32)
    answered = as_probabilities(logits)
    assert np.allclose(answered, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    assert (answered.argmax(axis=1) == logits.argmax(axis=1)).all()


def test_rounded_probabilities_are_probabilities() -> None:
    random = np.random.default_rng(0)
    exact = random.dirichlet(np.ones(100), 50)
    half = exact.astype(np.float16).astype(np.float32)
    assert as_probabilities(half) is half
    quantised = (np.rint(exact * 256) / 256).astype(np.float32)
    assert np.abs(quantised.sum(axis=1) - 1).max() > 0.01
    assert as_probabilities(quantised) is quantised


def test_an_auc_has_the_error_of_the_paper_of_delong() -> None:
    """The paper's structural components, one pair of images at a time."""
    random = np.random.default_rng(0)
    labels = np.repeat([1, 0], [7, 12])
    scores = np.round(random.normal(labels, 1.0), 1)  # with ties
    positive, negative = scores[labels == 1], scores[labels == 0]
    kernel = np.array([[(one > other) + (one == other) / 2 for other in negative] for one in positive])
    variance = kernel.mean(axis=1).var(ddof=1) / 7 + kernel.mean(axis=0).var(ddof=1) / 12
    area = area_under_curve(np.stack([-scores, scores], axis=1).astype(np.float32), labels)
    assert area == pytest.approx((kernel.mean(), np.sqrt(variance)))


def test_the_auc_of_many_classes_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 200)
    rows = random.dirichlet(np.ones(4), 200).astype(np.float32)
    expected = np.mean([roc_auc_score(labels == label, rows[:, label]) for label in range(4)])
    assert area_under_curve(rows, labels).value == pytest.approx(expected)


@pytest.mark.slow
def test_the_error_of_an_auc_is_that_of_drawing_the_test_images_anew() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 600)
    scores = np.eye(3)[labels] + random.normal(0, 1, (600, 3))
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    found = assess(probabilities.astype(np.float32), labels)
    drawn = [
        assess(probabilities[chosen].astype(np.float32), labels[chosen]).auc
        for chosen in (random.integers(0, 600, 600) for _ in range(150))
    ]
    assert found.auc_error == pytest.approx(np.std(drawn), rel=0.25)


def test_the_answers_are_kept() -> None:
    labels = np.array([0, 1, 2, 0])
    found = unpack(assess(np.eye(3, dtype=np.float32)[[0, 1, 1, 2]], labels).predictions)
    assert found is not None
    assert (found.labels.tolist(), found.predicted.tolist()) == ([0, 1, 2, 0], [0, 1, 1, 2])
