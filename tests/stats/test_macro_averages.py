from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from pytest_opml.stats.macro_averages import MacroAverage, effective_pair, smallest_class
from pytest_opml.stats.predictions import Predictions

METRICS = ("recall", "precision", "f1")


def answers(labels: object, predicted: object) -> Predictions:
    return Predictions(np.asarray(labels, dtype=np.uint16), np.asarray(predicted, dtype=np.uint16))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1, max_size=60))
def test_the_averages_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, predicted = zip(*pairs, strict=True)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, predicted, labels=np.unique(labels), average="macro", zero_division=0
    )
    own = [MacroAverage(metric, answers(labels, predicted)).value for metric in METRICS]
    assert own == pytest.approx([recall, precision, f1])


@given(st.lists(st.integers(0, 4), min_size=40, max_size=40))
@settings(max_examples=50)
def test_classes_of_the_same_size_are_worth_all_their_images(wrong: list[int]) -> None:
    labels = np.arange(40) % 4
    share = MacroAverage("recall", answers(labels, wrong)).effective(1.92)
    assert share.trials == pytest.approx(40)


def test_a_small_class_makes_an_average_worth_fewer_images() -> None:
    labels = np.repeat([0, 1], [20, 980])
    trials = MacroAverage("recall", answers(labels, labels)).effective(1.92).trials
    assert 40 <= trials < 80


@pytest.mark.parametrize("metric", METRICS)
def test_the_effective_number_has_the_variance_of_drawing_the_test_images_anew(metric: str) -> None:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [100, 300, 600])
    predicted = np.where(random.random(1_000) < 0.15, random.integers(0, 3, 1_000), labels)
    average = MacroAverage(metric, answers(labels, predicted))
    value, trials = average.effective(0.5)
    drawn = [
        MacroAverage(metric, answers(labels[chosen], predicted[chosen])).value
        for chosen in (random.integers(0, 1_000, 1_000) for _ in range(1_000))
    ]
    assert np.sqrt(value * (1 - value) / trials) == pytest.approx(np.std(drawn), rel=0.15)


def test_discordant_answers_of_equal_classes_are_counted_as_they_are() -> None:
    labels = np.arange(1_000) % 10
    candidate, reference = labels.copy(), labels.copy()
    candidate[:30] = (labels[:30] + 1) % 10
    reference[100:110] = (labels[100:110] + 1) % 10
    own, its = (MacroAverage("recall", answers(labels, predicted)) for predicted in (candidate, reference))
    assert effective_pair(own, its, 1.92) == pytest.approx((30, 10, 1_000))


@pytest.mark.parametrize(("labels", "expected"), [([0, 0, 1], (1, 1)), ([3, 3, 1, 1], (1, 2)), ([5], (5, 1))])
def test_the_smallest_class_is_one_that_has_images(labels: list[int], expected: tuple[int, int]) -> None:
    assert smallest_class(np.array(labels, dtype=np.uint16)) == expected
