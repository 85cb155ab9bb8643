"""How right the predictions are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..datasets.splits import Labels
from ..errors import DatasetError
from ..runtimes.base import Probabilities
from ..stats.predictions import pack


class Quality(NamedTuple):
    """Correct predictions, macro averages over the classes, the standard error of the last, and packed predictions."""

    correct: int
    recall: float
    precision: float
    f1: float
    auc: float
    auc_error: float
    predictions: str


def as_probabilities(rows: Probabilities) -> Probabilities:
    """Return the rows as they are, or through a softmax where a model of the user's gives logits.

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
    return Quality(
        correct=int((predicted == labels).sum()),
        recall=float(recall),
        precision=float(precision),
        f1=float(f1),
        auc=float(np.mean(areas)),
        auc_error=_auc_error(probabilities, labels, present),
        predictions=pack(labels, predicted),
    )


def _auc_error(probabilities: Probabilities, labels: Labels, present: Labels) -> float:
    """Return the standard error of the macro AUC, by the placements of E. DeLong and others (Biometrics 44, 1988).

    Each image's part in the areas of all classes is added up before their variance is taken, so that an image which
    raises one and lowers another is not counted twice.
    """
    from scipy.stats import rankdata

    influence = np.zeros(len(labels))
    for label in present:
        mine, scores = labels == label, probabilities[:, label]
        others = ~mine
        placed = rankdata(scores)  # ties count half
        below = np.empty(len(labels))
        below[mine] = (placed[mine] - rankdata(scores[mine])) / others.sum()
        below[others] = 1 - (placed[others] - rankdata(scores[others])) / mine.sum()
        influence[mine] += (below[mine] - below[mine].mean()) / mine.mean()
        influence[others] += (below[others] - below[others].mean()) / others.mean()
    return float((influence / len(present)).std() / np.sqrt(len(labels)))
