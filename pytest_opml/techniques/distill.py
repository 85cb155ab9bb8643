"""Knowledge distillation: a larger trained model teaches this one.

Source: G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", 2015.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ..errors import TechniqueError
from ..models.heads import figure, in_rows
from ..models.streams import predict
from ..models.training import readable
from ..tensors import Task
from .base import Changes, ModelState, OtherModel, Technique, TrainingContext

_RATE = 1e-3
_SMALLEST = 1e-7


def softened(probabilities: npt.NDArray[np.float32], temperature: float) -> npt.NDArray[np.float32]:
    """Return the probabilities (n, classes) that the same logits give at a higher temperature."""
    logits = np.log(np.maximum(probabilities, _SMALLEST)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def softened_shares(shares: npt.NDArray[np.float32], temperature: float) -> npt.NDArray[np.float32]:
    """Return the shares (n, labels), each of its own, that the same logits give at a higher temperature."""
    clipped = np.clip(shares.astype(np.float64), _SMALLEST, 1 - _SMALLEST)
    return np.asarray(1 / (1 + ((1 - clipped) / clipped) ** (1 / temperature)), dtype=np.float32)


def distillation_loss(temperature: float, weight: float) -> Callable[[Any, Any], Any]:
    """Cross-entropy with the labels and divergence from the teacher, ``weight`` of the latter.

    Returns:
        A function of targets (n, 1 + classes), the label and the teacher's softened probabilities, and the student's
        probabilities (n, classes).
    """

    def loss(targets: Any, probabilities: Any) -> Any:
        from keras import ops

        labels, taught = ops.cast(targets[:, 0], "int32"), targets[:, 1:]
        logits = ops.log(ops.maximum(probabilities, _SMALLEST))
        hard = -ops.sum(ops.one_hot(labels, taught.shape[1]) * logits, axis=1)
        student = ops.log_softmax(logits / temperature, axis=1)
        divergence = ops.sum(taught * (ops.log(ops.maximum(taught, _SMALLEST)) - student), axis=1)
        # the square makes up for the gradient of softened logits being that much smaller
        return (1 - weight) * hard + weight * temperature**2 * divergence

    return loss


def distillation_loss_of_labels(temperature: float, weight: float) -> Callable[[Any, Any], Any]:
    """The same where each label is there or not, whatever the others are.

    Returns:
        A function of targets (n, 2 labels), the labels and the teacher's softened shares, and the student's shares.
    """

    def loss(targets: Any, shares: Any) -> Any:
        from keras import ops

        count = targets.shape[1] // 2
        labels, taught = targets[:, :count], targets[:, count:]
        clipped = ops.clip(shares, _SMALLEST, 1 - _SMALLEST)
        logits = ops.log(clipped) - ops.log1p(-clipped)
        hard = ops.binary_crossentropy(labels, clipped)
        soft = ops.binary_crossentropy(taught, logits / temperature, from_logits=True)
        return ops.mean((1 - weight) * hard + weight * temperature**2 * soft, axis=1)

    return loss


def distillation_loss_of_figures(weight: float) -> Callable[[Any, Any], Any]:
    """Squared error to the targets and to the teacher's figures, ``weight`` of the latter.

    Returns:
        A function of targets (n, 2 k), the true figures and the teacher's, and the student's figures (n, k).
    """

    def loss(targets: Any, figures: Any) -> Any:
        from keras import ops

        count = targets.shape[1] // 2
        true, taught = ops.square(targets[:, :count] - figures), ops.square(targets[:, count:] - figures)
        return ops.mean((1 - weight) * true + weight * taught, axis=1)

    return loss


class Distill(Technique):
    """``distill:TEACHER``: another model, trained on the same data, gives the trained layers softer targets."""

    argument: ClassVar[str | None] = "teacher"
    separator: ClassVar[str] = ":"

    teacher: str = Field(min_length=1, description="a model")
    top: int | Literal["all"] | None = Field(default=None, description="layers that the teacher trains")
    epochs: int | None = Field(default=None, ge=1, le=1000, description="of the student; the case's by default")
    temperature: float = Field(default=3.0, ge=1, le=100, description="that softens both answers")
    weight: float = Field(default=0.7, gt=0, le=1, description="of the teacher against the labels")

    def other_models(self) -> tuple[OtherModel, ...]:
        """See ``Technique.other_models``."""
        return (OtherModel(self.teacher, self.top),)

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        trained = context.trained(*self.other_models())
        teacher = trained.load()
        started = time.perf_counter()
        with readable(context.x_train):
            answers = predict(teacher, context.x_train, context.case.batch)
        task, labels = context.spec.task, in_rows(context.spec.task, context.y_train)
        taught, loss = self._taught(task, answers)
        before = state.model.get_weights()
        context.fine_tune(
            state.model,
            epochs=self.epochs or context.case.epochs,
            learning_rate=_RATE,
            top=context.case.unfreeze,
            targets=np.concatenate([labels.reshape(len(labels), -1).astype(np.float32), taught], axis=1),
            loss=loss,
        )
        seconds = time.perf_counter() - started
        if all(np.array_equal(old, new) for old, new in zip(before, state.model.get_weights(), strict=True)):
            raise TechniqueError(f"distill:{self.teacher}: no weight was trained; nothing changed")
        changes: Changes = {
            "distill.teacher_parameters": int(teacher.count_params()),
            "distill.teacher_training_s": round(trained.training.training_s, 3),
            "distill.teacher_train_accuracy": round(figure(task, answers, labels), 4),
        }
        return replace(state, training_s=state.training_s + seconds, changes=state.changes | changes)

    def _taught(self, task: Task, answers: npt.NDArray[np.float32]) -> tuple[npt.NDArray[Any], Callable[..., Any]]:
        """What the student is to answer, and the loss that measures how far it is from that and from the labels."""
        if task == "classification":
            return softened(answers, self.temperature), distillation_loss(self.temperature, self.weight)
        if task == "multilabel":
            shares = softened_shares(answers, self.temperature)
            return shares, distillation_loss_of_labels(self.temperature, self.weight)
        return answers, distillation_loss_of_figures(self.weight)
