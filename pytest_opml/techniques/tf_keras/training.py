"""Training in the process of legacy Keras: a model learns from labels and a teacher, and keeps its best weights."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...datasets.augmentation import Augmentation, augmentations_of
from ...models.heads import Ending, ending_of
from ...models.held_out import held_out
from ...models.learner import Lesson, Teacher
from ...models.losses import Figures, in_shares, label_loss
from ...models.optimizer import WARM_UP, WEIGHT_DECAY
from ...runtimes.threads import read_ahead
from ...tensors import arrays

if TYPE_CHECKING:
    from .job import LegacyJob

# As in ``models.fine_tuning``: so many epochs without a gain end training.
_PATIENCE = 2
# Below these a share says nothing of the figure that it was made from.
_LEAST_SHARE, _LEAST_OF_LABELS = 1e-30, 1e-7


def fine_tune(
    job: LegacyJob,
    model: Any,
    *,
    epochs: int,
    learning_rate: float,
    settled: float = 0.0,
    callbacks: tuple[Any, ...] = (),
) -> None:
    """Train a model on, as ``models.fine_tuning`` does one of Keras 3; its normalisation is left as it is.

    Args:
        job: has the examples, and the teacher.
        model: of legacy Keras, with the inputs and the output of the job's; changed in place.
        epochs: passes over the examples, at the most.
        learning_rate: of AdamW at its highest.
        settled: the share of the steps before which no weights are taken for the best, and training does not stop.
        callbacks: of Keras, which are told of each step.
    """
    import tf_keras

    if not epochs:
        return
    started = time.perf_counter()
    tf_keras.utils.set_random_seed(job.case.seed)
    school = _School(job, model)
    steps = epochs * school.steps
    model.compile(_adamw(model.trainable_variables, learning_rate, steps), school.loss)
    model.optimizer.build(model.trainable_variables)  # as ``batches.compile_for_here`` says
    held_out = school.held_out()
    best = _best_weights()(settled * epochs)
    if held_out is not None and not settled:
        best.note(model, model.evaluate(held_out, verbose=0))
    watching = (best,) if held_out is not None else ()
    history = model.fit(
        school.training(),
        epochs=epochs,
        steps_per_epoch=school.steps,
        validation_data=held_out,
        verbose=0,
        callbacks=[*callbacks, *watching],
    )
    if best.weights:
        model.set_weights(best.weights)
    job.epochs += len(history.epoch)
    job.training_s += time.perf_counter() - started


def steps_of(examples: int, batch: int, seed: int) -> int:
    """Return how many steps an epoch has over so many examples, of which some are held out."""
    return math.ceil(int(np.count_nonzero(~held_out(examples, seed))) / batch)


def _adamw(variables: list[Any], learning_rate: float, steps: int) -> Any:
    """The optimizer of ``models.optimizer``, of legacy Keras."""
    import tf_keras

    rising = round(WARM_UP * steps)
    rate = tf_keras.optimizers.schedules.CosineDecay(
        learning_rate / max(1, rising),
        max(1, steps - rising),
        warmup_target=learning_rate if rising else None,
        warmup_steps=rising,
    )
    optimizer = tf_keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY)
    if flat := [variable for variable in variables if len(variable.shape) < 2]:
        optimizer.exclude_from_weight_decay(var_list=flat)
    return optimizer


class _School:
    """What a model is taught: batches of examples, with labels and the answers of a teacher as their targets."""

    def __init__(self, job: LegacyJob, model: Any) -> None:
        self._job, self._model, self._batch = job, model, job.case.batch
        task, ending = job.spec.task, ending_of(job.teacher)
        outputs = int(job.teacher.outputs[0].shape[-1])
        figures = Figures(task, ending, outputs, job.case.model)
        figures.check()
        names = augmentations_of(job.case)
        self._augmentation = Augmentation(names, job.case.seed) if names else None
        self._labels = job.labels.reshape(len(job.labels), -1).astype(np.float32)
        if self._augmentation and self._augmentation.mixes:
            self._labels = in_shares(figures, self._labels)
        teacher = Teacher(job.teacher)
        self._lesson = Lesson(label_loss(figures), label_width=self._labels.shape[1]).taught_by(teacher, figures)
        self._ending = ending
        self._mask = held_out(len(self._labels), job.case.seed)
        self._random = np.random.default_rng(job.case.seed)
        self.steps = steps_of(len(self._labels), self._batch, job.case.seed)
        self._teach = _logits_function(job.teacher, ending)
        self._answers = np.full((len(self._labels), outputs), np.nan, np.float32)

    def loss(self, targets: Any, answers: Any) -> Any:
        """Return the loss of each example (n,)."""
        return self._lesson.losses(None, targets, logits_of(answers, self._ending))

    def training(self) -> Any:
        """Batches without an end, in another order for each pass."""
        rows = np.flatnonzero(~self._mask)

        def batches() -> Iterator[tuple[tuple[npt.NDArray[Any], ...], npt.NDArray[Any]]]:
            while True:
                order = self._random.permutation(rows)
                for start in range(0, len(order), self._batch):
                    chosen = np.sort(order[start : start + self._batch])  # the file is read front to back
                    yield self._changed(chosen, self._augmentation) if self._augmentation else self._taught(chosen)

        return self._dataset(batches)

    def held_out(self) -> Any:
        """Batches that are not trained on; None where there are none."""
        rows = np.flatnonzero(self._mask)
        if not len(rows):
            return None
        chunks = [rows[start : start + self._batch] for start in range(0, len(rows), self._batch)]
        return self._dataset(lambda: iter([self._taught(chunk) for chunk in chunks])).cache()

    def _taught(self, rows: npt.NDArray[np.intp]) -> tuple[tuple[npt.NDArray[Any], ...], npt.NDArray[Any]]:
        """Examples with their labels and what the teacher answers for them, which it is asked once."""
        if np.isnan(self._answers[rows, 0]).any():
            self._answers[rows] = self._teach(self._job.examples(self._job.teacher, rows))
        inputs = tuple(self._job.examples(self._model, rows))
        return inputs, np.concatenate([self._labels[rows], self._answers[rows]], axis=1)

    def _changed(
        self, rows: npt.NDArray[np.intp], augmentation: Augmentation
    ) -> tuple[tuple[npt.NDArray[Any], ...], npt.NDArray[Any]]:
        """Images changed anew, with their labels and what the teacher answers for them as they are then."""
        (images,) = self._job.examples(self._model, rows)
        batch, labels = augmentation(images, self._labels[rows])
        (changed,) = arrays(batch)
        return (changed,), np.concatenate([labels, self._teach([changed])], axis=1)

    def _dataset(self, batches: Callable[[], Iterator[Any]]) -> Any:
        import tensorflow as tf

        inputs, targets = self._taught(np.arange(1))
        specs = [tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in (*inputs, targets)]
        signature = (tuple(specs[:-1]), specs[-1])
        return read_ahead(tf.data.Dataset.from_generator(batches, output_signature=signature), 1)


def logits_of(answers: Any, ending: Ending) -> Any:
    """Return the figures (n, k) before the softmax or sigmoid that a model ends in.

    Args:
        answers: of a model of legacy Keras, which notes the figures on what they become; else a softmax gives them up
            to a number that is the same for all classes.
        ending: that the answers have gone through.
    """
    import tensorflow as tf

    noted = getattr(answers, "_keras_logits", None)
    if ending == "linear" or noted is not None:
        return answers if noted is None else noted
    if ending == "softmax":
        return tf.math.log(tf.maximum(answers, _LEAST_SHARE))
    shares = tf.clip_by_value(answers, _LEAST_OF_LABELS, 1 - _LEAST_OF_LABELS)
    return tf.math.log(shares) - tf.math.log1p(-shares)


def _logits_function(model: Any, ending: Ending) -> Callable[[list[npt.NDArray[Any]]], npt.NDArray[np.float32]]:
    """A function of arrays in the order of a model's inputs, which gives the figures before its last activation."""
    import tensorflow as tf

    def answer(*inputs: Any) -> Any:
        return logits_of(model(list(inputs) if len(inputs) > 1 else inputs[0], training=False), ending)

    graph = tf.function(answer, autograph=False, reduce_retracing=True)

    def figures(inputs: list[npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        rows = np.asarray(graph(*map(tf.constant, inputs)), np.float32)
        return rows.reshape(len(rows), -1)

    return figures


@cache
def _best_weights() -> Any:
    """The class of a callback that notes the best weights; legacy Keras is not loaded before it is needed."""
    import tf_keras

    class BestWeights(tf_keras.callbacks.Callback):  # type: ignore[misc,unused-ignore]
        """Notes the weights of the least loss on held-out examples, and stops training that no longer gains."""

        def __init__(self, settled: float) -> None:
            super().__init__()
            self._settled = settled
            self._losses: list[float] = []
            self.weights: list[Any] = []

        def note(self, model: Any, loss: float) -> None:
            if loss < min(self._losses, default=math.inf):
                self.weights = model.get_weights()
            self._losses.append(loss)

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            if epoch + 1 < self._settled:
                return
            self.note(self.model, logs["val_loss"])
            recent = self._losses[-_PATIENCE - 1 :]
            self.model.stop_training = len(recent) > _PATIENCE and min(recent[1:]) >= recent[0]

    return BestWeights
