"""The role of a runtime."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

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
