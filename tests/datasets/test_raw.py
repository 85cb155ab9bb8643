from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_opml.datasets.raw import RawData, checked, joined
from pytest_opml.datasets.sources import ArraySource, OnDemandSource
from pytest_opml.errors import DatasetError

ROWS = np.arange(12.0).reshape(6, 2)
LABELS = np.array([0, 1, 0, 1, 0, 1])


class Lazy:
    """Gives examples on demand, and remembers which."""

    def __init__(self, rows: Any, length: int = 6) -> None:
        self.rows, self.length, self.asked = rows, length, list[int]()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, indices: Any) -> Any:
        self.asked += list(indices)
        return self.rows[indices]


def test_several_inputs_of_any_kind_are_one_data_set() -> None:
    texts = np.array(["ä", "b", "", "d", "e", "f"])
    data = checked("mixed", RawData({"row": ROWS, "text": texts, "lazy": Lazy(ROWS)}, LABELS))
    specs = {name: (source.spec.shape, source.spec.dtype) for name, source in data.train.sources.items()}
    assert specs == {"row": ((2,), "float32"), "text": ((), "string"), "lazy": ((2,), "float32")}
    assert data.train.sources["text"].read(np.array([0, 2])).tolist() == ["ä", ""]


def test_what_is_given_on_demand_is_asked_for_no_more_than_is_needed() -> None:
    lazy = Lazy(ROWS)
    source = checked("lazy", RawData(lazy, LABELS)).train.sources[""]
    assert isinstance(source, OnDemandSource)
    assert source.read(np.array([5, 2])).tolist() == ROWS[[5, 2]].tolist()
    assert lazy.asked == [0, 5, 2]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (lambda indices: ROWS[indices][1:], "gave an array of shape (1, 2) for 2 examples"),
        (lambda indices: ROWS[indices].astype(int), "are int64 (n, 2), the first one is float32 (n, 2)"),
        (lambda indices: 1 / 0, "its examples 1, 3 cannot be read: ZeroDivisionError: division by zero"),
    ],
)
def test_an_object_that_fails_is_named(rows: Any, words: str) -> None:
    class Failing(Lazy):
        def __getitem__(self, indices: Any) -> Any:
            return ROWS[indices] if list(indices) == [0] else rows(indices)

    source = checked("lazy", RawData(Failing(ROWS), LABELS)).train.sources[""]
    with pytest.raises(DatasetError) as caught:
        source.read(np.array([1, 3]))
    assert str(caught.value) == f"data set lazy: train inputs: {words}" or words in str(caught.value)


def test_parts_are_joined_without_a_copy() -> None:
    data = checked("two", RawData(ROWS, LABELS, (), ROWS[:2] + 100, LABELS[:2], columns={"site": LABELS}))
    assert data.test
    whole = joined("two", data.train, data.test)
    assert whole.sources[""].read(np.array([7, 0, 6])).tolist() == [[102, 103], [0, 1], [100, 101]]
    assert (len(whole.labels), whole.columns) == (8, {})


def test_a_loader_may_give_a_test_part_only() -> None:
    data = checked("test only", RawData(None, None, (), ROWS, LABELS))
    assert data.test
    assert (len(data.train.labels), len(data.test.labels)) == (0, 6)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (RawData(None, None), "has neither inputs nor test_inputs"),
        (RawData({}, LABELS), "train inputs: a dict of inputs must have their names as its keys"),
        (RawData({"a": ROWS, "b": ROWS[:5]}, LABELS), "train inputs: differ in their number of examples"),
        (RawData(ROWS.astype(complex), LABELS), "train inputs: must hold numbers or text, not complex128"),
        (RawData(np.array([None] * 6), LABELS), "train inputs: must hold numbers or text, not object"),
        (RawData(Lazy(ROWS, 0), LABELS), "train inputs: must hold examples, there is none"),
        (RawData(np.array([b"\xff"] * 6), LABELS), r"train inputs: b'\xff' is no text in UTF-8"),
        (RawData(ROWS, np.array([b"\xff"] * 6)), r"train labels: b'\xff' is no text in UTF-8"),
        (RawData("text", LABELS), "train inputs: must be an array of numbers or text"),
        (RawData(ROWS, LABELS, ("a", "a")), "classes: each name must stand there once"),
        (RawData(ROWS, LABELS, "ab"), "classes: must be a tuple of names, not str"),
        (
            RawData({"a": ROWS}, LABELS, (), {"b": ROWS}, LABELS),
            "inputs: must be the same in both parts",
        ),
        (
            RawData(ROWS, LABELS, columns={"site": [1, 2]}),
            "train columns: site: must be 6 values, one for",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_by_field(raw: RawData, words: str) -> None:
    with pytest.raises(DatasetError) as caught:
        checked("odd", raw)
    assert str(caught.value).startswith(f"data set odd: {words}")


def test_text_and_numbers_keep_their_digests_apart() -> None:
    import hashlib

    def digest(array: Any) -> str:
        fed = hashlib.sha256()
        source = checked("any", RawData(array, LABELS)).train.sources[""]
        assert isinstance(source, ArraySource)
        source.feed(fed, np.arange(6))
        return fed.hexdigest()

    arrays = [ROWS, ROWS.astype(np.int32), ROWS.astype(np.int64), np.array(list("abcdef")), np.array(list("abcdeg"))]
    arrays += [np.array(["ab", "c", "d", "e", "f", "g"]), np.array(["a", "bc", "d", "e", "f", "g"])]
    assert len({digest(array) for array in arrays}) == len(arrays)
