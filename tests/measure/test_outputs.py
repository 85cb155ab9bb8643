from __future__ import annotations

import numpy as np
import pytest

from pytest_opml.errors import ModelFileError
from pytest_opml.measure.outputs import as_probabilities, of_classes, of_labels, of_targets, output_names


def test_logits_become_probabilities_and_probabilities_stay() -> None:
    logits = np.array([[-1.0, 0.0, 500.0], [0.0, 0.0, -1.0]], dtype=np.float32)
    found = as_probabilities(logits)
    assert np.allclose(found.sum(axis=1), 1)
    assert found[1, 0] == found[1, 1] == pytest.approx(1 / (2 + np.exp(-1)))
    assert as_probabilities(found) is found


@pytest.mark.parametrize("rows", [[[1.0, 2.0, 3.0], [4.0, 0.0, 1.0]], [[0.2, 0.9, 0.4], [0.1, 0.2, 0.3]]])
def test_logits_that_happen_to_be_positive_are_logits(rows: list[list[float]]) -> None:
    logits = np.array(rows, dtype=np.float32)
    answered = as_probabilities(logits)
    assert np.allclose(answered, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    assert (answered.argmax(axis=1) == logits.argmax(axis=1)).all()


def test_rounded_probabilities_are_probabilities() -> None:
    random = np.random.default_rng(0)
    exact = random.dirichlet(np.ones(100), 50)
    half = exact.astype(np.float16).astype(np.float32)
    assert as_probabilities(half) is half
    quantised = (np.rint(exact * 256) / 256).astype(np.float32)
    assert np.abs(quantised.sum(axis=1) - 1).max() > 0.01
    assert as_probabilities(quantised) is quantised


def rows_of(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_one_sigmoid_is_that_of_the_second_class(shape: tuple[int, ...]) -> None:
    rows = of_classes(rows_of([0.9], [0.2], [0.5]).reshape(shape), ("cat", "dog"))
    assert rows == pytest.approx(rows_of([0.1, 0.9], [0.8, 0.2], [0.5, 0.5]))
    assert of_classes(rows_of([0.9]), ("cat", "dog"), ("cat",)) == pytest.approx(rows_of([0.9, 0.1]))
    assert of_classes(rows_of([0.9]), ("cat", "dog"), ("dog", "cat")) == pytest.approx(rows_of([0.9, 0.1]))


def test_one_logit_goes_through_a_sigmoid() -> None:
    rows = of_classes(rows_of([-3.0], [0.5]), ("cat", "dog"))
    assert rows[:, 1] == pytest.approx(1 / (1 + np.exp([3.0, -0.5])))
    assert of_classes(rows_of([-1e5], [1e5]), ("cat", "dog"))[:, 1].tolist() == [0, 1]


def test_outputs_are_put_in_the_order_of_the_classes() -> None:
    rows = of_classes(rows_of([0.7, 0.2, 0.1]), ("a", "b", "c"), ("c", "a", "b"))
    assert rows == pytest.approx(rows_of([0.2, 0.1, 0.7]))


def test_what_is_no_class_of_the_data_stands_behind_them() -> None:
    rows = of_classes(rows_of([0.6, 0.1, 0.3]), ("a", "b"), ("background", "a", "b"))
    assert rows == pytest.approx(rows_of([0.1, 0.3, 0.6]))


def test_outputs_of_one_class_are_added_up() -> None:
    rows = of_classes(rows_of([0.25, 0.5, 0.25]), ("cat", "dog"), ("cat", "dog", "cat"))
    assert rows == pytest.approx(rows_of([0.5, 0.5]))


def test_outputs_that_are_not_the_classes_are_refused() -> None:
    with pytest.raises(
        ModelFileError, match="gives 3 figures for an example, and there are 2 classes; name its outputs"
    ):
        of_classes(rows_of([0.7, 0.2, 0.1]), ("a", "b"))
    with pytest.raises(ModelFileError, match="gives 3 figures for an example, and there are 4 names"):
        of_classes(rows_of([0.7, 0.2, 0.1]), ("a", "b"), ("a", "b", "c", "d"))
    with pytest.raises(ModelFileError, match="no output for b; the data have the classes a, b"):
        of_classes(rows_of([0.7, 0.3]), ("a", "b"), ("a", "c"))


def test_labels_have_a_sigmoid_each() -> None:
    rows = rows_of([0.9, 0.8], [0.1, 0.7])
    assert of_labels(rows, ("red", "round")) == pytest.approx(rows)
    assert of_labels(rows_of([-2.0, 2.0, 0.0]), ("red", "round"), ("round", "red", "old"))[0] == pytest.approx(
        1 / (1 + np.exp([-2.0, 2.0]))
    )


def test_targets_are_taken_in_their_shape() -> None:
    assert of_targets(rows_of([1.0], [2.0]), np.array([1.0, 2.0])).shape == (2,)
    with pytest.raises(ModelFileError, match="gives 2 figures for an example, and the data have 1"):
        of_targets(rows_of([1.0, 2.0]), np.array([1.0]))


def test_outputs_may_be_named_by_the_names_of_the_file() -> None:
    assert output_names(None) is None
    assert output_names(None, ["b", "a"]) == ["b", "a"]
    assert output_names(("a", "b"), ["x", "y"]) == ("a", "b")
    assert output_names({"tabby": "cat"}, ["rex", "tabby"]) == ["rex", "cat"]
    with pytest.raises(ModelFileError, match="gives them no names; write a list"):
        output_names({"tabby": "cat"})
    with pytest.raises(ModelFileError, match="classes= names tom; the model's file has rex"):
        output_names({"tom": "cat"}, ["rex"])
