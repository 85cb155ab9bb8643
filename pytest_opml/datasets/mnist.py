"""MNIST and Fashion-MNIST: 70,000 grey images of 28 x 28 pixels.

Sources: Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998; H. Xiao et al.,
"Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms", 2017.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import DatasetError
from .augmentation import sound
from .download import from_keras
from .idx import read_idx
from .pixels import Images
from .raw import RawData
from .user_files import load_npz

_DIGITS = tuple("0123456789")
_CLOTHES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


@sound("crop", "mixup")
def load_mnist(data_dir: Path | None) -> RawData:
    """Load MNIST from ``mnist.npz`` or the IDX files in ``mnist`` in the data folder, else as Keras downloads it.

    Raises:
        DatasetError: a file is missing or damaged, or nothing can be downloaded; names the file and the field.
    """
    return _load("mnist", _DIGITS, data_dir)


@sound("flip", "crop", "mixup")
def load_fashion_mnist(data_dir: Path | None) -> RawData:
    """Load Fashion-MNIST from ``fashion_mnist.npz`` or the IDX files in ``fashion_mnist``, else as Keras downloads it.

    Raises:
        DatasetError: a file is missing or damaged, or nothing can be downloaded; names the file and the field.
    """
    return _load("fashion_mnist", _CLOTHES, data_dir)


def _load(name: str, classes: tuple[str, ...], data_dir: Path | None) -> RawData:
    if data_dir is not None:
        if (data_dir / f"{name}.npz").exists():
            return load_npz(data_dir / f"{name}.npz", classes)
        if (data_dir / name).exists():
            train, test = _part(data_dir / name, "train", len(classes)), _part(data_dir / name, "t10k", len(classes))
            return RawData(*train, classes, *test)
    layout = f"{name}.npz, or a folder {name} with the four IDX files (train-images-idx3-ubyte.gz and so on),"
    return from_keras(name, classes, data_dir, layout)


def _part(folder: Path, part: str, classes: int) -> tuple[Images, Images]:
    images = read_idx(_either(folder / f"{part}-images-idx3-ubyte"), 3)
    path = _either(folder / f"{part}-labels-idx1-ubyte")
    labels = read_idx(path, 1)
    if len(labels) != len(images):
        raise DatasetError(f"{path}: {len(labels)} labels for {len(images)} images")
    if len(labels) and labels.max() >= classes:
        index = int(labels.argmax())
        raise DatasetError(f"{path}: label {labels[index]} at index {index} is not in 0 to {classes - 1}")
    return images, labels


def _either(path: Path) -> Path:
    packed = path.with_name(f"{path.name}.gz")
    return packed if packed.exists() else path
