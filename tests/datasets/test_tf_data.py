from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_opml import registry
from pytest_opml.case import Case
from pytest_opml.datasets.tf_data import is_tf_data, read_tf_data
from pytest_opml.errors import DatasetError
from tests.support.inputs import prepared

pytestmark = pytest.mark.tensorflow
ROWS = np.arange(24, dtype=np.float32).reshape(12, 2)
LABELS = np.arange(12) % 2


def dataset(*elements: Any) -> Any:
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(elements if len(elements) > 1 else elements[0])


def test_other_values_are_none() -> None:
    assert not any(map(is_tf_data, [None, 1, "text", ROWS, (ROWS, LABELS), (1, 2, 3)]))
    assert is_tf_data(dataset(ROWS, LABELS))


@pytest.mark.parametrize("batch", [None, 5])
def test_elements_are_read_one_by_one_or_in_batches(batch: int | None) -> None:
    data = dataset(ROWS, LABELS)
    raw = read_tf_data("rows", data.batch(batch) if batch else data)
    assert np.array_equal(raw.inputs, ROWS)
    assert raw.labels.tolist() == LABELS.tolist()


def test_several_inputs_text_and_a_test_part_are_read() -> None:
    train = dataset({"row": ROWS, "text": np.array(list("abcdefghijkl"))}, LABELS)
    raw = read_tf_data("rows", (train, train.take(4)))
    assert raw.inputs["text"].tolist() == list("abcdefghijkl")
    assert (len(raw.test_inputs["row"]), raw.test_labels.tolist()) == (4, [0, 1, 0, 1])


def test_a_loader_may_return_one(monkeypatch: pytest.MonkeyPatch, make_case: Callable[..., Case]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    monkeypatch.setitem(registry._registered, ("dataset", "stream"), lambda _: dataset(images, LABELS).batch(4))
    data = prepared(make_case(dataset="stream", size=8))
    assert (len(data.x_train), len(data.x_test), data.classes) == (8, 4, ("0", "1"))
    assert data.x_train.specs[0].dtype == "uint8"


def test_what_cannot_be_read_is_said_in_one_line() -> None:
    def fail(row: Any, label: Any) -> Any:
        import tensorflow as tf

        tf.debugging.assert_less(label, tf.cast(1, label.dtype))
        return row, label

    with pytest.raises(DatasetError, match=r"^data set rows: its elements must be pairs"):
        read_tf_data("rows", dataset(ROWS))
    with pytest.raises(DatasetError, match=r"^data set rows: has no elements"):
        read_tf_data("rows", dataset(ROWS, LABELS).take(0))
    with pytest.raises(DatasetError, match=r"^data set rows: cannot be read: "):
        read_tf_data("rows", dataset(ROWS, LABELS).map(fail))
