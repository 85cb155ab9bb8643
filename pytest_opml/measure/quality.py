"""How right the predictions are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..datasets.images import Labels
from ..errors import DatasetError
from ..runtimes.base import Probabilities


class Quality(NamedTuple):
    """Correct predictions, and macro averages over the classes."""

    correct: int
    recall: float
    precision: float
    f1: float
    auc: float


def as_probabilities(rows: Probabilities) -> Probabilities:
    """The rows as they are, or through a softmax where a model of the user's gives logits.

    Args:
        rows: (n, classes).
    """
    if rows.min(initial=0.0) >= 0:
        return rows
    exponentials = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), dtype=np.float32)


def assess(probabilities: Probabilities, labels: Labels) -> Quality:
    """Compare predictions with labels.

    Args:
        probabilities: (n, classes).
        labels: (n,); a class without a test image is left out of the averages.

    Raises:
        DatasetError: all labels are the same.
    """
    from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

    predicted = probabilities.argmax(axis=1)
    present = np.unique(labels)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, predicted, labels=present, average="macro", zero_division=0
    )
    if len(present) < 2:
        raise DatasetError("the test labels are all of one class, which no quality can be measured on")
    areas = [roc_auc_score(labels == label, probabilities[:, label]) for label in present]
    return Quality(int((predicted == labels).sum()), float(recall), float(precision), float(f1), float(np.mean(areas)))
