"""Examples as arrays, and the form of what a model takes and gives: what data, runtimes and models speak of alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
# Examples: of data with one input an array (k, ...), else one such array by the name of each input.
Batch = Array | dict[str, Array]

Task = Literal["classification", "multilabel", "regression"]

_TEXT_BYTES = 64


class TensorSpec(NamedTuple):
    """The form of one input or output.

    Attributes:
        name: as its model or its data name it; empty for the only input of data.
        shape: of one example; None where any length fits.
        dtype: numpy's name of it, or ``string`` for text.
        batch: examples in a call, where only so many fit.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    batch: int | None = None

    @property
    def least_shape(self) -> tuple[int, ...]:
        """The shape of one example; one long where any length fits."""
        return tuple(side or 1 for side in self.shape)

    @property
    def numbers(self) -> int:
        """How many numbers or texts one example is; an axis of any length counts as one long."""
        return math.prod(self.least_shape)

    @property
    def example_bytes(self) -> int:
        """Bytes of one example; of a text a guess."""
        return self.numbers * (_TEXT_BYTES if self.dtype == "string" else np.dtype(self.dtype).itemsize)

    def __str__(self) -> str:
        sizes = ", ".join(
            ["n" if self.batch is None else str(self.batch), *("?" if s is None else str(s) for s in self.shape)]
        )
        return f"{self.name} {self.dtype} ({sizes})".lstrip()


class Signature(NamedTuple):
    """What a model takes and gives."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...] = ()


class DataSpec(NamedTuple):
    """What a model must take and give to fit a data set.

    Attributes:
        inputs: of one example each, with the shapes that the data have.
        outputs: figures that a model gives for an example: one of each class, label or target.
        task: what the figures are.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: int
    task: Task = "classification"


def arrays(batch: Batch) -> list[Array]:
    """Return the arrays of a batch, in the order of its inputs."""
    return list(batch.values()) if isinstance(batch, dict) else [batch]


def by_name(batch: Any) -> dict[str, Any]:
    """Return the arrays (or tensors) of a batch by the names of the inputs, ``""`` for the only one without a name."""
    return batch if isinstance(batch, dict) else {"": batch}


def as_batch(arrays: dict[str, Any]) -> Any:
    """Return what ``by_name`` was given, from what it returned."""
    return arrays[""] if list(arrays) == [""] else arrays


def length(batch: Batch) -> int:
    """Return the number of examples in a batch."""
    return len(arrays(batch)[0])


def mapped(function: Callable[[Array], Any], batch: Batch) -> Any:
    """Return what a function makes of each array of a batch, in the batch's own form."""
    if isinstance(batch, dict):
        return {name: function(array) for name, array in batch.items()}
    return function(batch)


def select(batch: Batch, rows: Any) -> Batch:
    """Return the examples of a batch that ``rows`` names: a slice, or their numbers."""
    selected: Batch = mapped(lambda array: array[rows], batch)
    return selected


def joined(batches: Sequence[Batch]) -> Batch:
    """Return the examples of several batches of one form as one batch."""
    first = batches[0]
    if isinstance(first, dict):
        return {name: np.concatenate([batch[name] for batch in batches]) for name in first}
    return np.concatenate(batches)  # type: ignore[arg-type]


def dtype_name(array: Array) -> str:
    """Return the name of an array's dtype as ``TensorSpec`` has it."""
    return "string" if array.dtype.kind in "OSUT" else array.dtype.name


def assigned(inputs: Sequence[TensorSpec], names: Sequence[str]) -> dict[str, TensorSpec]:
    """Return which input of a model each input of the data goes to, by the data's names; empty where they do not fit.

    Names must be the same, the case of letters and what exporters add apart (``serving_default_image:0``). Where both
    have one input, that is it, whatever the names are.
    """
    if len(inputs) != len(names):
        return {}
    if len(names) == 1:
        return {names[0]: inputs[0]}
    for plain in (str, plain_name):
        by_name = {plain(spec.name): spec for spec in inputs}
        if len(by_name) == len(inputs) and all(plain(name) in by_name for name in names):
            return {name: by_name[plain(name)] for name in names}
    return {}


def plain_name(name: str) -> str:
    """Return the name of an input without what exporters add to it."""
    return name.removeprefix("serving_default_").partition(":")[0].lower()
