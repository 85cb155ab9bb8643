from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, r2_score

from pytest_opml.errors import CaseDefinitionError, DatasetError, ModelFileError, UnknownNameError
from pytest_opml.measure.quality import NO_CLASS, Quality
from pytest_opml.measure.quality import assess as assess_any
from pytest_opml.stats.example_figures import unpack_rows
from pytest_opml.stats.label_sets import unpack_sets
from pytest_opml.stats.predictions import unpack
from tests.support.builders import make_assessed


def named(count: int) -> tuple[str, ...]:
    return tuple(f"c{place}" for place in range(count))


def assess(rows: np.ndarray, labels: np.ndarray, **given: Any) -> Quality:
    return assess_any(rows, labels, "classification", named(rows.shape[1]), **given)


def right_of(quality: Quality) -> float:
    assert quality.accuracy is not None
    return quality.accuracy.value


def test_a_perfect_model() -> None:
    labels = np.array([0, 1, 2, 0])
    quality = assess(np.eye(3, dtype=np.float32)[labels], labels)
    assert (right_of(quality), quality.recall, quality.precision, quality.f1, quality.auc) == (1, 1, 1, 1, 1)
    assert (quality.quality.name, quality.quality.value, quality.quality.high) == ("accuracy", 1, 1)


def test_a_model_that_always_says_the_same() -> None:
    labels = np.array([0, 0, 0, 1])
    quality = assess(np.tile(np.array([[0.9, 0.1]], dtype=np.float32), (4, 1)), labels)
    assert right_of(quality) == 0.75
    assert (quality.recall, quality.precision, quality.auc) == (0.5, 0.375, 0.5)


def test_chance_has_an_auc_of_a_half() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, 5000)
    quality = assess(random.random((5000, 10), dtype=np.float32), labels)
    assert quality.auc == pytest.approx(0.5, abs=0.02)
    assert right_of(quality) == pytest.approx(0.1, abs=0.02)


def test_a_class_without_test_images_is_left_out() -> None:
    labels = np.array([0, 1, 1])
    quality = assess(np.eye(3, dtype=np.float32)[labels], labels)
    assert (quality.recall, quality.auc) == (1, 1)


@pytest.mark.slow
def test_the_error_of_an_auc_is_that_of_drawing_the_test_images_anew() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 600)
    scores = np.eye(3)[labels] + random.normal(0, 1, (600, 3))
    probabilities = (np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)).astype(np.float32)
    drawn = [
        assess(probabilities[rows], labels[rows]).auc for rows in (random.integers(0, 600, 600) for _ in range(150))
    ]
    assert assess(probabilities, labels).auc_error == pytest.approx(np.std(np.array(drawn, dtype=float)), rel=0.25)


def test_the_answers_are_kept() -> None:
    labels = np.array([0, 1, 2, 0])
    found = unpack(assess(np.eye(3, dtype=np.float32)[[0, 1, 1, 2]], labels).predictions or "")
    assert found is not None
    assert (found.labels.tolist(), found.predicted.tolist()) == ([0, 1, 2, 0], [0, 1, 1, 2])


def test_the_confusion_matrix_has_a_row_for_each_class() -> None:
    labels = np.array([0, 1, 2, 0])
    confusion = assess(np.eye(3, dtype=np.float32)[[0, 1, 1, 2]], labels).confusion
    assert confusion is not None
    assert confusion.labels == confusion.answers == named(3)
    assert confusion.counts == ((1, 0, 1), (0, 1, 0), (0, 1, 0))


def test_of_very_many_classes_there_is_no_matrix_and_no_slice() -> None:
    labels = np.arange(101)
    quality = assess(np.eye(101, dtype=np.float32), labels)
    assert (quality.confusion, quality.slices, quality.class_names) == (None, (), ())


