from __future__ import annotations

import numpy as np
import pytest

from pytest_opml.measure.quality import as_probabilities, assess
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
