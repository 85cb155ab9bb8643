"""How right the predictions are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..datasets.splits import Labels
from ..errors import DatasetError
from ..runtimes.base import Probabilities
from ..stats.predictions import pack

_SUM_TOLERANCE = 1e-3  # 16-bit floats of many classes add up to no more and no less
_STEPS = 256  # of an 8-bit output of probabilities


class Quality(NamedTuple):
    """Correct predictions, macro averages over the classes, the standard error of the last, and packed predictions."""

    correct: int
    recall: float
    precision: float
    f1: float
    auc: float
    auc_error: float
    predictions: str


class Area(NamedTuple):
    """An area under the ROC curve with its standard error."""

    value: float
    error: float


def as_probabilities(rows: Probabilities) -> Probabilities:
    """Return the rows as they are, or through a softmax where a model of the user's gives logits.

    Probabilities are told by their sum: no value is negative, and each row adds up to 1. Those of a quantised output
    are multiples of 1/256, each off by up to half of that. All else goes through the softmax: also logits that all
    happen to be positive, and sigmoids of several labels an image. The class with the highest value stays the same.

    Args:
        rows: (n, classes).
    """
    steps = rows * _STEPS
    quantised = bool((steps == np.rint(steps)).all())
    tolerance = max(_SUM_TOLERANCE, rows.shape[1] / _STEPS / 2 if quantised else 0.0)
    sums = rows.sum(axis=1, dtype=np.float64)
    if rows.min(initial=0.0) >= 0 and rows.max(initial=0.0) <= 1 and (np.abs(sums - 1) <= tolerance).all():
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
    from sklearn.metrics import precision_recall_fscore_support

    predicted = probabilities.argmax(axis=1)
    present = np.unique(labels)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, predicted, labels=present, average="macro", zero_division=0
    )
    if len(present) < 2:
        raise DatasetError("the test labels are all of one class, which no quality can be measured on")
    area = area_under_curve(probabilities, labels)
    return Quality(
        correct=int((predicted == labels).sum()),
        recall=float(recall),
        precision=float(precision),
        f1=float(f1),
        auc=area.value,
        auc_error=area.error,
        predictions=pack(labels, predicted),
    )


def area_under_curve(probabilities: Probabilities, labels: Labels) -> Area:
    """Return the macro AUC, and its standard error by the placements of E. DeLong and others (Biometrics 44, 1988).

    Each image's part in the areas of all classes is added up before their variance is taken, so that an image which
    raises one and lowers another is not counted twice. Variances are those of samples, with n - 1, as in the paper.

    Args:
        probabilities: (n, classes).
        labels: (n,), of at least two classes; one without a test image is left out of the average.
    """
    from scipy.stats import rankdata

    present = np.unique(labels)
    areas, influence = [], np.zeros(len(labels))
    for label in present:
        mine, scores = labels == label, probabilities[:, label]
        others = ~mine
        count, rest = int(mine.sum()), int(others.sum())
        placed = rankdata(scores)  # ties count half
        above_others = (placed[mine] - rankdata(scores[mine])) / rest
        below_mine = 1 - (placed[others] - rankdata(scores[others])) / count
        areas.append(above_others.mean())
        for chosen, placements, images in ((mine, above_others, count), (others, below_mine, rest)):
            spread = images * max(images - 1, 1)
            influence[chosen] += (placements - placements.mean()) / np.sqrt(spread)
    return Area(float(np.mean(areas)), float(np.sqrt((influence**2).sum()) / len(present)))
