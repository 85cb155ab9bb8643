from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_opml.errors import ModelFileError
from pytest_opml.runtimes.fit import MAPPINGS, arranged, as_dtype, call_size, check_fits, fitting_shape, measured_output
from pytest_opml.tensors import DataSpec, Signature, Task, TensorSpec

PATH = Path("m.onnx")
IMAGE = TensorSpec("image", (8, 8, 3), "float32")
PIXELS = TensorSpec("", (8, 8, 3), "uint8")


def fits(
    *outputs: TensorSpec,
    inputs: Sequence[TensorSpec] = (IMAGE,),
    given: Sequence[TensorSpec] = (PIXELS,),
    count: int = 10,
    task: Task = "classification",
    output: str | None = None,
    classes: Sequence[str] | Mapping[str, str] | None = None,
) -> None:
    data = DataSpec(tuple(given), count, task)
    check_fits(PATH, Signature(tuple(inputs), outputs), data, output=output, classes=classes)


def rows(*shape: int | None, name: str = "rows", dtype: str = "float32") -> TensorSpec:
    return TensorSpec(name, shape, dtype)


@pytest.mark.parametrize(
    ("output", "changes"),
    [
        (rows(10), {}),
        (rows(None), {}),
        (rows(None, 10), {}),
        (rows(1, 1, 10), {}),
        (rows(10, 1, 1), {}),
        (rows(10, dtype="uint8"), {}),
        (rows(None, dtype=MAPPINGS), {}),
        (rows(1), {"count": 2}),
        (rows(), {"count": 2}),
        (rows(2), {"count": 2}),
        (rows(11), {"classes": [*"abcdefghij", "background"]}),
        (rows(1), {"classes": ["no", "yes"], "count": 2}),
        (rows(4), {"task": "multilabel", "count": 4}),
        (rows(1), {"task": "regression", "count": 1}),
        (rows(), {"task": "regression", "count": 1}),
        (rows(1, dtype="int64"), {"task": "regression", "count": 1}),
        (rows(3), {"task": "regression", "count": 3}),
    ],
)
def test_outputs_that_fit_the_labels(output: TensorSpec, changes: dict[str, Any]) -> None:
    fits(output, **changes)


@pytest.mark.parametrize(
    ("output", "changes", "words"),
    [
        (
            rows(4),
            {},
            r"its output is rows float32 \(n, 4\): 4 figures for an example, and the data have 10 classes; name",
        ),
        (rows(12), {}, r"12 figures for an example, and the data have 10 classes; name what .*: classes=\[\.\.\.\]"),
        (rows(12), {"classes": list("abc")}, r"12 figures for an example, and classes=\[\.\.\.\] has 3 names; name as"),
        (rows(1), {}, "one figure for an example, and the data have 10 classes"),
        (rows(1), {"task": "multilabel", "count": 2}, "one figure for an example, and the data have 2 labels"),
        (rows(2), {"task": "regression", "count": 1}, r"2 figures for an example, and the data have 1 target$"),
        (rows(7, 7, 10), {}, r"rows float32 \(n, 7, 7, 10\): not one row of figures an example"),
        (rows(dtype="sequence"), {}, "rows sequence .*: not figures"),
        (rows(dtype="string"), {}, r"rows string \(n\): not figures; name an output with scores: output="),
        (rows(10, dtype="int64"), {}, "numbers of classes, not their scores"),
    ],
)
def test_outputs_that_cannot_stand_for_the_labels(output: TensorSpec, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelFileError, match=words) as caught:
        fits(output, **changes)
    assert str(caught.value).startswith("m.onnx: ")


def test_one_of_several_outputs_must_be_named() -> None:
    outputs = rows(4, name="colour"), rows(10, name="digit")
    fits(*outputs, output="digit")
    words = r"has the outputs colour float32 \(n, 4\), digit float32 \(n, 10\); name the one .*: output='digit'$"
    with pytest.raises(ModelFileError, match=words):
        fits(*outputs)
    fits(rows(4, name="Identity:0"), rows(10, name="Identity_1:0"), output="identity_1")
    with pytest.raises(ModelFileError, match="none is called 'call'"):
        fits(rows(4, name="call:0"), rows(10, name="call:1"), output="call")
    with pytest.raises(ModelFileError, match="its output is colour"):
        fits(*outputs, output="colour")
    with pytest.raises(ModelFileError, match=r"has the output digit float32 \(n, 10\); none is called 'shape'"):
        fits(outputs[1], output="shape")