def test_an_answer_that_is_no_class_of_the_data_is_wrong() -> None:
    labels = np.array([0, 1, 1])
    rows = np.array([[0.1, 0.8, 0.1], [0.6, 0.1, 0.3], [0.2, 0.2, 0.6]], dtype=np.float32)
    quality = assess_any(rows, labels, "classification", ("a", "b"), ("background", "a", "b"))
    assert right_of(quality) == pytest.approx(2 / 3)
    assert quality.recall == pytest.approx(3 / 4)
    assert quality.confusion is not None
    assert quality.confusion.answers == ("a", "b", NO_CLASS)
    assert quality.confusion.counts == ((1, 0, 0), (0, 1, 1))


def test_labels_of_one_class_are_refused() -> None:
    with pytest.raises(DatasetError, match="all of one class"):
        assess(np.eye(2, dtype=np.float32), np.zeros(2, dtype=int))


# --- declared qualities

ROWS = np.random.default_rng(0).dirichlet(np.ones(8), 300).astype(np.float32)
LABELS = np.random.default_rng(1).integers(0, 8, 300)


def test_balanced_accuracy_and_f1_are_those_averages() -> None:
    balanced, f1 = (assess(ROWS, LABELS, quality=name) for name in ("balanced_accuracy", "f1"))
    assert (balanced.quality.value, balanced.quality.kind) == (balanced.recall, "recall")
    assert (f1.quality.value, f1.quality.kind) == (f1.f1, "f1")
    assert f1.f1 == pytest.approx(f1_score(LABELS, ROWS.argmax(axis=1), average="macro"))
    assert assess(ROWS, LABELS, quality="auc").quality.value == balanced.auc


def test_top5_counts_a_class_among_the_first_five() -> None:
    quality = assess(ROWS, LABELS, quality="top5")
    among = [label in np.argsort(-row, kind="stable")[:5] for row, label in zip(ROWS, LABELS, strict=True)]
    assert quality.quality.value == pytest.approx(np.mean(among))
    assert right_of(quality) < quality.quality.value
    figures = unpack_rows(quality.figures or "")
    assert figures is not None
    assert figures[0].tolist() == [float(one) for one in among]


def test_of_equal_rows_the_first_classes_are_the_highest() -> None:
    quality = assess(np.full((4, 4), 0.25, dtype=np.float32), np.arange(4), quality="top2")
    assert quality.quality.value == 0.5


def half_right(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.where(rows.argmax(axis=1) == labels, 1.0, 0.5)


def beyond(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return labels + 1.0


def whole(rows: np.ndarray, labels: np.ndarray) -> float:
    return 0.9


def broken(rows: np.ndarray, labels: np.ndarray) -> float:
    raise KeyError("no such column")


def test_a_function_of_the_users_gives_a_figure_for_each_example() -> None:
    quality = assess(ROWS, LABELS, quality=f"{__name__}:half_right")
    assert quality.quality.value == pytest.approx(0.5 + right_of(quality) / 2)
    assert quality.quality.low < quality.quality.value < quality.quality.high


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (f"{__name__}:beyond", "must give figures from 0 to 1"),
        (f"{__name__}:whole", "must give a figure for each of 300 examples"),
        (f"{__name__}:broken", "KeyError: 'no such column'"),
        (f"{__name__}:gone", "cannot be imported"),
        ("r2", "quality 'r2': means nothing for classification; choose among accuracy, "),
    ],
)
def test_a_quality_that_is_none_is_refused_by_its_name(name: str, message: str) -> None:
    with pytest.raises(CaseDefinitionError, match=message) as error:
        assess(ROWS, LABELS, quality=name)
    assert name in str(error.value)


def test_an_unknown_quality_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown quality 'acuracy'.*nearest: accuracy"):
        assess(ROWS, LABELS, quality="acuracy")


# --- tasks


