"""The role of a runtime."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError
from ..tensors import Batch, Signature, TensorSpec, arrays

Probabilities = npt.NDArray[np.float32]


class Runtime(ABC):
    """An opened artifact. To override: ``name``, ``to_device``, ``answer``; the attributes are set when it is opened.

    Its work is done in three steps, as only the second one is timed: ``place``, ``run``, ``probabilities``.

    Attributes:
        name: of the runtime, as it appears in records.
        path: of the file or folder that was opened.
        parameters: numbers in the model's weights.
        layers: layers or operations of the model.
        image_size: height and width of the images that it takes, pixels; None where it takes any.
        one_by_one: whether the model was made for a batch of one.
    """

    name: ClassVar[str]
    path: Path
    parameters: int
    layers: int
    image_size: int | None
    one_by_one: bool = False

    @property
    def signature(self) -> Signature:
        """What the model takes and gives."""
        return Signature((TensorSpec("", (self.image_size, self.image_size, 3), "uint8"),))

    @abstractmethod
    def to_device(self, images: npt.NDArray[Any]) -> Any:
        """Return the model's own input, placed on its device, for uint8 images (n, height, width, 3)."""

    @abstractmethod
    def answer(self, placed: Any) -> npt.NDArray[Any]:
        """The model's own output (n, classes) for what ``to_device`` gave; returns when it is there to read."""

    def probabilities(self, answers: npt.NDArray[Any]) -> Probabilities:
        """Return the probabilities (n, classes) that the model's own outputs stand for."""
        return np.asarray(answers, dtype=np.float32)

    def place(self, batch: Batch) -> list[Any]:
        """Return what ``run`` takes, made from examples."""
        (examples,) = arrays(batch)
        if self.one_by_one:
            return [self.to_device(example[None]) for example in examples]
        return [self.to_device(examples)]

    def run(self, placed: list[Any]) -> npt.NDArray[Any]:
        """The model's own outputs (n, classes) for what ``place`` gave; returns when they are there to read."""
        if len(placed) == 1:
            return self.answer(placed[0])
        return np.concatenate([self.answer(one) for one in placed])

    def predict(self, batch: Batch) -> Probabilities:
        """Return the probabilities (n, classes) of examples."""
        return self.probabilities(self.run(self.place(batch)))


def refuse_shape(path: Path, signature: str) -> NoReturn:
    """Raise the error for a model that takes or gives something else than images and probabilities."""
    raise ModelFileError(f"{path}: must take images (n, size, size, 3) and give rows (n, classes), not {signature}")
