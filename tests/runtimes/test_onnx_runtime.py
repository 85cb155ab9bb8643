"""A user's own .onnx files, of the forms that exporters write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_opml.errors import ModelFileError
from pytest_opml.runtimes.loader import open_artifact, read_signature
from pytest_opml.runtimes.onnx_runtime import OnnxRuntime
from pytest_opml.tensors import TensorSpec

WEIGHTS = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
RANDOM = np.random.default_rng(1)


def saved(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: Sequence[Any] = ()) -> Path:
    graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(path))
    return path


def tensor(name: str, dtype: int, shape: Sequence[Any] | None) -> Any:
    return helper.make_tensor_value_info(name, dtype, shape)


def model(
    path: Path,
    *,
    shape: list[Any],
    channels_axis: int = 3,
    dtype: int = TensorProto.FLOAT,
    outputs: int = 1,
    answer: tuple[Any, ...] | None = (None, 2),
) -> Path:
    """The mean of each channel times a matrix."""
    axes = [axis for axis in (1, 2, 3) if axis != channels_axis]
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["rows"]),
        helper.make_node("Identity", ["rows"], ["again"]),
    ]
    constants = [numpy_helper.from_array(WEIGHTS, "weights"), numpy_helper.from_array(np.array(axes), "axes")]
    values = [tensor(name, TensorProto.FLOAT, answer) for name in ("rows", "again")][:outputs]
    return saved(path, nodes, [tensor("image", dtype, shape)], values, constants)


@pytest.mark.parametrize(
    ("shape", "axis", "dtype"),
    [
        (["n", 8, 8, 3], 3, TensorProto.FLOAT),
        (["n", 8, 8, 3], 3, TensorProto.UINT8),
        (["n", 3, 8, 8], 1, TensorProto.FLOAT),
        ([1, 3, 8, 8], 1, TensorProto.UINT8),
        ([1, 8, 8, 3], 3, TensorProto.FLOAT),
        ([None, None, None, 3], 3, TensorProto.FLOAT),
        (["n", 8, 8, 3], 3, TensorProto.INT64),
        (["n", 8, 8, 3], 3, TensorProto.FLOAT16),
        ([4, 8, 8, 3], 3, TensorProto.FLOAT),
    ],
)
def test_each_layout_answers_for_the_same_images(tmp_path: Path, shape: list[Any], axis: int, dtype: int) -> None:
    runtime = open_artifact(model(tmp_path / "m.onnx", shape=shape, channels_axis=axis, dtype=dtype), threads=1)
    images = RANDOM.integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    given = np.moveaxis(images, -1, axis)  # as the model takes them
    assert np.allclose(runtime.predict(given), images.mean(axis=(1, 2)) @ WEIGHTS, rtol=1e-3, atol=1e-2)
    assert runtime.parameters == 6 + 2


def test_its_signature_has_no_axis_of_examples(tmp_path: Path) -> None:
    path = model(tmp_path / "m.onnx", shape=["n", "height", "width", 3], dtype=TensorProto.UINT8)
    signature = read_signature(path)
    assert signature.inputs == (TensorSpec("image", (None, None, 3), "uint8"),)
    assert signature.outputs == (TensorSpec("rows", (2,), "float32"),)
    assert OnnxRuntime(path, threads=1).signature == signature
    fixed = read_signature(model(path, shape=[4, 8, 8, 3]))
    assert fixed.inputs == (TensorSpec("image", (8, 8, 3), "float32", 4),)


def test_a_shape_that_the_file_leaves_out_is_worked_out(tmp_path: Path) -> None:
    path = model(tmp_path / "m.onnx", shape=["n", 8, 8, 3], answer=None)
    assert read_signature(path).outputs == (TensorSpec("rows", (2,), "float32"),)


def test_one_of_several_outputs_is_named(tmp_path: Path) -> None:
    path = model(tmp_path / "m.onnx", shape=["n", 8, 8, 3], outputs=2)
    images = RANDOM.random((3, 8, 8, 3))
    expected = images.mean(axis=(1, 2)) @ WEIGHTS
    assert np.allclose(open_artifact(path, threads=1, output="again").predict(images), expected, rtol=1e-4)
    with pytest.raises(
        ModelFileError, match=r"has the outputs rows float32 \(n, 2\), again float32 \(n, 2\); name the"
    ):
        open_artifact(path, threads=1)
    with pytest.raises(ModelFileError, match="none is called 'third'"):
        open_artifact(path, threads=1, output="third")


def two_inputs(path: Path) -> Path:
    """The sum of ids and masked numbers; an initializer is no input though it is listed as one."""
    nodes = [
        helper.make_node("Cast", ["ids"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "Mask"], ["masked"]),
        helper.make_node("Mul", ["masked", "factor"], ["rows"]),
    ]
    inputs = [
        tensor("ids", TensorProto.INT32, ["n", "length"]),
        tensor("Mask", TensorProto.FLOAT, ["n", "length"]),
        tensor("factor", TensorProto.FLOAT, [1]),
    ]
    constants = [numpy_helper.from_array(np.array([2], np.float32), "factor")]
    return saved(path, nodes, inputs, [tensor("rows", TensorProto.FLOAT, ["n", "length"])], constants)


def test_several_inputs_are_given_by_name(tmp_path: Path) -> None:
    path = two_inputs(tmp_path / "m.onnx")
    runtime = open_artifact(path, threads=1)
    ids, mask = np.array([[1, 2], [3, 4]], dtype=np.int64), np.array([[True, False], [True, True]])
    for names in (("mask", "ids"), ("serving_default_Mask:0", "IDS")):
        assert runtime.predict(dict(zip(names, (mask, ids), strict=True))).tolist() == [[2, 0], [6, 8]]
    with pytest.raises(ModelFileError) as caught:
        runtime.predict({"ids": ids, "masks": mask})
    assert str(caught.value) == (
        f"{path}: takes ids int32 (n, ?), Mask float32 (n, ?); the data have ids int64 (n, 2), masks bool (n, 2);"
        " give the data as a dict of arrays: {'ids': ..., 'Mask': ...}"
    )
    with pytest.raises(ModelFileError, match="input ids takes int32, and the data have values from 1 to 6442450945"):
        runtime.predict({"ids": ids * 2**31 + 1 - 2**31, "mask": mask})
    with pytest.raises(ModelFileError, match="input ids takes int32, and the data have float64 with fractions"):
        runtime.predict({"ids": ids / 2, "mask": mask})
    with pytest.raises(ModelFileError, match="input Mask takes float32, and the data have string"):
        runtime.predict({"ids": ids, "mask": np.array([["a", "b"], ["c", "d"]])})


def classifier(path: Path, *, zipmap: bool, answer: str = "probabilities") -> Path:
    """A linear classifier as scikit-learn's exporter writes it: a label, and probabilities, perhaps as mappings."""
    linear = helper.make_node(
        "LinearClassifier",
        ["X"],
        ["label", "raw"],
        domain="ai.onnx.ml",
        coefficients=WEIGHTS.T.reshape(-1).tolist(),
        intercepts=[0.0, 0.0],
        classlabels_strings=["dog", "cat"],
        post_transform="SOFTMAX",
    )
    zipped = helper.make_node("ZipMap", ["raw"], [answer], domain="ai.onnx.ml", classlabels_strings=["dog", "cat"])
    same = helper.make_node("Identity", ["raw"], [answer])
    mapping = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    scores = (
        helper.make_value_info(answer, helper.make_sequence_type_proto(mapping))
        if zipmap
        else tensor(answer, TensorProto.FLOAT, [None, 2])
    )
    nodes = [linear, zipped if zipmap else same]
    return saved(
        path, nodes, [tensor("X", TensorProto.FLOAT, [None, 3])], [tensor("label", TensorProto.STRING, [None]), scores]
    )


