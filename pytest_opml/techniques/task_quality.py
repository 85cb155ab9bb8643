"""How right a model is on training data, in one number for each task."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..tensors import Task


def quality(answers: npt.NDArray[np.float32], labels: npt.NDArray[Any], task: Task) -> float:
    """Return how right answers are, at most 1.

    Args:
        answers: probabilities (n, classes), those of the second of two classes or of labels (n, k), or numbers (n, k).
        labels: classes (n,), labels of 0 and 1 (n, k), or numbers (n,) or (n, k).
        task: what they are.

    Returns:
        The share of examples with the right class, or with all labels right; for a regression the share of the
        variance of the labels that the answers explain, which may be negative.
    """
    rows = answers.reshape(len(answers), -1)
    if task == "regression":
        wanted = np.asarray(labels, np.float64).reshape(len(labels), -1)
        variance = np.sum((wanted - wanted.mean(axis=0)) ** 2)
        return float(1 - np.sum((rows - wanted) ** 2) / max(variance, np.finfo(np.float64).tiny))
    if task == "multilabel":
        return float(np.mean(((rows > 0.5) == (labels > 0.5)).all(axis=1)))
    chosen = rows.argmax(axis=1) if rows.shape[1] > 1 else (rows[:, 0] > 0.5).astype(np.int64)
    return float(np.mean(chosen == labels))