@pytest.mark.parametrize(
    ("inputs", "given", "words"),
    [
        (
            [IMAGE],
            [rows(8, 8, 1, name="")],
            r"takes image float32 \(n, 8, 8, 3\); the data have float32 \(n, 8, 8, 1\); give",
        ),
        ([rows(5, dtype="string", name="text")], [rows(5, name="")], "takes text string"),
        ([rows(5, dtype="bfloat16", name="x")], [rows(5, name="")], "takes x bfloat16"),
        ([IMAGE, rows(3, name="b")], [PIXELS], r"give the data as a dict of arrays: \{'image': \.\.\., 'b': \.\.\.\}"),
        (
            [IMAGE],
            [rows(8, name="a"), rows(3, name="b")],
            r"a float32 \(n, 8\), b float32 \(n, 3\); give the data as one",
        ),
        ([rows(2, name="a")._replace(batch=4), rows(2, name="b")._replace(batch=2)], None, "not equally many examples"),
    ],
)
def test_inputs_that_do_not_fit(inputs: list[TensorSpec], given: list[TensorSpec] | None, words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        fits(rows(10), inputs=inputs, given=[spec._replace(batch=None) for spec in inputs] if given is None else given)


def test_an_answer_may_have_the_axis_that_looks_like_a_number_of_examples() -> None:
    fits(TensorSpec("rows", (), "float32", 10), inputs=[IMAGE._replace(batch=1)])
    with pytest.raises(ModelFileError, match=r"rows float32 \(1, 9\): 9 figures"):
        fits(TensorSpec("rows", (), "float32", 9), inputs=[IMAGE._replace(batch=1)])


def test_an_example_may_have_the_axis_that_looks_like_a_number_of_examples() -> None:
    fits(rows(10), inputs=[TensorSpec("waveform", (), "float32", 15600)], given=[rows(15600, name="")])


@pytest.mark.parametrize(
    ("given", "takes", "becomes"),
    [
        ((8, 8), (8, 8), (8, 8)),
        ((8, 5), (None, None), (8, 5)),
        ((), (1,), (1,)),
        ((1,), (), ()),
        ((28, 28), (28, 28, 1), (28, 28, 1)),
        ((28, 28, 1), (1, 28, 28), (1, 28, 28)),
        ((20,), (None, 1), (20, 1)),
        ((28, 28), (28, 28, 3), None),
        ((8,), (9,), None),
        ((8, 9), (9, 8), None),
        ((), (None,), None),
    ],
)
def test_axes_of_one_are_no_difference(given: tuple[int], takes: tuple[int], becomes: tuple[int] | None) -> None:
    assert fitting_shape(given, rows(*takes)) == becomes


def test_arrays_come_in_the_order_of_the_inputs() -> None:
    inputs = [rows(1, name="a"), rows(2, name="b")]
    second, first = arranged(PATH, inputs[::-1], {"B": np.ones((3, 2)), "A": np.zeros(3)})
    assert (first.shape, second.shape) == ((3, 1), (3, 2))


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.array([0, 255], np.uint8), "float32"),
        (np.array([1, -5], np.int64), "int32"),
        (np.array([1.0, 3.0]), "int8"),
        (np.array([0.5, 1e-9]), "float16"),
        (np.array([True, False]), "int64"),
        (np.array([0, 1]), "bool"),
    ],
)
def test_values_are_given_in_the_type_of_the_input(array: np.ndarray, dtype: str) -> None:
    given = as_dtype(PATH, array, rows(dtype=dtype))
    assert given.dtype == dtype
    assert np.allclose(given, array, atol=1e-3)


@pytest.mark.parametrize("array", [np.array(["ä", "b"]), np.array(["ä", "b"], object), np.array(["ä".encode(), b"b"])])
def test_texts_are_strings(array: np.ndarray) -> None:
    assert as_dtype(PATH, array, rows(dtype="string")).tolist() == ["ä", "b"]


@pytest.mark.parametrize(
    ("array", "dtype", "words"),
    [
        (
            np.array([300]),
            "uint8",
            "input rows takes uint8, and the data have values from 300 to 300, which do not fit",
        ),
        (np.array([np.nan]), "int32", "values from nan to nan"),
        (np.array([0, 2]), "bool", "values from 0 to 2"),
        (np.array([0.5]), "int32", "float64 with fractions; give whole numbers"),
        (np.array(["a"]), "float32", "takes float32, and the data have string"),
        (np.array([1]), "string", "takes string, and the data have int64"),
        (np.array([1]), "type 17", "no type that data can be given in"),
    ],
)
def test_values_that_the_type_cannot_hold(array: np.ndarray, dtype: str, words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        as_dtype(PATH, array, rows(dtype=dtype))


def test_an_input_that_holds_something_else_first_than_examples_is_refused() -> None:
    signal, state = rows(None, name="signal"), TensorSpec("state", (None, 128), "float32", 2)
    with pytest.raises(ModelFileError, match=r"state float32 \(2, \?, 128\): not equally many examples in each input"):
        call_size(PATH, [signal, state])
    assert call_size(PATH, [signal, state._replace(batch=1)]) == 1
    assert call_size(PATH, [state]) == 2


def test_an_opened_file_gives_its_only_output_whatever_its_name_and_else_the_named_one() -> None:
    one, two = TensorSpec("output", (4,), "float32"), TensorSpec("scores", (4,), "float32")
    assert measured_output(PATH, [one], "scores") == 0
    assert measured_output(PATH, [one, two], "scores") == 1
    with pytest.raises(ModelFileError, match=r"none is called 'logits'"):
        measured_output(PATH, [one, two], "logits")
