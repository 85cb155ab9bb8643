from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.datasets.labels import Labelling, read_labels
from pytest_opml.errors import DatasetError
from pytest_opml.tensors import Task

WHERE = ["data set pets: train labels"]


def read(labels: Any, classes: tuple[str, ...] = (), task: Task | None = None) -> Labelling:
    return read_labels(WHERE, [labels], classes, task)


@pytest.mark.parametrize(
    ("labels", "task", "classes"),
    [
        (np.array([0, 2, 1]), "classification", ("0", "1", "2")),
        (np.array([[0], [1]]), "classification", ("0", "1")),
        (np.array([True, False]), "classification", ("0", "1")),
        (np.array(["b", "a", "b"]), "classification", ("a", "b")),
        (np.array([b"b", b"a"]), "classification", ("a", "b")),
        (np.array(["b", "a"], dtype=object), "classification", ("a", "b")),
        (np.eye(3), "classification", ("0", "1", "2")),
        (np.array([[1, 1, 0], [0, 0, 1]]), "multilabel", ("0", "1", "2")),
        (np.array([[0.0, 0.0], [1.0, 0.0]]), "multilabel", ("0", "1")),
        (np.array([0.5, 2.0]), "regression", ("0",)),
        (np.array([[0.5, 2.0], [1.0, 1.0]]), "regression", ("0", "1")),
    ],
)
def test_the_task_is_told_by_the_labels(labels: Any, task: str, classes: tuple[str, ...]) -> None:
    assert read(labels)[:2] == (task, classes)


def test_a_given_task_and_given_names_rule() -> None:
    assert read(np.eye(2), task="multilabel").parts[0].tolist() == [[1, 0], [0, 1]]
    assert read(np.array([1, 5]), task="regression").parts[0].tolist() == [1.0, 5.0]
    assert read(np.array(["no", "yes"]), ("yes", "no")).parts[0].tolist() == [1, 0]
    assert read(np.array([0, 1]), ("cat", "dog", "eel")).classes == ("cat", "dog", "eel")


def test_each_task_has_one_type_of_labels() -> None:
    assert read(np.array([0, 1], dtype=np.uint64)).parts[0].dtype == np.int64
    assert read(np.array([[1, 1]])).parts[0].dtype == np.uint8
    assert read(np.array([0.5, 1])).parts[0].dtype == np.float32


@pytest.mark.parametrize(
    ("labels", "task", "words"),
    [
        (None, None, "must be whole numbers or text (n,), a row of 0 and 1"),
        (np.array([]), None, "must be whole numbers or text"),
        (np.array([1 + 2j]), None, "must be whole numbers or text"),
        (np.array([None, 1], dtype=object), None, "not objects of other kinds"),
        (np.array([["a", "b"]]), None, "not text (1, 2)"),
        (np.array([0.5, np.nan]), None, "the label at index 1 is nan, no finite number"),
        (np.array([0.5, 1.0]), "classification", "must be whole numbers or text for classes, not float64 (2,)"),
        (np.array([[1, 1]]), "classification", "a row of labels must have one 1 and else 0"),
        (np.array([[0.5, 1.0]]), "multilabel", "each must be 0 or 1 in an array (n, labels)"),
        (np.array(["a"]), "regression", "must be numbers for regression, not text"),
        (np.array([0.0, 3.0]), None, "are whole numbers as float64: make them integers for classes, or say task="),
        (np.array([0, -3]), None, "label -3 at index 1 is below 0"),
        (np.array([0, 2**63], dtype=np.uint64), None, "9223372036854775808 among 2 examples; they must count from 0"),
    ],
)
def test_other_labels_are_refused_with_what_is_allowed(labels: Any, task: Task | None, words: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read(labels, task=task)
    assert str(caught.value).startswith(f"{WHERE[0]}: ")
    assert words in str(caught.value)


def test_names_must_be_those_of_the_labels() -> None:
    with pytest.raises(DatasetError, match="label 'eel' at index 1 is no class; known: cat, dog"):
        read(np.array(["cat", "eel"]), ("cat", "dog"))
    with pytest.raises(DatasetError, match="label 2 at index 0 is not in 0 to 1"):
        read(np.array([2, 0]), ("cat", "dog"))
    with pytest.raises(DatasetError, match="3 labels an example, 2 are expected"):
        read(np.array([[1, 1, 0]]), ("cat", "dog"))


def test_parts_are_of_one_kind() -> None:
    parts = [np.array(["cat", "dog"]), np.array([0, 1])]
    with pytest.raises(DatasetError, match="are text in one part and numbers in another"):
        read_labels(["train labels", "test labels"], parts, ())


@given(st.lists(st.integers(0, 4), min_size=6, max_size=30), st.sampled_from(["uint8", "int16", "uint64", "int64"]))
def test_numbers_one_hot_rows_and_names_are_the_same_classes(numbers: list[int], kind: str) -> None:
    labels = np.array([*numbers, 0, 1, 2, 3, 4]).astype(kind)
    names = np.array(list("abcde"))[labels]
    assert read(labels).parts[0].tolist() == labels.tolist()
    assert read(np.eye(5)[labels]).parts[0].tolist() == labels.tolist()
    assert read(names).parts[0].tolist() == labels.tolist()
