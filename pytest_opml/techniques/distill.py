"""Knowledge distillation: a larger trained model teaches this one.

Source: G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", 2015.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from ..errors import TechniqueError
from ..models.batches import readable
from ..models.heads import figure, in_rows
from ..models.learner import Teacher
from ..models.streams import predict
from .base import Changes, ModelState, OtherModel, Technique, TrainingContext

if TYPE_CHECKING:
    import keras

_RATE = 1e-3
# The student listens for half of the time at least, whatever it could do before.
_SETTLED = 0.5


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

    def trains(self) -> bool:
        """See ``Technique.trains``."""
        return True

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        trained = context.trained(*self.other_models())
        teacher = trained.load()
        self._check_gives_as_many_figures(teacher, state.model)
        before = state.model.get_weights()
        tuning = context.fine_tune(
            state.model,
            epochs=self.epochs or context.case.epochs,
            learning_rate=_RATE,
            top=context.case.unfreeze,
            teach=Teacher(teacher, self.weight, self.temperature),
            settled=_SETTLED,
        )
        if all(np.array_equal(old, new) for old, new in zip(before, state.model.get_weights(), strict=True)):
            raise TechniqueError(f"distill:{self.teacher}: no weight was trained; nothing changed")
        changes: Changes = {
            "distill.teacher_parameters": int(teacher.count_params()),
            "distill.teacher_training_s": round(trained.training.training_s, 3),
            "distill.teacher_train_accuracy": round(self._accuracy(teacher, context), 4),
            "distill.epochs": tuning.epochs,
        }
        return replace(state, training_s=state.training_s + tuning.seconds, changes=state.changes | changes)

    def _check_gives_as_many_figures(self, teacher: keras.Model, student: keras.Model) -> None:
        """Refuse a teacher whose figures do not stand for the student's.

        Raises:
            TechniqueError: it has more or fewer.
        """
        counts = [int(model.outputs[0].shape[-1]) for model in (teacher, student)]
        if counts[0] != counts[1]:
            raise TechniqueError(
                f"distill:{self.teacher}: gives {counts[0]} figures, and {student.name} {counts[1]}; a teacher answers "
                "for the same classes"
            )

    def _accuracy(self, teacher: keras.Model, context: TrainingContext) -> float:
        """How good the teacher's answers are for the training examples."""
        with readable(context.x_train):
            answers = predict(teacher, context.x_train, context.case.batch)
        return figure(context.spec.task, answers, in_rows(context.spec.task, context.y_train))
