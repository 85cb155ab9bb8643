"""What a loader returns, and whether it can be used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError
from .sources import Images, Labels


class RawData(NamedTuple):
    """What a loader returns.

    Attributes:
        images: uint8, (n, height, width) or (n, height, width, 1 or 3); or n paths of image files.
        labels: whole numbers, (n,), from 0 to classes - 1.
        classes: names of the classes, in the order of the labels.
        test_images: the data set's own test part, or None where it has none.
        test_labels: likewise.
    """

    images: npt.NDArray[Any] | Sequence[Path]
    labels: npt.NDArray[Any]
    classes: tuple[str, ...]
    test_images: npt.NDArray[Any] | Sequence[Path] | None = None
    test_labels: npt.NDArray[Any] | None = None


class Part(NamedTuple):
    """Images (n, height, width, 1 or 3) or image files, with labels (n,), that were checked."""

    images: Images | Sequence[Path]
    labels: Labels


def checked(name: str, part: str, images: Any, labels: Any, classes: int) -> Part:
    """Return the images and labels of a part ("train", "test") of a data set, in one form.

    Raises:
        DatasetError: they are malformed; names the data set, the part and the field.
    """

    def refuse(field: str, reason: str) -> DatasetError:
        return DatasetError(f"data set {name}: {part} {field}: {reason}")

    if isinstance(images, Sequence) and images and all(isinstance(path, Path) for path in images):
        pass
    elif not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim not in (3, 4):
        shape = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        form = "a uint8 array (n, height, width[, 1 or 3]) or a list of paths"
        raise refuse("images", f"must be {form}, not {shape}")
    else:
        images = images[..., None] if images.ndim == 3 else images
        if images.shape[-1] not in (1, 3) or 0 in images.shape:
            raise refuse("images", f"must hold images of 1 or 3 channels, the shape is {images.shape}")
    if not isinstance(labels, np.ndarray) or labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise refuse("labels", "must be a one-dimensional array of whole numbers")
    if len(labels) != len(images):
        raise refuse("labels", f"{len(labels)} labels for {len(images)} images")
    outside = np.flatnonzero((labels < 0) | (labels >= classes))
    if outside.size:
        raise refuse("labels", f"label {labels[outside[0]]} at index {outside[0]} is not in 0 to {classes - 1}")
    return Part(images, labels.astype(np.int64))


def joined(name: str, first: Part, second: Part) -> Part:
    """Join two parts into one.

    Raises:
        DatasetError: one holds files and the other an array, or the images are of different shapes.
    """
    labels = np.concatenate([first.labels, second.labels])
    if isinstance(first.images, np.ndarray) and isinstance(second.images, np.ndarray):
        if first.images.shape[1:] != second.images.shape[1:]:
            shapes = f"{first.images.shape[1:]} in train and {second.images.shape[1:]} in test"
            raise DatasetError(f"data set {name}: images: cannot be divided anew, their shape is {shapes}")
        return Part(np.concatenate([first.images, second.images]), labels)
    if isinstance(first.images, np.ndarray) or isinstance(second.images, np.ndarray):
        raise DatasetError(f"data set {name}: images: cannot be divided anew, train and test are not both arrays")
    return Part([*first.images, *second.images], labels)