def test_probabilities_in_mappings_come_in_the_order_of_the_classes(tmp_path: Path) -> None:
    rows = RANDOM.normal(size=(6, 3))
    plain = OnnxRuntime(classifier(tmp_path / "a.onnx", zipmap=False), threads=1, output="probabilities")
    zipped = OnnxRuntime(classifier(tmp_path / "b.onnx", zipmap=True), threads=1, output="probabilities")
    assert np.allclose(zipped.predict(rows), plain.predict(rows)[:, ::-1])
    assert [spec.dtype for spec in zipped.signature.outputs] == ["string", "mappings"]
    with pytest.raises(ModelFileError, match="has the outputs label string"):
        OnnxRuntime(tmp_path / "a.onnx", threads=1)
    with pytest.raises(ModelFileError, match=r"its answers are object .*, not a row of figures an example"):
        OnnxRuntime(tmp_path / "a.onnx", threads=1, output="label").predict(rows)


@pytest.mark.parametrize("texts", [["yes", "no", "yes"], np.array([b"yes", b"no", b"yes"])])
def test_texts_are_given_as_they_are(tmp_path: Path, texts: Any) -> None:
    node = helper.make_node(
        "LabelEncoder", ["text"], ["rows"], domain="ai.onnx.ml", keys_strings=["yes"], values_floats=[1.0]
    )
    output = tensor("rows", TensorProto.FLOAT, [None, 1])
    path = saved(tmp_path / "m.onnx", [node], [tensor("text", TensorProto.STRING, [None, 1])], [output])
    runtime = open_artifact(path, threads=1)
    assert runtime.signature.inputs[0].dtype == "string"
    assert runtime.predict(np.array(texts)).tolist() == [[1], [0], [1]]  # an axis of one is no difference


