from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_score, recall_score

from pytest_opml.stats.precision_gap import precision_gap
from pytest_opml.stats.predictions import Predictions


def predictions(labels: list[int], answers: list[int]) -> Predictions:
    return Predictions(np.asarray(labels, np.uint16), np.asarray(answers, np.uint16))


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_the_gap_is_that_of_scikit_learn_and_within_its_interval(pairs: list[tuple[int, int]]) -> None:
    labels, answers = ([pair[place] for pair in pairs] for place in (0, 1))
    gap = precision_gap(predictions(labels, answers), 5)
    options = {"labels": range(5), "average": "macro", "zero_division": 0}
    assert gap.value == pytest.approx(
        precision_score(labels, answers, **options) - recall_score(labels, answers, **options)
    )
    assert gap.low <= gap.value <= gap.high


def test_an_answer_that_is_no_class_of_the_data_counts_in_no_average() -> None:
    assert precision_gap(predictions([0, 0, 1, 1], [0, 7, 1, 1]), 2).value == pytest.approx(1 - 0.75)


def test_the_same_answers_have_the_same_interval() -> None:
    drawn = np.random.default_rng(1).integers(0, 3, (2, 300)).tolist()
    assert precision_gap(predictions(*drawn), 3) == precision_gap(predictions(*drawn), 3)


def test_more_examples_make_it_narrower() -> None:
    few, many = (precision_gap(predictions([0, 1, 2, 2] * count, [0, 1, 2, 0] * count), 3) for count in (10, 1000))
    assert few.value == pytest.approx(many.value)
    assert many.high - many.low < (few.high - few.low) / 5
