"""The accuracy that a ``.tflite`` file loses on training examples that it was not calibrated on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from ..models.heads import figure, in_rows
from ..runtimes.litert import LiteRTRuntime
from ..runtimes.threads import process_threads
from ..tensors import Batch, Task
from .base import ModelState, TrainingContext
from .model_function import answers_to
from .tflite_converter import CALIBRATION_EXAMPLES, drawn

_CHECKED_EXAMPLES = 1_000
_BATCH = 100


class LostAccuracy:
    """Compares files with the model that they were made from, on up to 1,000 training examples.

    Of several labels the accuracy is the share of examples with all labels right; of regression it is 1 minus the error
    relative to guessing the mean.

    Args:
        state: with the model.
        context: with the training examples.
        skip: so many of the first examples of ``drawn`` were used to make the files.
    """

    def __init__(self, state: ModelState, context: TrainingContext, *, skip: int = CALIBRATION_EXAMPLES) -> None:
        chosen = drawn(context, _CHECKED_EXAMPLES, skip=skip)
        if not len(chosen):
            chosen = drawn(context, _CHECKED_EXAMPLES)
        self._batches = [
            context.x_train.take(chosen[start : start + _BATCH]) for start in range(0, len(chosen), _BATCH)
        ]
        self._task = context.spec.task
        self._labels = in_rows(self._task, context.y_train[chosen])
        self._exact = self._figure(answers_to(state.model, self._batches))

    def of(self, flatbuffer: bytes) -> float:
        """Return what a file loses; below 0 where it is better than the model."""
        return self._exact - self._figure(_answers(flatbuffer, self._batches))

    def _figure(self, answers: npt.NDArray[np.float32]) -> float:
        return float(figure(self._task, _two_columns(answers, self._task), self._labels))


def _answers(flatbuffer: bytes, batches: Iterable[Batch]) -> npt.NDArray[np.float32]:
    with TemporaryDirectory(prefix="opml-") as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(flatbuffer)
        runtime = LiteRTRuntime(path, threads=process_threads())
        return np.concatenate([runtime.predict(batch) for batch in batches])


def _two_columns(answers: npt.NDArray[np.float32], task: Task) -> npt.NDArray[np.float32]:
    """Answers in rows; the one figure for the second of two classes becomes one for each."""
    rows = answers.reshape(len(answers), -1)
    return np.hstack([1 - rows, rows]) if task == "classification" and rows.shape[1] == 1 else rows
