"""The role of a runtime."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError
from ..tensors import Batch, Signature, TensorSpec, length, select
from .fit import is_one_example

Probabilities = npt.NDArray[np.float32]


class Placed(NamedTuple):
    """Examples where the model computes.

    Attributes:
        calls: the model's own inputs for each call that answers a part of them.
        examples: how many they are; the last call may be filled up with more.
        one_by_one: whether each call answers one of them.
    """

    calls: list[Any]
    examples: int
    one_by_one: bool = False


class Runtime(ABC):
    """An opened artifact. To override: ``name``, ``to_device``, ``answer``; the attributes are set when it is opened.

    Its work is done in three steps, as only the second one is timed: ``place``, ``run``, ``probabilities``.

    Attributes:
        name: of the runtime, as it appears in records.
        path: of the file or folder that was opened.
        parameters: numbers in the model's weights.
        layers: layers or operations of the model.
        signature: what the model takes, and the outputs that it has.
        output: the one of them that ``answer`` gives.
        threads: that it says it computes with.
        call_size: examples in a call, where the model was made for so many; None where any number fits.
        execution: what the runtime says that it computes with, such as its provider or precision, for the record.
    """

    name: ClassVar[str]
    path: Path
    parameters: int
    layers: int
    signature: Signature
    output: TensorSpec
    threads: int
    call_size: int | None = None
    execution: Mapping[str, str] = MappingProxyType({})

    @abstractmethod
    def to_device(self, batch: Batch) -> Any:
        """Return the model's own inputs, placed on its device, for the examples of one call.

        Raises:
            ModelFileError: the model does not take what the data have.
        """

    @abstractmethod
    def answer(self, placed: Any) -> Any:
        """The model's own output for what ``to_device`` gave; returns when it is there to read."""

    def rows(self, answers: Any) -> npt.NDArray[Any]:
        """Return the model's own outputs as numbers (n, ...); for those that are none, or that are quantised."""
        return np.asarray(answers)

    def place(self, batch: Batch) -> Placed:
        """Return what ``run`` takes, made from examples as the model takes them.

        A model that was made for a number of examples gets as many in each call; the last call is filled up with the
        last example.

        Raises:
            ModelFileError: the model does not take what the data have.
        """
        size, count = self.call_size, length(batch)
        if size is None:
            return Placed([self.to_device(batch)], count)
        if is_one_example(self.signature.inputs, batch):  # without an axis for several
            return Placed([self.to_device(select(batch, row)) for row in range(count)], count, one_by_one=True)
        chosen = [np.minimum(np.arange(start, start + size), count - 1) for start in range(0, count, size)]
        return Placed([self.to_device(select(batch, rows)) for rows in chosen], count, one_by_one=size == 1)

    def run(self, placed: Placed) -> Any:
        """The model's own outputs for what ``place`` gave; returns when they are there to read.

        Raises:
            ModelFileError: it fails, or does not answer for each example.
        """
        answers = [self.answer(call) for call in placed.calls]
        if placed.one_by_one:
            return np.stack([np.squeeze(answer) for answer in answers])  # whether or not with an axis for several
        size = self.call_size or placed.examples
        if any(np.shape(answer)[:1] != (size,) for answer in answers):
            raise ModelFileError(f"{self.path}: answers {size} examples with an array of {np.shape(answers[0])}")
        return answers[0][: placed.examples] if len(answers) == 1 else np.concatenate(answers)[: placed.examples]

    def probabilities(self, answers: Any) -> Probabilities:
        """Return the figures (n, classes, labels or targets) that the model's own outputs stand for.

        Raises:
            ModelFileError: they are no rows of numbers, or one of them is not a number or infinite.
        """
        rows = np.asarray(self.rows(answers))
        if rows.dtype.kind not in "biuf" or not len(rows) or max(rows.shape[1:], default=1) < rows[0].size:
            raise ModelFileError(
                f"{self.path}: its answers are {rows.dtype.name} {tuple(rows.shape)}, not a row of figures an example"
            )
        figures = np.asarray(rows.reshape(len(rows), -1), dtype=np.float32)
        bad = np.count_nonzero(~np.isfinite(figures).all(axis=1))
        if bad:
            raise ModelFileError(
                f"{self.path}: {bad:,} of {len(figures):,} answers are not a number or infinite; so may be its"
                " weights, after a training that diverged, or figures within it leave the range of its floats: check"
                " how its inputs are scaled"
            )
        return figures

    def predict(self, batch: Batch) -> Probabilities:
        """Return the figures (n, classes, labels or targets) of examples as the model takes them.

        Raises:
            ModelFileError: the model does not take what the data have, or does not answer with numbers.
        """
        return self.probabilities(self.run(self.place(batch)))
