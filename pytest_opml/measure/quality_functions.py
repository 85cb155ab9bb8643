"""The qualities that a case may declare, each by its name.

A quality is a function of what a model gave and of the labels. It gives a figure in [0, 1] for each example, whose mean
is the quality; a function of a user's does just that. Those of this package that are no such mean say instead which
figure of all answers together they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from .. import registry
from ..errors import CaseDefinitionError, one_line
from ..records.result import QualityKind
from ..stats.example_figures import Floats
from ..tensors import Task

Rows = npt.NDArray[Any]

DEFAULTS: dict[Task, str] = {"classification": "accuracy", "multilabel": "exact_match", "regression": "r2"}
_LABELLED: tuple[Task, ...] = ("classification", "multilabel")
_TASKS: dict[str, tuple[Task, ...]] = {
    "accuracy": _LABELLED,
    "exact_match": _LABELLED,
    "balanced_accuracy": ("classification",),
    "f1": _LABELLED,
    "auc": _LABELLED,
    "top2": ("classification",),
    "top3": ("classification",),
    "top5": ("classification",),
    "top10": ("classification",),
    "r2": ("regression",),
}


class DeclaredQuality(NamedTuple):
    """A quality, what it is worked out from, and the figure of each example (n,) where it is the mean of such."""

    name: str
    kind: QualityKind
    figures: Floats | None


def declared_quality(name: str | None, task: Task, rows: Rows, labels: Rows) -> DeclaredQuality:
    """Apply a quality to the answers to the test examples.

    Args:
        name: of the quality; None for the one of the task.
        task: of the data.
        rows: probabilities of the classes (n, classes), or what the model gave for each label or target.
        labels: those of the data.

    Raises:
        CaseDefinitionError: there is no such quality, it is not one for this task, or its function does not give a
            figure in [0, 1] for each example; names the quality.
    """
    name = name or DEFAULTS[task]
    function = quality_function(name, task)
    try:
        answer = function(rows, labels)
    except Exception as error:  # whatever the user's own code raises
        raise CaseDefinitionError(f"quality {name!r}: {type(error).__name__}: {one_line(error)}") from error
    if isinstance(answer, str) and answer in get_args(QualityKind):
        return DeclaredQuality(name, answer, None)  # type: ignore[arg-type]
    return DeclaredQuality(name, "figures", _figures(name, answer, len(labels)))


def quality_function(name: str, task: Task) -> Callable[[Rows, Rows], Any]:
    """Return the function of a quality.

    Raises:
        CaseDefinitionError: there is none, it cannot be imported, or it is none for the task.
    """
    function: Callable[[Rows, Rows], Any] = registry.get("quality", name)
    if task not in _TASKS.get(name, (task,)):
        fitting = ", ".join(quality for quality, tasks in _TASKS.items() if task in tasks)
        raise CaseDefinitionError(f"quality {name!r}: means nothing for {task}; choose among {fitting}")
    return function


def _figures(name: str, answer: Any, examples: int) -> Floats:
    try:
        figures = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        figures = np.empty(0)
    if figures.shape != (examples,):
        raise CaseDefinitionError(f"quality {name!r}: must give a figure for each of {examples:,} examples")
    if not np.isfinite(figures).all() or figures.min() < 0 or figures.max() > 1:
        raise CaseDefinitionError(f"quality {name!r}: must give figures from 0 to 1 (the higher, the better)")
    return figures.astype(np.float32).astype(np.float64)  # as the record holds them


# --- of all answers together


def accuracy(rows: Rows, labels: Rows) -> QualityKind:  # noqa: ARG001 - of the answers
    """The share of examples that are answered right, with all of their labels."""
    return "right"


def exact_match(rows: Rows, labels: Rows) -> QualityKind:  # noqa: ARG001 - of the answers
    """The share of examples that are given just the labels that they have."""
    return "right"


def balanced_accuracy(rows: Rows, labels: Rows) -> QualityKind:  # noqa: ARG001 - of the answers
    """The recall, averaged over the classes."""
    return "recall"


def f1(rows: Rows, labels: Rows) -> QualityKind:  # noqa: ARG001 - of the answers
    """F1, averaged over the classes or labels."""
    return "f1"


def auc(rows: Rows, labels: Rows) -> QualityKind:  # noqa: ARG001 - of the answers
    """The area under the ROC curve, averaged over the classes or labels."""
    return "auc"


def r2(rows: Rows, labels: Rows) -> QualityKind:  # noqa: ARG001 - of the answers
    """1 - squared error relative to guessing the mean, averaged over the targets and cut at 0."""
    return "errors"


# --- of each example


def top2(rows: Rows, labels: Rows) -> Rows:
    """Whether the class is among the two with the highest probability."""
    return _among_first(rows, labels, 2)


def top3(rows: Rows, labels: Rows) -> Rows:
    """Whether the class is among the three with the highest probability."""
    return _among_first(rows, labels, 3)


def top5(rows: Rows, labels: Rows) -> Rows:
    """Whether the class is among the five with the highest probability."""
    return _among_first(rows, labels, 5)


def top10(rows: Rows, labels: Rows) -> Rows:
    """Whether the class is among the ten with the highest probability."""
    return _among_first(rows, labels, 10)


def _among_first(rows: Rows, labels: Rows, count: int) -> Rows:
    own = np.take_along_axis(rows, labels.astype(np.int64)[:, None], axis=1)
    earlier = np.arange(rows.shape[1]) < labels[:, None]  # of equal ones the first counts as higher, as for the highest
    return np.asarray(((rows > own) | ((rows == own) & earlier)).sum(axis=1) < count)
