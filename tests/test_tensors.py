from __future__ import annotations

import numpy as np

from pytest_opml.tensors import (
    TensorSpec,
    arrays,
    as_batch,
    assigned,
    by_name,
    dtype_name,
    joined,
    length,
    mapped,
    plain_name,
    select,
)

ONE = np.arange(6).reshape(3, 2)
TWO = {"left": ONE, "right": ONE[:, 0] * 10}


def test_a_batch_is_an_array_or_one_by_the_name_of_each_input() -> None:
    assert (length(ONE), length(TWO)) == (3, 3)
    assert [array.shape for array in arrays(TWO)] == [(3, 2), (3,)]
    assert np.array_equal(select(ONE, [2]), [[4, 5]])
    chosen = select(TWO, slice(1, 3))
    assert isinstance(chosen, dict)
    assert chosen["right"].tolist() == [20, 40]
    assert mapped(len, TWO) == {"left": 3, "right": 3}


def test_batches_are_joined_input_by_input() -> None:
    assert np.array_equal(joined([ONE, ONE[:1]]), [*ONE, ONE[0]])
    both = joined([TWO, select(TWO, [0])])
    assert isinstance(both, dict)
    assert both["right"].tolist() == [0, 20, 40, 0]


def test_inputs_go_by_name_and_a_single_one_whatever_its_name() -> None:
    left, right = TensorSpec("left", (2,), "float32"), TensorSpec("serving_default_Right:0", (), "float32")
    assert assigned([left], ["anything"]) == {"anything": left}
    assert assigned([right, left], ["left", "right"]) == {"left": left, "right": right}
    assert assigned([left, right], ["left"]) == {}
    assert assigned([left, right], ["left", "middle"]) == {}


def test_a_name_is_plain_without_what_exporters_add() -> None:
    assert plain_name("serving_default_Image:0") == "image"
    assert plain_name("image") == "image"


def test_a_form_is_written_as_people_write_it() -> None:
    assert str(TensorSpec("image", (None, 8, 3), "uint8")) == "image uint8 (n, ?, 8, 3)"
    assert str(TensorSpec("", (), "string", batch=1)) == "string (1)"


def test_text_is_one_kind_whatever_array_holds_it() -> None:
    assert {dtype_name(np.array(["a"])), dtype_name(np.array([b"a"])), dtype_name(np.array(["a"], dtype=object))} == {
        "string"
    }
    assert dtype_name(ONE.astype(np.uint8)) == "uint8"


def test_a_batch_is_known_by_names_and_back() -> None:
    rows = np.zeros((2, 3))
    assert by_name(rows)[""] is rows
    assert as_batch(by_name(rows)) is rows
    several = {"left": rows, "right": rows}
    assert as_batch(by_name(several)) is several
    assert list(as_batch({"only": rows})) == ["only"]


def test_the_size_of_an_example_counts_an_open_axis_as_one_long() -> None:
    assert TensorSpec("", (4, None, 3), "float32").numbers == 12
    assert TensorSpec("", (4, None, 3), "float32").example_bytes == 48
    assert TensorSpec("", (), "uint8").example_bytes == 1
    assert TensorSpec("", (2,), "string").example_bytes > 2
