"""A data set of 100 classes that needs no download: two of scikit-learn's handwritten digits side by side.

It stands for CIFAR-100 where that is not at hand. It is made of the images that ``digits`` trains on by default
(``split="own"``, ``seed=0``) and of no other, so that weights that were trained on it have seen none of the images that
such a case is tested on. Of these images three quarters make up its training part, the others its test part.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from pytest_opml.datasets import digits
from pytest_opml.datasets.augmentation import sound
from pytest_opml.datasets.raw import RawData

CLASSES = tuple(f"{number:02}" for number in range(100))
# Of each class; a digit of the training part stands in some 55 pairs of it.
_TRAIN_PAIRS, _TEST_PAIRS = 250, 25
# Of a digit, and of the square that a pair lies in, pixels.
_DIGIT, _SIDE = 8, 16

_Images = npt.NDArray[np.uint8]
_Numbers = npt.NDArray[np.intp]


@sound("crop", "mixup")
def load(data_dir: Path | None) -> RawData:
    """Return 25,000 training and 2,500 test images, uint8 (n, 16, 16), as many of each class; the same at each call.

    Args:
        data_dir: as every loader is given it; nothing is read from it.
    """
    singles = digits.load(data_dir)
    labels = np.asarray(singles.labels)
    train, test = _numbers_of_digits(labels)
    rng = np.random.default_rng(0)
    train_inputs, train_labels = _pairs(singles.inputs, labels, train, _TRAIN_PAIRS, rng)
    test_inputs, test_labels = _pairs(singles.inputs, labels, test, _TEST_PAIRS, rng)
    return RawData(train_inputs, train_labels, CLASSES, test_inputs, test_labels)


def _numbers_of_digits(labels: _Numbers) -> tuple[_Numbers, _Numbers]:
    """The numbers of the digits that training pairs and test pairs are made of."""
    from sklearn.model_selection import train_test_split

    def divided(numbers: _Numbers, test_share: float) -> tuple[_Numbers, _Numbers]:
        first, second = train_test_split(numbers, test_size=test_share, stratify=labels[numbers], random_state=0)
        return first, second

    of_training, _ = divided(np.arange(len(labels)), 1 / 3)  # as datasets/splits.py divides ``digits`` by default
    return divided(of_training, 1 / 4)


def _pairs(
    images: _Images, labels: _Numbers, numbers: _Numbers, count: int, rng: np.random.Generator
) -> tuple[_Images, _Numbers]:
    """So many pairs of each class in random order.

    Half of the digits are drawn out to the height of the square, so that networks see strokes of two sizes; the others
    stand at a random height in it.
    """
    classes = rng.permutation(np.repeat(np.arange(len(CLASSES)), count))
    squares = np.zeros((len(classes), _SIDE, _SIDE), np.uint8)
    for place, digits_there in enumerate(np.divmod(classes, 10)):
        chosen = np.empty(len(classes), np.intp)
        for digit in range(10):
            rows = digits_there == digit
            chosen[rows] = rng.choice(numbers[labels[numbers] == digit], rows.sum())
        half = squares[:, :, place * _DIGIT : (place + 1) * _DIGIT]
        is_tall, tops = rng.random(len(classes)) < 0.5, rng.integers(_SIDE - _DIGIT + 1, size=len(classes))
        half[is_tall] = images[chosen[is_tall]].repeat(_SIDE // _DIGIT, axis=1)
        for top in range(_SIDE - _DIGIT + 1):
            rows = ~is_tall & (tops == top)
            half[rows, top : top + _DIGIT] = images[chosen[rows]]
    return squares, classes
