from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_opml.stats.evidence import Evidence, PairedProportion, Proportion
from pytest_opml.stats.macro_averages import MacroAverage, paired_averages
from pytest_opml.stats.predictions import Predictions
from pytest_opml.stats.quality_evidence import Area, ErrorRatio, MacroShare, PairedMacroShare
from tests.support.intervals import widens

METRICS = ("recall", "precision", "f1")
ANSWERS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=60)


def answers(labels: object, predicted: object) -> Predictions:
    return Predictions(np.asarray(labels, dtype=np.uint16), np.asarray(predicted, dtype=np.uint16))


def share(metric: str, labels: object, predicted: object) -> Evidence:
    return MacroShare(MacroAverage(metric, answers(labels, predicted)))


@pytest.mark.parametrize("metric", METRICS)
@given(ANSWERS)
@settings(max_examples=30, deadline=None)
def test_an_average_lies_in_its_interval_and_that_within_0_to_1(metric: str, rows: list[tuple[int, int, int]]) -> None:
    labels, predicted, _ = zip(*rows, strict=True)
    widens(share(metric, labels, predicted), 0.0, 1.0)


@pytest.mark.parametrize("metric", METRICS)
@given(ANSWERS)
@settings(max_examples=30, deadline=None)
def test_a_difference_lies_in_its_interval(metric: str, rows: list[tuple[int, int, int]]) -> None:
    labels, candidate, reference = zip(*rows, strict=True)
    widens(
        PairedMacroShare(*paired_averages(metric, answers(labels, candidate), answers(labels, reference))), -1.0, 1.0
    )


@given(st.floats(0, 1), st.floats(0, 0.5), st.lists(st.integers(1, 200), min_size=2, max_size=8))
@settings(max_examples=60, deadline=None)
def test_an_area_lies_in_its_interval_and_that_within_0_to_1(value: float, spread: float, counts: list[int]) -> None:
    labels = np.repeat(np.arange(len(counts), dtype=np.uint16), counts)
    widens(Area.of_labels(value, spread * np.sqrt(value * (1 - value)), labels), 0.0, 1.0)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("images", [20, 500])
def test_right_answers_are_as_sure_as_an_accuracy_of_as_many(metric: str, images: int) -> None:
    labels = np.arange(images) % 2
    low, high = share(metric, labels, labels).interval(0.05)
    assert high == 1.0
    assert low == pytest.approx(Proportion(images, images).interval(0.05).low, rel=0.05)


@pytest.mark.parametrize("images", [20, 500])
def test_a_perfect_area_is_no_surer_than_a_share_of_the_images_of_a_class(images: int) -> None:
    labels = np.arange(images, dtype=np.uint16) % 2
    low, high = Area.of_labels(1.0, 0.0, labels).interval(0.05)
    assert high == 1.0
    assert low == pytest.approx(0.025 ** (2 / images))


@pytest.mark.parametrize(("images", "classes"), [(20, 2), (23, 5), (3, 3), (7, 9), (600, 599)])
def test_an_area_of_equal_classes_is_that_of_such_labels(images: int, classes: int) -> None:
    labels = np.arange(images, dtype=np.uint16) % classes
    ends = Area.of_labels(0.9, 0.02, labels).interval(0.05)
    assert Area.of_equal_classes(0.9, 0.02, images, classes).interval(0.05) == ends


def test_nothing_is_known_of_an_area_of_one_class() -> None:
    assert Area.of_equal_classes(0.9, 0.1, 5, 1).interval(0.05) == (0.0, 1.0)
    assert Area.of_labels(0.9, 0.1, np.zeros(5, dtype=np.uint16)).interval(0.05) == (0.0, 1.0)


def test_an_area_takes_no_more_memory_for_more_images() -> None:
    low, high = Area.of_equal_classes(0.9, 1e-6, 2**62, 100_000).interval(0.05)
    assert low == pytest.approx(0.9, abs=1e-3) == high


def test_with_classes_of_the_same_size_the_recall_has_the_interval_of_the_accuracy() -> None:
    labels = np.arange(1_000) % 10
    predicted = np.where(np.arange(1_000) < 73, (labels + 1) % 10, labels)
    assert share("recall", labels, predicted).interval(0.05) == pytest.approx(
        tuple(Proportion(927, 1_000).interval(0.05))
    )