def test_an_example_with_several_labels_is_right_with_all_of_them() -> None:
    labels = np.array([[1, 0], [1, 1], [0, 0], [0, 1]], dtype=np.uint8)
    rows = np.array([[0.9, 0.1], [0.9, 0.4], [0.2, 0.1], [0.6, 0.9]], dtype=np.float32)
    quality = assess_any(rows, labels, "multilabel", ("red", "round"))
    assert (quality.quality.name, quality.quality.value, right_of(quality)) == ("exact_match", 0.5, 0.5)
    assert quality.recall == pytest.approx(3 / 4)
    assert quality.f1 == pytest.approx(f1_score(labels, rows > 0.5, average="macro"))
    sets = unpack_sets(quality.predictions or "")
    assert sets is not None
    assert (sets.predicted == (rows > 0.5)).all()
    assert [(one.name, one.samples) for one in quality.slices] == [("class=red", 2), ("class=round", 2)]
    logits = assess_any(np.log(rows / (1 - rows)), labels, "multilabel", ("red", "round"))
    assert logits.predictions == quality.predictions
    assert assess_any(rows, labels, "multilabel", ("red", "round"), quality="f1").quality.value == quality.f1


@pytest.mark.parametrize("targets", [1, 3])
def test_a_regression_is_measured_against_guessing_the_mean(targets: int) -> None:
    random = np.random.default_rng(0)
    labels = random.normal(size=(200, targets)) * np.arange(1, targets + 1)
    rows = labels + 0.5 * random.normal(size=labels.shape)
    shaped = labels[:, 0] if targets == 1 else labels
    quality = assess_any(rows, shaped, "regression", named(targets), columns={"half": np.arange(200) < 100})
    assert quality.quality.name == "r2"
    assert quality.quality.value == pytest.approx(r2_score(labels, rows), abs=1e-6)
    assert (quality.accuracy, quality.recall, quality.f1, quality.auc, quality.confusion) == (None,) * 5
    assert [one.name for one in quality.slices] == ["half=False", "half=True"]
    assert all(one.quality and one.accuracy is None for one in quality.slices)


def test_a_regression_that_is_worse_than_guessing_has_no_quality() -> None:
    labels = np.arange(50.0)
    assert assess_any(labels[::-1], labels, "regression", ("y",)).quality.value == 0


def test_a_target_that_never_changes_is_left_out() -> None:
    labels = np.stack([np.arange(50.0), np.ones(50)], axis=1)
    assert assess_any(labels + 1, labels, "regression", ("x", "y")).quality.value > 0.9
    with pytest.raises(DatasetError, match="targets are all the same"):
        assess_any(labels[:, 1], labels[:, 1], "regression", ("y",))


def test_a_regression_of_another_number_of_targets_is_refused() -> None:
    with pytest.raises(ModelFileError, match="gives 2 figures for an example"):
        assess_any(np.ones((5, 2)), np.arange(5.0), "regression", ("y",))


# --- slices


def test_a_slice_has_the_figures_of_its_own_examples() -> None:
    columns = {"camera": np.where(np.arange(300) < 120, "old", "new"), "class": np.arange(300), "id": np.arange(300)}
    quality = assess(ROWS, LABELS, columns=columns)
    by_name = {one.name: one for one in quality.slices}
    assert set(by_name) == {*(f"class=c{place}" for place in range(8)), "camera=old", "camera=new"}
    right = ROWS.argmax(axis=1) == LABELS
    old, third = by_name["camera=old"].accuracy, by_name["class=c3"].accuracy
    assert old is not None
    assert third is not None
    assert old.value == right[:120].mean()
    assert third.value == right[LABELS == 3].mean()
    assert by_name["camera=old"].samples == 120


def test_an_average_over_the_classes_means_nothing_within_one() -> None:
    quality = assess(ROWS, LABELS, quality="f1", columns={"camera": np.arange(300) % 2})
    by_name = {one.name: one.quality for one in quality.slices}
    assert by_name["class=c0"] is None
    assert by_name["camera=1"] is not None


def test_all_fields_are_those_of_a_result() -> None:
    result = make_assessed(assess(ROWS, LABELS, quality="top3"), 300)
    assert result.quality.name == "top3"
    assert type(result).model_validate_json(result.model_dump_json()) == result
