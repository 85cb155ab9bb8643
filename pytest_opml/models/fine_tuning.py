"""Training an optimised model on: it learns from the labels and from what it was before, and keeps its best weights."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..datasets.augmentation import Augmentation
from ..datasets.input_set import InputSet
from ..progress import report_progress
from ..records.case_record import Unfreeze
from ..tensors import Task
from .batches import Examples, OnStep, compile_for_here, fit, frozen_parts, readable, steps_of
from .features import features_of
from .heads import ending_of, in_rows
from .held_out import BestWeights, held_out
from .learner import Lesson, Teacher, learner
from .logits import up_to_logits
from .losses import Figures, Loss, in_shares, label_loss
from .normalization import fixed_statistics
from .optimizer import WARM_UP, WEIGHT_DECAY, adamw
from .streams import predict
from .unfreeze import Parts, unfreeze, whole

if TYPE_CHECKING:
    import keras

Statistics = Literal["fixed", "batch"]

# Epochs in a row without a smaller loss, after which there is nothing more to gain.
_PATIENCE = 2


class FineTuning(NamedTuple):
    """What fine-tuning took and gave.

    Attributes:
        seconds: in all.
        epochs: passes over the examples; fewer than asked for where it no longer gained.
        losses: on the held-out examples, before the first and after each epoch; empty where none were held out.
    """

    seconds: float
    epochs: int
    losses: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FineTuningPlan:
    """How a model is trained on.

    Attributes:
        epochs: passes over the examples, at the most.
        batch: examples a step.
        seed: of the order of the examples, and of which are held out.
        learning_rate: of AdamW at its highest.
        top: how many layers with weights, counted from the output, are trained.
        task: of the data.
        teacher: whose answers are learnt besides the labels.
        statistics: of batch normalisation that was trained before: its own, which it keeps (``fixed``), or those of
            each batch, which it learns anew (``batch``) where the network below has changed.
        on_step: called with the number of each step, from 0, and their count, before the step.
        settled: the share of the steps before which training does not stop, and no weights are taken for the best.
        loss: of labels and answers (not logits), by default that of the task and of what the model ends in.
        augment: what is done to the training images.
    """

    epochs: int
    batch: int
    seed: int
    learning_rate: float
    top: Unfreeze = "all"
    task: Task = "classification"
    teacher: Teacher | None = None
    statistics: Statistics = "fixed"
    on_step: OnStep | None = None
    settled: float = 0.0
    loss: Loss | None = None
    augment: tuple[str, ...] = ()


def fine_tune(model: keras.Model, inputs: InputSet, targets: npt.NDArray[Any], plan: FineTuningPlan) -> FineTuning:
    """Train a model on from the weights it has; they are changed in place.

    A variable with a ``constraint`` keeps to it. After each epoch the loss on a tenth of the examples, which are held
    out, is taken: the weights come back that had the smallest, those from before the first epoch among them if
    ``settled`` is 0.

    Args:
        model: functional or sequential, with one output.
        inputs: examples to train on.
        targets: what the loss takes for each example: labels in the form of the task by default.
        plan: how to train.

    Raises:
        CaseDefinitionError: more layers were to be trained than there are, or the model's output cannot be trained.
        ValueError: a teacher is given with a loss of the caller's own.
    """
    if plan.teacher and plan.loss:
        raise ValueError("a loss of its own goes without a teacher")
    if not plan.epochs:
        return FineTuning(0.0, 0)
    started = time.perf_counter()
    unfreeze(model, plan.top)
    rows = in_rows(plan.task, targets).reshape(len(targets), -1).astype(np.float32)
    with fixed_statistics(model) if plan.statistics == "fixed" else nullcontext(), readable(inputs):
        tuner = _Tuner(model, inputs, rows, plan)
        tuner.run()
    return FineTuning(time.perf_counter() - started, tuner.epochs, tuple(tuner.best.losses))


class _Tuner:
    """One fine-tuning: what it trains, and the best weights so far."""

    def __init__(
        self, model: keras.Model, inputs: InputSet, rows: npt.NDArray[np.float32], plan: FineTuningPlan
    ) -> None:
        import keras

        self._plan, self._epochs = plan, 0
        figures = Figures(plan.task, ending_of(model), int(model.outputs[0].shape[-1]), model.name)
        logits = whole(model).trained if plan.loss else up_to_logits(model)
        parts = frozen_parts(logits, inputs)
        augmentation = Augmentation(_images_only(plan), plan.seed) if plan.augment else None
        if augmentation and augmentation.mixes:
            rows = in_shares(figures, rows)
        lesson = _lesson(plan, figures, rows.shape[1])
        keras.utils.set_random_seed(plan.seed)
        examples, teacher = _examples(parts, inputs, rows, plan, augmentation)
        self._learner, self._student = learner(parts.trained, lesson._replace(teacher=teacher)), parts.trained
        mask = held_out(len(inputs), plan.seed)
        self._training = examples.subset(np.flatnonzero(~mask))
        watched = examples.subset(np.flatnonzero(mask)) if mask.any() else None
        self.best = BestWeights(model, watched, _PATIENCE)

    @property
    def epochs(self) -> int:
        """Passes over the examples so far."""
        return self._epochs

    def run(self) -> None:
        """Train, and leave the best weights in the model."""
        plan, steps = self._plan, steps_of(len(self._training.targets), self._plan.batch)
        optimizer = adamw(
            self._learner.trainable_variables,
            plan.learning_rate,
            plan.epochs * steps,
            warm_up=WARM_UP,
            weight_decay=WEIGHT_DECAY,
        )
        compile_for_here(self._learner, optimizer)
        self._look(counts=plan.settled == 0)
        stream = self._training.in_training(self._student, plan.batch, plan.seed)
        fit(self._learner, stream, steps, plan.epochs, on_step=plan.on_step, on_epoch_end=self._after_epoch)
        self.best.restore()

    def _after_epoch(self, number: int, _logs: dict[str, float]) -> bool:
        self._epochs = number + 1
        return self._look(counts=self._epochs >= self._plan.settled * self._plan.epochs)

    def _look(self, *, counts: bool) -> bool:
        return self.best.look(self._learner, self._student, self._plan.batch, self._epochs, counts=counts)


def _images_only(plan: FineTuningPlan) -> tuple[str, ...]:
    """What is done to the images; targets of the caller's own are not mixed."""
    return tuple(name for name in plan.augment if name != "mixup" or not plan.loss)


def _lesson(plan: FineTuningPlan, figures: Figures, width: int) -> Lesson:
    """What the model is taught."""
    if plan.loss:
        return Lesson(plan.loss, label_width=width)
    figures.check()
    lesson = Lesson(label_loss(figures), label_width=width)
    return lesson.taught_by(plan.teacher, figures) if plan.teacher else lesson


def _examples(
    parts: Parts,
    inputs: InputSet,
    rows: npt.NDArray[np.float32],
    plan: FineTuningPlan,
    augmentation: Augmentation | None,
) -> tuple[Examples, keras.Model | None]:
    """What is trained on, and the teacher where it has to be asked in each step."""
    teacher = up_to_logits(plan.teacher.model) if plan.teacher else None
    if teacher and augmentation is None:
        report_progress("asking the teacher")
        rows = np.concatenate([rows, predict(teacher, inputs, plan.batch).astype(np.float32)], axis=1)
        teacher = None
    if parts.frozen is None:
        return Examples(inputs, rows, augmentation), teacher
    features = features_of(parts.frozen, inputs, plan.batch, augmentation=augmentation, teacher=teacher)
    return Examples(features, rows, augmentation), None