def test_and_its_drop_that_of_a_drop_of_accuracy() -> None:
    labels = np.arange(1_000) % 10
    candidate = np.where(np.arange(1_000) < 40, (labels + 1) % 10, labels)
    reference = np.where(np.arange(1_000) >= 985, (labels + 1) % 10, labels)
    pair = PairedMacroShare(*paired_averages("recall", answers(labels, candidate), answers(labels, reference)))
    assert tuple(pair.interval(0.05)) == pytest.approx(tuple(PairedProportion((40, 15, 1_000)).interval(0.05)))


@pytest.mark.parametrize("metric", METRICS)
def test_models_that_agree_may_differ_on_images_that_were_not_seen(metric: str) -> None:
    labels = np.arange(500) % 10
    figure = PairedMacroShare(*paired_averages(metric, answers(labels, labels), answers(labels, labels)))
    low, high = figure.interval(0.05)
    assert -0.02 < low < -0.003
    assert 0.003 < high < 0.02


def test_an_average_with_many_images_has_the_error_of_a_share() -> None:
    random = np.random.default_rng(1)
    labels = np.arange(4_000) % 2
    low, high = share("recall", labels, labels ^ (random.random(4_000) < 0.1)).interval(0.05)
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(0.09 / 4_000), rel=0.1)


def test_a_difference_on_the_same_images_has_the_error_of_the_discordant_ones() -> None:
    labels = np.arange(4_000) % 2
    reference, candidate = labels.copy(), labels.copy()
    reference[:200] ^= 1
    candidate[:240] ^= 1  # 40 more
    low, high = PairedMacroShare(
        *paired_averages("recall", answers(labels, candidate), answers(labels, reference))
    ).interval(0.05)
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(0.01 / 4_000), rel=0.15)


def test_a_class_that_was_never_predicted_may_have_any_precision() -> None:
    labels = np.repeat([0, 1], 500)
    assert share("precision", labels, np.zeros(1_000)).interval(0.05).high > 0.7


@pytest.mark.parametrize(
    ("counts", "recalls"),
    [((50, 950), (0.95, 0.99)), ((10, 500, 500), (0.9, 0.999, 0.999)), ((10,) * 20, (0.9,) * 20)],
)
def test_the_interval_of_an_average_misses_the_truth_as_seldom_as_it_says(
    counts: tuple[int, ...], recalls: tuple[float, ...]
) -> None:
    random = np.random.default_rng(0)
    labels, right = np.repeat(np.arange(len(counts)), counts), np.repeat(recalls, counts)
    above, below = 0, 0
    for _ in range(600):
        predicted = np.where(random.random(len(labels)) < right, labels, (labels + 1) % len(counts))
        low, high = share("recall", labels, predicted).interval(0.05)
        above += bool(low > np.mean(recalls))
        below += bool(high < np.mean(recalls))
    assert max(above, below) <= 0.03 * 600


@given(ANSWERS)
@settings(max_examples=30, deadline=None)
def test_a_ratio_of_errors_lies_in_its_interval(rows: list[tuple[int, int, int]]) -> None:
    labels, candidate, reference = zip(*rows, strict=True)
    figure = ErrorRatio(*(~answers(labels, predicted).right for predicted in (candidate, reference)))
    wrong = [max(sum(map(int.__ne__, labels, predicted)), 0.5) for predicted in (candidate, reference)]
    assert figure.value == pytest.approx(np.log10(wrong[0] / wrong[1]))
    widens(figure, -np.inf, np.inf)


def test_models_that_agree_on_all_images_may_err_unequally() -> None:
    labels = np.arange(500) % 10
    wrong = np.where(np.arange(500) < 20, (labels + 1) % 10, labels)
    low, high = ErrorRatio(wrong != labels, wrong != labels).interval(0.05)
    # up to 3.7 more that only one of the two would get wrong
    assert (low, high) == pytest.approx((np.log10(20 / 23.7), np.log10(23.7 / 20)), abs=0.003)


def test_many_discordant_answers_have_the_error_of_the_delta_method() -> None:
    labels = np.arange(20_000) % 10
    candidate = np.where(np.arange(20_000) < 1_000, (labels + 1) % 10, labels)
    reference = np.where((np.arange(20_000) >= 400) & (np.arange(20_000) < 1_300), (labels + 1) % 10, labels)
    low, high = ErrorRatio(candidate != labels, reference != labels).interval(0.05)
    delta = 1.96 * np.sqrt(700 / (1_000 * 900)) / np.log(10)
    assert (high - low) / 2 == pytest.approx(delta, rel=0.1)
