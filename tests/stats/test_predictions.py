from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.stats.predictions import Predictions, discordant, pack, pack_codes, unpack, unpack_codes

CLASSES = st.integers(0, 65_535)


@given(st.lists(st.tuples(CLASSES, CLASSES), min_size=1, max_size=50))
def test_what_is_packed_comes_out_again(pairs: list[tuple[int, int]]) -> None:
    labels, predicted = zip(*pairs, strict=True)
    found = unpack(pack(labels, predicted))
    assert found is not None
    assert (found.labels.tolist(), found.predicted.tolist()) == (list(labels), list(predicted))


@pytest.mark.parametrize("text", ["", "x", "é", "AAAA", "eJwDAAAAAAE="])
def test_what_was_not_packed_is_nothing(text: str) -> None:
    assert unpack(text) is None


def test_ten_thousand_answers_are_few_kilobytes() -> None:
    labels = np.random.default_rng(0).integers(0, 10, 10_000)
    assert len(pack(labels, labels)) < 16_000


@given(st.lists(st.integers(0, 255), min_size=1, max_size=50))
def test_codes_come_out_again(codes: list[int]) -> None:
    unpacked = unpack_codes(pack_codes(codes))
    assert unpacked is not None
    assert unpacked.tolist() == codes


@pytest.mark.parametrize("text", ["x", "é", "AAAA"])
def test_what_was_not_packed_holds_no_codes(text: str) -> None:
    assert unpack_codes(text) is None


def test_some_of_the_examples_are_chosen() -> None:
    answered = Predictions(*np.array([[0, 1, 2], [0, 2, 2]], dtype=np.uint16))
    assert answered.right.tolist() == [True, False, True]
    assert answered.chosen(np.array([False, True, True])).predicted.tolist() == [2, 2]


def test_discordant_answers_are_counted_by_who_was_right() -> None:
    labels = np.array([0, 1, 2, 3, 4], dtype=np.uint16)
    candidate = Predictions(labels, np.array([0, 0, 0, 3, 0], dtype=np.uint16))
    reference = Predictions(labels, np.array([0, 1, 2, 0, 1], dtype=np.uint16))
    assert discordant(candidate.right, reference.right) == (2, 1, 5)
