from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from pytest_opml.stats.evidence import Evidence
from pytest_opml.stats.label_sets import LabelAverage, LabelSets, label_averages, pack_sets, unpack_sets
from pytest_opml.stats.quality_evidence import MacroShare, PairedMacroShare

METRICS = ("recall", "precision", "f1")


def drawn(random: np.random.Generator, examples: int, share: float, right: float, labels: int = 4) -> LabelSets:
    has = random.random((examples, labels)) < share
    return LabelSets(has, np.where(random.random((examples, labels)) < right, has, ~has))


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 99))
def test_what_is_packed_comes_out_again(examples: int, labels: int, seed: int) -> None:
    sets = drawn(np.random.default_rng(seed), examples, 0.5, 0.5, labels)
    unpacked = unpack_sets(pack_sets(*sets))
    assert unpacked is not None
    assert (unpacked.labels == sets.labels).all()
    assert (unpacked.predicted == sets.predicted).all()


@pytest.mark.parametrize("text", ["", "x", "é", "AAAA", "eJwDAAAAAAE="])
def test_what_was_not_packed_is_nothing(text: str) -> None:
    assert unpack_sets(text) is None


def test_an_example_is_right_with_all_of_its_labels() -> None:
    sets = LabelSets(np.array([[1, 1], [1, 0], [0, 0]], dtype=bool), np.array([[1, 0], [1, 0], [0, 0]], dtype=bool))
    assert sets.right.tolist() == [False, True, True]
    assert sets.chosen(np.array([True, False, False])).right.tolist() == [False]


@pytest.mark.parametrize("place", range(3))
def test_the_averages_are_those_of_scikit_learn(place: int) -> None:
    sets = drawn(np.random.default_rng(place), 200, 0.3, 0.8)
    expected = precision_recall_fscore_support(sets.labels, sets.predicted, average="macro", zero_division=0)
    metric = ("precision", "recall", "f1")[place]
    assert LabelAverage(metric, sets).value == pytest.approx(expected[place])


@pytest.mark.parametrize("metric", METRICS)
@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_a_figure_lies_in_its_interval(metric: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    sets = drawn(random, 20, 0.5, random.random())
    candidate = sets._replace(predicted=drawn(random, 20, 0.5, 0.5).predicted)
    figures: list[Evidence] = [
        MacroShare(LabelAverage(metric, sets)),
        PairedMacroShare(*label_averages(metric, candidate, sets)),
    ]
    for figure in figures:
        low, high = figure.interval(0.05)
        assert low <= figure.value + 1e-9
        assert figure.value - 1e-9 <= high


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("right", [0.8, 0.98])
def test_the_intervals_miss_the_truth_as_seldom_as_they_say(metric: str, right: float) -> None:
    """Labels of one example are answered right or wrong together, half of the time."""

    def draw(random: np.random.Generator, examples: int) -> LabelSets:
        has = random.random((examples, 4)) < 0.4
        together = random.random((examples, 1)) < right
        apart = random.random((examples, 4)) < right
        return LabelSets(has, np.where(np.where(random.random((examples, 1)) < 0.5, together, apart), has, ~has))

    truth = LabelAverage(metric, draw(np.random.default_rng(9), 200_000)).value
    random, draws = np.random.default_rng(0), 600
    intervals = [MacroShare(LabelAverage(metric, draw(random, 100))).interval(0.05) for _ in range(draws)]
    assert sum(low > truth for low, _ in intervals) <= 0.04 * draws
    assert sum(high < truth for _, high in intervals) <= 0.04 * draws
