"""What frozen layers make of the examples: worked out once, so that training need not run them in every epoch.

Of images that are changed in training there are several views, the plain one among them, which take turns.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..datasets.augmentation import Augmentation
from ..datasets.input_set import InputSet
from ..progress import report_progress
from ..tensors import Array
from .streams import compiled_call, examples_for

if TYPE_CHECKING:
    import keras

# Layers give the same output in batches of any size; these keep their activations within some 500 MB.
_BATCH_BYTES = 128 * 96 * 96 * 3
_VIEWS = 4
# In float32 up to this, else in half precision; from the second size on in a file, up to the third.
_MOST_FLOAT32, _MOST_IN_MEMORY, _MOST_ON_DISK = 10**9, 1_500 * 10**6, 6 * 10**9


@dataclass(frozen=True)
class Features:
    """Outputs of frozen layers for examples.

    Attributes:
        views: of each view, the output tensors (n, ...).
        taught: of each view, what a teacher answers (n, k); empty without one.
        rows: which of the n are meant.
    """

    views: list[list[Array]]
    taught: list[Array] = field(default_factory=list)
    rows: npt.NDArray[np.intp] | None = None

    def __len__(self) -> int:
        return len(self.views[0][0]) if self.rows is None else len(self.rows)

    def subset(self, indices: npt.NDArray[np.intp]) -> Features:
        """Return those of the examples with these numbers; nothing is copied."""
        return Features(self.views, self.taught, indices if self.rows is None else self.rows[indices])

    def take(self, indices: npt.NDArray[np.intp], turn: int = 0) -> tuple[Array, ...]:
        """Return outputs for examples, and what the teacher answers at the end, if there is one.

        Args:
            indices: of the examples.
            turn: of the views; 0 is the plain one for all, later ones differ from example to example.
        """
        rows = indices if self.rows is None else self.rows[indices]
        views = (turn + rows) % len(self.views) if turn else np.zeros(len(rows), dtype=np.intp)
        tensors = [[*view, *self.taught[number : number + 1]] for number, view in enumerate(self.views)]
        return tuple(_gathered([view[place] for view in tensors], rows, views) for place in range(len(tensors[0])))


def _gathered(arrays: list[Array], rows: npt.NDArray[np.intp], views: npt.NDArray[np.intp]) -> Array:
    """The rows of several arrays of one form, each from the array that its view is."""
    if len(arrays) == 1:
        return np.asarray(arrays[0][rows])
    gathered = np.empty((len(rows), *arrays[0].shape[1:]), arrays[0].dtype)
    for number, array in enumerate(arrays):
        of_view = views == number
        gathered[of_view] = array[rows[of_view]]
    return gathered


def features_of(
    frozen: keras.Model,
    inputs: InputSet,
    batch: int,
    *,
    augmentation: Augmentation | None = None,
    teacher: keras.Model | None = None,
) -> Features:
    """Work out what frozen layers give for examples.

    Args:
        frozen: a functional model of them.
        inputs: examples.
        batch: examples at a time, at the most.
        augmentation: changes the images, for the views after the first.
        teacher: gives its logits for the same views; it takes what the frozen layers take.
    """
    batch = max(1, min(batch, _BATCH_BYTES // max(1, inputs.example_bytes)))
    outputs = list(frozen.outputs)
    numbers = sum(int(np.prod(tensor.shape[1:])) for tensor in outputs)
    views = _views(len(inputs) * numbers) if augmentation else 1
    total = views * len(inputs) * numbers
    stored = [[_store(tensor, len(inputs), total) for tensor in outputs] for _ in range(views)]
    taught = []
    run, ask = compiled_call(frozen), compiled_call(teacher) if teacher else None
    for number, arrays in enumerate(stored):
        report_progress("computing the output of the frozen layers", number + 1, views)
        answers = []
        for rows, examples in _batches(frozen, inputs, batch, augmentation if number else None):
            for array, tensor in zip(arrays, _listed(run(examples)), strict=True):
                array[rows] = _fitting(tensor.numpy(), array.dtype)
            if ask:
                answers.append(ask(examples).numpy().astype(np.float32))
        if ask:
            taught.append(np.concatenate(answers))
    return Features(stored, taught)


def _batches(
    model: keras.Model, inputs: InputSet, batch: int, augmentation: Augmentation | None
) -> Iterator[tuple[slice, Any]]:
    change = (lambda examples, rows: (augmentation.changed(examples), rows)) if augmentation else None
    for number, (examples,) in enumerate(examples_for(model, inputs, batch, change=change)):
        yield slice(number * batch, (number + 1) * batch), examples


def _views(numbers: int) -> int:
    """How many views of so many numbers each can be kept, in half precision."""
    free = shutil.disk_usage(tempfile.gettempdir()).free
    most = min(_MOST_ON_DISK, max(_MOST_IN_MEMORY, free // 2))
    return int(max(1, min(_VIEWS, most // max(1, 2 * numbers))))


def _store(tensor: Any, count: int, numbers: int) -> Array:
    """Room for a tensor of each example, where ``numbers`` are stored in all."""
    dtype = np.dtype(tensor.dtype if "bfloat" not in tensor.dtype else "float32")
    if dtype == np.float32 and 4 * numbers > _MOST_FLOAT32:
        dtype = np.dtype(np.float16)
    shape = (count, *tensor.shape[1:])
    if dtype.itemsize * numbers <= _MOST_IN_MEMORY:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="opml-") as file:  # stays as long as the array does
        return np.memmap(file, dtype, "w+", shape=shape)


def _fitting(array: Array, dtype: np.dtype[Any]) -> Array:
    if dtype == np.float16 and array.dtype != np.float16:
        largest = float(np.finfo(np.float16).max)
        array = np.clip(array, -largest, largest)
    return array.astype(dtype, copy=False)


def _listed(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