@pytest.mark.parametrize(
    ("shape", "answer"), [([None, 3], [3, 1]), ([None, 3, 1, 1], [3, 1]), ([None], [3]), ([None, 1, 1, 3], [3])]
)
def test_axes_of_one_are_no_part_of_an_answer(tmp_path: Path, shape: list[Any], answer: list[int]) -> None:
    target = numpy_helper.from_array(np.array([-1 if side is None else side for side in shape]), "shape")
    sides = [tensor("x", TensorProto.FLOAT, [None, *shape[1:]]), tensor("y", TensorProto.FLOAT, shape)]
    path = saved(
        tmp_path / "m.onnx", [helper.make_node("Reshape", ["x", "shape"], ["y"])], sides[:1], sides[1:], [target]
    )
    numbers = RANDOM.random((4, *shape[1:])).astype(np.float32)
    assert np.array_equal(open_artifact(path, threads=1).predict(numbers), numbers.reshape(4, -1))


def test_answers_of_places_are_refused(tmp_path: Path) -> None:
    sides = [tensor(name, TensorProto.FLOAT, [None, 2, 3]) for name in "xy"]
    path = saved(tmp_path / "m.onnx", [helper.make_node("Identity", ["x"], ["y"])], sides[:1], sides[1:])
    with pytest.raises(ModelFileError, match=r"its answers are float32 \(4, 2, 3\), not a row of figures an example"):
        open_artifact(path, threads=1).predict(np.zeros((4, 2, 3)))


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_answers_that_are_no_numbers_are_refused(tmp_path: Path, number: float) -> None:
    path = model(tmp_path / "m.onnx", shape=["n", 8, 8, 3])
    images = np.zeros((5, 8, 8, 3), np.float32)
    images[2:4] = number
    with pytest.raises(ModelFileError, match=r"m\.onnx: 2 of 5 answers are not a number or infinite; .* diverged"):
        open_artifact(path, threads=1).predict(images)


def test_a_model_that_fails_on_the_examples_says_so_in_one_line(tmp_path: Path) -> None:
    target = numpy_helper.from_array(np.array([2, 3]), "shape")
    sides = [tensor(name, TensorProto.FLOAT, [None, 3]) for name in "xy"]
    path = saved(
        tmp_path / "m.onnx", [helper.make_node("Reshape", ["x", "shape"], ["y"])], sides[:1], sides[1:], [target]
    )
    with pytest.raises(ModelFileError, match="cannot answer for these examples: ") as caught:
        open_artifact(path, threads=1).predict(np.zeros((5, 3)))
    assert "\n" not in str(caught.value)


def test_inputs_of_different_batches_are_refused(tmp_path: Path) -> None:
    inputs = [tensor("a", TensorProto.FLOAT, [4, 3]), tensor("b", TensorProto.FLOAT, [2, 3])]
    node = helper.make_node("Concat", ["a", "b"], ["y"], axis=0)
    path = saved(tmp_path / "m.onnx", [node], inputs, [tensor("y", TensorProto.FLOAT, [6, 3])])
    with pytest.raises(ModelFileError, match=r"takes a float32 \(4, 3\), b float32 \(2, 3\): not equally many"):
        open_artifact(path, threads=1)


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    inside = onnx.load(str(model(tmp_path / "inside.onnx", shape=["n", 8, 8, 3])))
    path = tmp_path / "m.onnx"
    onnx.save_model(inside, str(path), save_as_external_data=True, location="m.data", size_threshold=0)
    with pytest.raises(ModelFileError, match="keeps 2 of its weights in other files"):
        OnnxRuntime(path, threads=1)


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x08\x07\x12\x04opml"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="not a model that ONNX Runtime can run") as caught:
        open_artifact(path, threads=1)
    assert "\n" not in str(caught.value)
