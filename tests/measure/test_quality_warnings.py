from __future__ import annotations

import numpy as np
import pytest

from pytest_opml.case import Case
from pytest_opml.measure.quality import assess
from pytest_opml.measure.quality_warnings import quality_warnings
from tests.support.builders import make_case

CLASSES = ("cat", "dog", "cow", "hen")
RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(0, 4, 400)
GUESSED = RANDOM.dirichlet(np.ones(4), 400).astype(np.float32)
FILE = make_case(model="models/prod.onnx", unfreeze=0)


def warned(rows: np.ndarray, labels: np.ndarray = LABELS, case: Case = FILE, task: str = "classification") -> str:
    classes = CLASSES if labels.ndim == 1 else CLASSES[: labels.shape[1]]
    quality = assess(rows, labels, task, classes if task != "regression" else ("y",))  # type: ignore[arg-type]
    return "; ".join(quality_warnings(quality, case))


def test_guessing_names_the_inputs_and_the_order_of_the_classes() -> None:
    text = warned(GUESSED)
    assert text.startswith("accuracy 0.2")
    assert "is at the level of guessing among 4 classes: likely the inputs are not as the model was trained" in text
    assert "set preprocess= of the case" in text
    assert "set classes=" in text


def test_so_does_one_answer_to_all() -> None:
    assert warned(np.eye(4, dtype=np.float32)[np.full(400, 2)]).startswith(
        "all test examples were answered with one class (cow): likely the inputs are not as the model was trained"
    )


def test_what_is_worse_than_guessing_is_warned_of_too() -> None:
    assert "guessing among 4 classes" in warned(np.eye(4, dtype=np.float32)[(LABELS + 1) % 4])


def test_answers_that_are_mostly_right_are_not_warned_of() -> None:
    assert warned(np.eye(4, dtype=np.float32)[np.where(RANDOM.random(400) < 0.6, LABELS, 0)]) == ""
    few = np.array([0, 1, 2])  # all right, but too few to be sure of it
    assert warned(np.eye(4, dtype=np.float32)[few], few) == ""


@pytest.mark.parametrize("case", [make_case(weights="none"), make_case(model="random", weights="none")])
def test_of_a_model_that_knows_nothing_it_is_expected(case: Case) -> None:
    assert warned(GUESSED, case=case) == ""


def test_a_model_that_was_trained_here_may_not_have_learnt() -> None:
    assert warned(GUESSED, case=make_case()).endswith(
        "it may not have learnt: more epochs, another learning rate or more data"
    )


def test_several_labels_and_targets_are_looked_at_too() -> None:
    labels = (RANDOM.random((50, 2)) < 0.5).astype(np.uint8)
    assert warned(np.full((50, 2), 0.1), labels, task="multilabel").startswith(
        "all test examples were given the same labels"
    )
    assert warned(labels + 0.0, labels, task="multilabel") == ""
    targets = RANDOM.normal(size=50)
    text = warned(RANDOM.normal(size=50), targets, task="regression")
    assert text.startswith("r2 0.0000 is at the level of guessing the mean")
    assert warned(targets + 0.1, targets, task="regression") == ""
