"""The role of a runtime."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError

Probabilities = npt.NDArray[np.float32]


class Runtime(ABC):
    """An opened artifact. To override: ``name``, ``predict``; the attributes are set when the file is opened.

    Attributes:
        name: of the runtime, as it appears in records.
        parameters: numbers in the model's weights.
        layers: layers or operations of the model.
        image_size: height and width of the images that it takes, pixels; None where it takes any.
    """

    name: ClassVar[str]
    parameters: int
    layers: int
    image_size: int | None

    @abstractmethod
    def predict(self, images: npt.NDArray[Any]) -> Probabilities:
        """Probabilities (n, classes) of uint8 images (n, height, width, 3); returns when they are there to read."""


def one_image_at_a_time(runtime: Runtime, images: npt.NDArray[Any]) -> Probabilities:
    """What a model that was made for a batch of one answers for many."""
    return np.concatenate([runtime.predict(image[None]) for image in images])


def refuse_shape(path: Path, found: str) -> NoReturn:
    """Raise the error for a model that takes or gives something else than images and probabilities."""
    raise ModelFileError(f"{path}: must take images (n, size, size, 3) and give rows (n, classes), not {found}")
