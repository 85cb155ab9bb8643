"""From a data set as its loader gives it to the arrays that a model is trained and tested on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import registry
from ..domain.case import Case
from ..errors import DatasetError

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

_HELD_OUT = 1 / 3


class RawData(NamedTuple):
    """What a loader returns.

    Attributes:
        images: uint8, (n, height, width) or (n, height, width, 1 or 3).
        labels: whole numbers, (n,), from 0 to classes - 1.
        classes: names of the classes, in the order of the labels.
        test_images: the data set's own test part, or None where it has none.
        test_labels: likewise.
    """

    images: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    classes: tuple[str, ...]
    test_images: npt.NDArray[Any] | None = None
    test_labels: npt.NDArray[Any] | None = None


class ImageSet:
    """Images (n, size, size, 3), uint8."""

    def __init__(self, images: Images) -> None:
        self._images = images
        self.size: int = images.shape[1]

    def __len__(self) -> int:
        return len(self._images)

    def take(self, indices: npt.NDArray[Any]) -> Images:
        """The images of these indices."""
        taken: Images = self._images[indices]
        return taken

    def batches(self, batch: int) -> Iterator[Images]:
        """All of them in order."""
        for start in range(0, len(self), batch):
            yield self._images[start : start + batch]

    def dataset(self, *, batch: int, labels: npt.NDArray[Any] | None = None, shuffle_seed: int | None = None) -> Any:
        """A tf.data.Dataset."""
        import tensorflow as tf

        stream = tf.data.Dataset.from_tensor_slices(self._images if labels is None else (self._images, labels))
        if shuffle_seed is not None:
            stream = stream.shuffle(len(self), seed=shuffle_seed)
        return stream.batch(batch)


class Split(NamedTuple):
    """Training and test images (n, size, size, 3) uint8 with labels (n,), and a digest of all of it."""

    x_train: ImageSet
    y_train: Labels
    x_test: ImageSet
    y_test: Labels
    classes: tuple[str, ...]
    fingerprint: str


def _checked(name: str, part: str, images: Any, labels: Any, classes: int) -> tuple[Images, Labels]:
    def refuse(field: str, reason: str) -> DatasetError:
        return DatasetError(f"data set {name}: {part} {field}: {reason}")

    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim not in (3, 4):
        shape = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise refuse("images", f"must be a uint8 array (n, height, width[, 1 or 3]), not {shape}")
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
    return images, labels.astype(np.int64)


def _resized(images: Images, size: int) -> Images:
    import tensorflow as tf

    parts = []
    for start in range(0, len(images), 1024):
        chunk = tf.image.resize(images[start : start + 1024], (size, size), antialias=True)
        parts.append(np.clip(np.rint(chunk.numpy()), 0, 255).astype(np.uint8))
    resized = np.concatenate(parts)
    return np.repeat(resized, 3, axis=-1) if resized.shape[-1] == 1 else resized


def _fingerprint(*arrays: npt.NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def prepare(case: Case, data_dir: Path | None) -> Split:
    """Load, divide and resize the data of a case.

    Args:
        case: names the data set, the split, the seed and the size.
        data_dir: where data sets that are not shipped may lie.

    Raises:
        DatasetError: the data are malformed, or have fewer than two classes in a part; names the field.
    """
    loader: Callable[[Path | None], RawData] = registry.get("dataset", case.dataset)
    raw = loader(data_dir)
    if not isinstance(raw, RawData):
        raise DatasetError(f"data set {case.dataset}: its loader must return a RawData, not {type(raw).__name__}")
    count = len(raw.classes)
    images, labels = _checked(case.dataset, "train", raw.images, raw.labels, count)
    if raw.test_images is not None and case.test_share is None:
        x_train, y_train = images, labels
        x_test, y_test = _checked(case.dataset, "test", raw.test_images, raw.test_labels, count)
    else:
        if raw.test_images is not None:
            more, more_labels = _checked(case.dataset, "test", raw.test_images, raw.test_labels, count)
            images, labels = np.concatenate([images, more]), np.concatenate([labels, more_labels])
        x_train, x_test, y_train, y_test = _divided(case, images, labels)
    size = case.size
    if size == "own":
        raise DatasetError(f"data set {case.dataset}: the size of its images is not settled")
    for part, present in (("train", y_train), ("test", y_test)):
        found = len(np.unique(present))
        if found < 2:
            raise DatasetError(f"data set {case.dataset}: {part} labels: {found} class; a classifier needs at least 2")
    x_train, x_test = _resized(x_train, size), _resized(x_test, size)
    print_ = _fingerprint(x_train, y_train, x_test, y_test)
    return Split(ImageSet(x_train), y_train, ImageSet(x_test), y_test, raw.classes, print_)


def _divided(case: Case, images: Images, labels: Labels) -> tuple[Images, Images, Labels, Labels]:
    from sklearn.model_selection import train_test_split

    share = _HELD_OUT if case.test_share is None else case.test_share
    try:
        parts: tuple[Images, Images, Labels, Labels] = train_test_split(
            images, labels, test_size=share, stratify=labels, random_state=case.seed
        )
    except ValueError as error:
        raise DatasetError(f"data set {case.dataset}: labels: cannot be divided by class: {error}") from error
    return parts
