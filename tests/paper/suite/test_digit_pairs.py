from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from pytest_opml.case import Case
from pytest_opml.datasets import digits
from pytest_opml.datasets.splits import prepare
from pytest_opml.paper.suite import digit_pairs

DATASET = "pytest_opml.paper.suite.digit_pairs:load"


@pytest.fixture(scope="module")
def pairs() -> Any:
    return digit_pairs.load(None)


def halves(images: Any) -> set[bytes]:
    """The digits in pairs, each as the bytes of its 8 x 8 pixels."""
    singles = set()
    for side in (images[:, :, :8], images[:, :, 8:]):
        for image in side:
            if (image[::2] == image[1::2]).all():
                singles.add(image[::2].tobytes())
            else:  # it may be at several heights where its first or last rows are empty
                singles.update(image[top : top + 8].tobytes() for top in range(9))
    return singles


def test_there_are_as_many_pairs_of_each_class_and_they_are_the_same_each_time(pairs: Any) -> None:
    assert np.bincount(pairs.labels).tolist() == [250] * 100
    assert np.bincount(pairs.test_labels).tolist() == [25] * 100
    assert pairs.inputs.shape == (25_000, 16, 16)
    again = digit_pairs.load(None)
    np.testing.assert_array_equal(again.inputs, pairs.inputs)
    np.testing.assert_array_equal(again.test_labels, pairs.test_labels)


def test_no_digit_of_a_pair_is_tested_on_by_a_case_of_digits_and_none_is_in_both_parts(pairs: Any) -> None:
    raw = digits.load(None)
    split = prepare(Case(dataset="digits", model="small_cnn", size=8), None)
    test = {image.tobytes() for image in np.asarray(split.x_test.take(np.arange(len(split.x_test))))[..., 0]}
    assert len(test) == 599
    in_training, in_test = halves(pairs.inputs), halves(pairs.test_inputs)
    assert not test & in_training
    assert not test & in_test
    singles = {image.tobytes() for image in raw.inputs}
    assert len(singles & in_training) + len(singles & in_test) == len(singles) - len(test)
    assert not singles & in_training & in_test


def test_a_label_is_its_two_digits(pairs: Any) -> None:
    raw = digits.load(None)
    label_of = {image.tobytes(): int(label) for image, label in zip(raw.inputs, raw.labels, strict=True)}
    seen = 0
    for image, label in itertools.islice(zip(pairs.inputs, pairs.labels, strict=True), 200):
        for half, digit in zip((image[:, :8], image[:, 8:]), divmod(int(label), 10), strict=True):
            if (half[::2] == half[1::2]).all():
                assert label_of[half[::2].tobytes()] == digit
                seen += 1
    assert seen > 100


def test_a_case_can_name_it() -> None:
    split = prepare(Case(dataset=DATASET, model="small_cnn", size=32, subset=1100), None)
    assert (len(split.y_train), len(split.y_test)) == (1000, 100)
    assert split.x_train.specs[0].shape == (32, 32, 1)
