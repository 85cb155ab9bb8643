"""Losses from logits: how far figures are from labels, and from what a teacher answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import CaseDefinitionError
from ..tensors import Task
from .heads import Ending

# Of two tensors (n, ...) and (n, k), the loss of each example (n,).
Loss = Callable[[Any, Any], Any]


class Figures(NamedTuple):
    """What the figures of a model stand for.

    Attributes:
        task: of the data.
        ending: what the model ends in, ``linear`` where figures themselves are its answers.
        outputs: how many it gives for an example.
        name: of the model, for errors.
    """

    task: Task
    ending: Ending
    outputs: int
    name: str = "the model"

    @property
    def exclude_each_other(self) -> bool:
        """Whether one of them is right: they are classes, and not each of them there or not."""
        return self.task == "classification" and self.outputs > 1 and self.ending != "sigmoid"

    def check(self) -> None:
        """Refuse what cannot be learnt.

        Raises:
            CaseDefinitionError: nothing can be learnt through such an output.
        """
        if self.ending == "softmax" and (
            self.task == "multilabel" or (self.task != "regression" and self.outputs == 1)
        ):
            what = "labels" if self.task == "multilabel" else "one class"
            raise CaseDefinitionError(f"{self.name} ends in a softmax over {what}, which cannot be trained")


def in_shares(figures: Figures, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return labels in rows with a share for each figure, so that they can be mixed."""
    if figures.task != "classification" or rows.shape[1] > 1 or figures.outputs == 1:
        return rows
    return np.eye(figures.outputs, dtype=np.float32)[rows[:, 0].astype(np.intp)]


def label_loss(figures: Figures, smoothing: float = 0.0) -> Loss:
    """Return the loss of labels and logits: cross-entropy, or of regression the squared error.

    Args:
        figures: what the logits stand for.
        smoothing: the share of each label that is spread over all classes, or of a label of its own over yes and no.

    Returns:
        A function of labels in rows, the number of the class (n, 1) or one figure for each logit (n, k), and logits.
    """
    from keras import ops

    def rows(labels: Any, logits: Any) -> Any:
        if figures.task == "classification" and figures.outputs > 1 and labels.shape[-1] == 1:
            labels = ops.one_hot(ops.cast(ops.reshape(labels, (-1,)), "int32"), figures.outputs)
        return ops.cast(labels, logits.dtype)

    def of_classes(labels: Any, logits: Any) -> Any:
        shares = rows(labels, logits) * (1 - smoothing) + smoothing / figures.outputs
        return -ops.sum(shares * ops.log_softmax(logits, axis=-1), axis=-1)

    def of_labels(labels: Any, logits: Any) -> Any:
        shares = rows(labels, logits) * (1 - smoothing) + smoothing / 2
        return ops.mean(ops.softplus(logits) - shares * logits, axis=-1)

    def of_targets(labels: Any, answers: Any) -> Any:
        return ops.mean(ops.square(rows(labels, answers) - answers), axis=-1)

    if figures.task == "regression":
        return of_targets
    return of_classes if figures.exclude_each_other else of_labels


def divergence(figures: Figures, temperature: float) -> Loss:
    """Return the loss of a teacher's logits and a student's: Kullback-Leibler, or of regression the squared error.

    Args:
        figures: what the logits stand for.
        temperature: that softens both. The square of it makes up for gradients being that much smaller.
    """
    from keras import ops

    def of_classes(taught: Any, logits: Any) -> Any:
        teacher, student = (ops.log_softmax(one / temperature, axis=-1) for one in (taught, logits))
        return temperature**2 * ops.sum(ops.exp(teacher) * (teacher - student), axis=-1)

    def of_labels(taught: Any, logits: Any) -> Any:
        teacher, student = taught / temperature, logits / temperature
        yes, no = (
            ops.sigmoid(sign * teacher) * (ops.softplus(-sign * student) - ops.softplus(-sign * teacher))
            for sign in (1.0, -1.0)
        )
        return temperature**2 * ops.mean(yes + no, axis=-1)

    def of_targets(taught: Any, answers: Any) -> Any:
        return ops.mean(ops.square(taught - answers), axis=-1)

    if figures.task == "regression":
        return of_targets
    return of_classes if figures.exclude_each_other else of_labels


def right_answers(figures: Figures) -> Loss:
    """Return the function of labels and logits that says of each example whether it is right, for a metric.

    It is 1 or 0 (of several labels, whether all are right); of regression it is the squared error.
    """
    from keras import ops

    def classes(labels: Any, logits: Any) -> Any:
        number = labels[:, 0] if labels.shape[-1] == 1 else ops.argmax(labels, axis=-1)
        return ops.cast(ops.equal(ops.cast(number, "int32"), ops.cast(ops.argmax(logits, axis=-1), "int32")), "float32")

    def each(labels: Any, logits: Any) -> Any:
        return ops.cast(ops.all(ops.equal(ops.greater(labels, 0.5), ops.greater(logits, 0)), axis=-1), "float32")

    if figures.task == "regression":
        return label_loss(figures)
    return classes if figures.task == "classification" and figures.outputs > 1 else each
