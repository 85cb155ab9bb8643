"""CIFAR-10 and CIFAR-100: 60,000 colour images of 32 x 32 pixels.

Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009; the layout is that of the "python
version" at https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import DatasetError
from .augmentation import PHOTOS, sound
from .cifar_pickle import read_batch
from .download import from_keras
from .pixels import Images
from .raw import RawData
from .sources import Labels

_SIDE = 32
_PIXELS = 3 * _SIDE * _SIDE
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class _Layout(NamedTuple):
    """Files of a folder, and under which keys they hold names and labels."""

    folder: str
    train: tuple[str, ...]
    test: str
    meta: str
    names: bytes
    labels: bytes


_OF_10 = _Layout(
    "cifar-10-batches-py",
    tuple(f"data_batch_{number}" for number in range(1, 6)),
    "test_batch",
    "batches.meta",
    b"label_names",
    b"labels",
)
_OF_100 = _Layout("cifar-100-python", ("train",), "test", "meta", b"fine_label_names", b"fine_labels")


@sound(*PHOTOS)
def load_cifar10(data_dir: Path | None) -> RawData:
    """Load CIFAR-10 from ``cifar-10-batches-py`` in the data folder, else as Keras downloads it.

    Raises:
        DatasetError: a file is missing or damaged, or nothing can be downloaded; names the file and the field.
    """
    if data_dir is not None and (data_dir / _OF_10.folder).exists():
        return _read(data_dir, _OF_10)
    return from_keras("cifar10", _CIFAR10, data_dir, f"{_OF_10.folder} (unpacked from cifar-10-python.tar.gz)")


@sound(*PHOTOS)
def load_cifar100(data_dir: Path | None) -> RawData:
    """Load CIFAR-100 (fine labels) from ``cifar-100-python`` in the data folder, else as Keras downloads it.

    Raises:
        DatasetError: a file is missing or damaged, or nothing can be downloaded; names the file and the field.
    """
    if data_dir is not None and (data_dir / _OF_100.folder).exists():
        return _read(data_dir, _OF_100)
    # Keras' copy has no names
    names = tuple(str(number) for number in range(100))
    return from_keras("cifar100", names, data_dir, f"{_OF_100.folder} (unpacked from cifar-100-python.tar.gz)")


def _read(data_dir: Path, layout: _Layout) -> RawData:
    folder = data_dir / layout.folder
    meta = read_batch(folder / layout.meta)
    names = _names(folder / layout.meta, meta, layout.names)
    expected = meta.get(b"num_cases_per_batch")
    parts = [_batch(folder / name, layout.labels, len(names), expected) for name in (*layout.train, layout.test)]
    *train, (test_images, test_labels) = parts
    images = np.concatenate([images for images, _ in train])
    return RawData(images, np.concatenate([labels for _, labels in train]), names, test_images, test_labels)


def _field(path: Path, batch: dict[bytes, Any], key: bytes) -> Any:
    if key not in batch:
        present = ", ".join(sorted(str(name, "latin1") for name in batch if isinstance(name, bytes)))
        raise DatasetError(f"{path}: {key.decode()}: is missing; the file has {present or 'nothing'}")
    return batch[key]


def _names(path: Path, meta: dict[bytes, Any], key: bytes) -> tuple[str, ...]:
    names = _field(path, meta, key)
    if not isinstance(names, list) or not names or not all(isinstance(name, bytes) for name in names):
        raise DatasetError(f"{path}: {key.decode()}: must be a list of names")
    return tuple(name.decode("utf-8", "replace") for name in names)


def _batch(path: Path, key: bytes, classes: int, expected: object) -> tuple[Images, Labels]:
    batch = read_batch(path)
    rows = _field(path, batch, b"data")
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.shape[1] != _PIXELS or not len(rows):
        shape = rows.shape if isinstance(rows, np.ndarray) else type(rows).__name__
        raise DatasetError(f"{path}: data: must be a uint8 array (n, {_PIXELS}), not {shape}")
    if isinstance(expected, int) and len(rows) != expected:
        raise DatasetError(f"{path}: data: {len(rows)} images; a batch has {expected}")
    labels = _labels(path, key, _field(path, batch, key), classes)
    if len(labels) != len(rows):
        raise DatasetError(f"{path}: {key.decode()}: {len(labels)} labels for {len(rows)} images")
    return np.ascontiguousarray(rows.reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1)), labels


def _labels(path: Path, key: bytes, labels: object, classes: int) -> Labels:
    if not isinstance(labels, list) or any(type(label) is not int for label in labels):
        raise DatasetError(f"{path}: {key.decode()}: must be a list of whole numbers")
    for index, label in enumerate(labels):
        if not 0 <= label < classes:
            raise DatasetError(f"{path}: {key.decode()}: label {label} at index {index} is not in 0 to {classes - 1}")
    return np.array(labels, dtype=np.int64)
