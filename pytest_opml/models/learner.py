"""What is trained: a student with its loss, and a teacher that it listens to."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from .losses import Figures, Loss, divergence

if TYPE_CHECKING:
    import keras


class Teacher(NamedTuple):
    """A trained model whose answers a student learns besides the labels.

    Attributes:
        model: it is not changed.
        weight: of its answers against the labels, 0 to 1.
        temperature: that softens its answers and the student's.
    """

    model: keras.Model
    weight: float = 0.7
    temperature: float = 2.0


class Lesson(NamedTuple):
    """What a learner is taught: its loss, by labels alone or by a teacher too.

    Attributes:
        loss: of labels and answers.
        divergence: of a teacher's answers and the student's; None without one.
        weight: of the divergence against the loss.
        label_width: how many columns of the targets are labels; those after them are a teacher's answers.
        teacher: gives its answers for the very examples, where the targets hold none.
    """

    loss: Loss
    divergence: Loss | None = None
    weight: float = 0.0
    label_width: int = 1
    teacher: keras.Model | None = None

    def taught_by(self, teacher: Teacher, figures: Figures, model: keras.Model | None = None) -> Lesson:
        """Return the lesson with a teacher besides the labels.

        Args:
            teacher: how much it counts.
            figures: what its answers and the student's stand for.
            model: gives its logits while the student is trained; None where the targets hold them.
        """
        loss = divergence(figures, teacher.temperature)
        return self._replace(divergence=loss, weight=teacher.weight, teacher=model)

    def losses(self, examples: Any, targets: Any, answers: Any) -> Any:
        """Return the loss of each example (n,)."""
        losses = self.loss(targets[:, : self.label_width], answers)
        if self.divergence is None:
            return losses
        taught = self.teacher(examples, training=False) if self.teacher else targets[:, self.label_width :]
        return (1 - self.weight) * losses + self.weight * self.divergence(taught, answers)


def learner(student: keras.Model, lesson: Lesson, figure: Any = None) -> keras.Model:
    """Return a model that trains another by a lesson with ``compile`` and ``fit``, and that answers as it does.

    Batches may have weights, as ``mirrored.divided`` gives them.

    Args:
        student: whose variables are trained.
        lesson: what it is taught.
        figure: a Keras metric of labels and answers, for the logs.
    """
    return _learner()(student, lesson, figure)


@cache
def _learner() -> Callable[..., Any]:
    """The class of learners; Keras is not loaded before it is needed."""
    import keras

    class Learner(keras.Model):  # type: ignore[misc,unused-ignore]
        def __init__(self, student: Any, lesson: Lesson, figure: Any) -> None:
            super().__init__(name="learner")
            self.student, self.figure = student, figure
            # its variables are none of the student's
            object.__setattr__(self, "_lesson", lesson)
            self.built = True

        def call(self, inputs: Any, training: bool | None = None) -> Any:
            return self.student(inputs, training=training)

        def compute_loss(
            self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
        ) -> Any:
            del training
            losses, own = self._lesson.losses(x, y, y_pred), self.losses
            if sample_weight is None:
                mean = keras.ops.mean(losses)
            else:  # of one of several devices, whose losses are added up
                mean = keras.ops.sum(losses * keras.ops.cast(sample_weight, losses.dtype))
                own = [loss / self.distribute_strategy.num_replicas_in_sync for loss in own]
            return keras.ops.sum(keras.ops.stack([mean, *own])) if own else mean

        def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
            del x
            if self.figure is not None:
                counts = None if sample_weight is None else keras.ops.cast(sample_weight > 0, "float32")
                self.figure.update_state(y[:, : self._lesson.label_width], y_pred, counts)
            logs: dict[str, Any] = self.get_metrics_result()
            return logs

        def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
            """Do nothing: Keras would take a pass over the examples here, and with it their first order."""

    return Learner
