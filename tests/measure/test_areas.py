from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pytest_opml.measure.areas import area_under_curve


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


def test_the_auc_of_labels_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    labels = random.random((200, 3)) < 0.4
    rows = np.where(labels, 0.3, 0.0) + random.random((200, 3))
    area = area_under_curve(rows.astype(np.float32), labels)
    assert area is not None
    assert area.value == pytest.approx(roc_auc_score(labels, rows, average="macro"))


def test_a_label_that_all_examples_have_is_left_out() -> None:
    labels = np.array([[1, 1], [1, 0], [1, 1]])
    rows = np.array([[0.2, 0.9], [0.8, 0.1], [0.5, 0.7]], dtype=np.float32)
    assert area_under_curve(rows, labels) == (1.0, 0.0)
    assert area_under_curve(rows, np.ones((3, 2))) is None
