"""The 1,797 handwritten digits (8 x 8 pixels) that scikit-learn ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .augmentation import sound
from .raw import RawData


@sound("crop", "mixup")
def load(data_dir: Path | None) -> RawData:  # noqa: ARG001 - every loader is offered the data folder
    """Return all images with their sixteen grey levels spread over 0 to 255; there is no test part of its own."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return RawData(images, digits.target, tuple(str(name) for name in digits.target_names))
