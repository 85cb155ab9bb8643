"""Areas under the ROC curve."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..runtimes.base import Probabilities


class Area(NamedTuple):
    """An area under the ROC curve with its standard error."""

    value: float
    error: float


def area_under_curve(probabilities: Probabilities, labels: npt.NDArray[Any]) -> Area | None:
    """Return the macro AUC, and its standard error by the placements of E. DeLong and others (Biometrics 44, 1988).

    Each example's part in the areas of all classes is added up before their variance is taken, so that an example which
    raises one and lowers another is not counted twice. Variances are those of samples, with n - 1, as in the paper.

    Args:
        probabilities: (n, classes).
        labels: (n,); where an example may have several, whether it has each of them (n, classes). One that no example
            has, or all, is left out of the average.

    Returns:
        The area; None where nothing is left to average over.
    """
    classes = np.unique(labels) if labels.ndim == 1 else range(labels.shape[1])
    areas, influence = [], np.zeros(len(labels))
    for label in classes:
        scores = probabilities[:, label]
        mine = labels == label if labels.ndim == 1 else labels[:, label].astype(bool)
        others = ~mine
        count, rest = int(mine.sum()), int(others.sum())
        if not count or not rest:
            continue
        placed = _ranks(scores)  # ties count half
        above_others = (placed[mine] - _ranks(scores[mine])) / rest
        below_mine = 1 - (placed[others] - _ranks(scores[others])) / count
        areas.append(above_others.mean())
        for chosen, placements, examples in ((mine, above_others, count), (others, below_mine, rest)):
            spread = examples * max(examples - 1, 1)
            influence[chosen] += (placements - placements.mean()) / np.sqrt(spread)
    if not areas:
        return None
    return Area(float(np.mean(areas)), float(np.sqrt((influence**2).sum()) / len(areas)))


def _ranks(scores: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the rank of each score, from 1, where equal ones share the mean of theirs.

    As ``scipy.stats.rankdata`` does, whose module takes longer to import than a small model to be measured.
    """
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place])
