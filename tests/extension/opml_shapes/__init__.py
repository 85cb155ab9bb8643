"""Squares and crosses, a network that tells them apart, and weights of one size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from pytest_opml import ModelState, RawData, Technique, TrainingContext
from pytest_opml.errors import TechniqueError


def load(data_dir: Path | None) -> RawData:
    """Two hundred images of 16 x 16 pixels with noise, half of each kind."""
    random = np.random.default_rng(0)
    labels = np.arange(200) % 2
    images = random.integers(0, 60, (200, 16, 16), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = random.integers(2, 8, 2)
        if label:
            image[row + 2, column : column + 5] = image[row : row + 5, column + 2] = 200
        else:
            image[row : row + 5, [column, column + 4]] = image[[row, row + 4], column : column + 5] = 200
    return RawData(images, labels, ("square", "cross"))


def build(keras: Any, size: int, channels: int, *, weights: str) -> Any:
    """One convolution."""
    inputs = keras.Input((size, size, channels), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(16, 5, activation="relu")(x)
    return keras.Model(inputs, keras.layers.GlobalMaxPooling2D()(x), name="shapenet")


class Sign(Technique):
    """``sign-SCALE``: each weight of a convolution is plus or minus SCALE times the mean of the layer."""

    argument: ClassVar[str | None] = "scale"

    scale: float = Field(gt=0, description="of the mean absolute weight, more than 0")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        changed = 0
        for layer in state.model.layers:
            if hasattr(layer, "kernel") and len(layer.kernel.shape) == 4:
                kernel = layer.kernel.numpy()
                layer.kernel.assign(np.sign(kernel) * np.abs(kernel).mean() * self.scale)
                changed += kernel.size
        if not changed:
            raise TechniqueError(f"sign-{self.scale:g}: no convolution; nothing changed")
        return replace(state, deflate=True, changes=state.changes | {"sign.weights": changed})
