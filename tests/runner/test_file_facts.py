from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_opml import Case, Preprocess
from pytest_opml.datasets.held_out import HeldOut
from pytest_opml.errors import ModelFileError
from pytest_opml.history.record_files import read_record
from pytest_opml.runner.case_data import load_data
from pytest_opml.runner.file_facts import FileFacts, described
from tests.support.projects import Bench, output

RANGE = {"Image.NominalPixelRange": "Normalized_0_1", "Image.BitmapPixelFormat": "Bgr8"}
NAMES = {"names": '["red", "green", "blue"]'}


def model_file(path: Path, **properties: str) -> Path:
    """A model that answers with the mean of each channel, blue first, of pixels from 0 to 1."""
    nodes = [helper.make_node("ReduceMean", ["image", "axes"], ["rows"], keepdims=0)]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("image", ["n", 4, 5, 3]), ("rows", ["n", 3]))
    ]
    axes = numpy_helper.from_array(np.array([1, 2]), "axes")
    graph = helper.make_graph(nodes, "mine", values[:1], values[1:], [axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    for name, value in properties.items():
        model.metadata_props.add(key=name, value=value)
    onnx.save(model, str(path))
    return path


def data_file(path: Path, classes: list[str], *, dtype: str = "uint8") -> Path:
    """Images in whose channel the label is; the classes are red, green and blue in the order given."""
    labels = np.arange(60) % 3
    images = np.random.default_rng(0).integers(0, 50, (60, 4, 5, 3)).astype(dtype)
    for image, label in zip(images, labels, strict=True):
        image[..., label] += 100
    np.savez(path, x_train=images, y_train=labels, classes=classes)
    return path


def held_out(data: object) -> HeldOut:
    assert hasattr(data, "x_test")
    return HeldOut(data.x_test, data.y_test, data.classes, data.task, {}, data.test_digest)  # type: ignore[attr-defined]


def test_pixels_are_as_the_file_says_where_the_case_does_not(tmp_path: Path) -> None:
    path = model_file(tmp_path / "mine.onnx", **RANGE)
    pixels = data_file(tmp_path / "pixels.npz", ["red", "green", "blue"])
    case = Case(dataset=str(pixels), model=str(path), unfreeze=0)
    data = load_data(case, None)
    plain = load_data(Case(dataset=str(pixels), model=str(model_file(tmp_path / "other.onnx")), unfreeze=0), None)
    assert (data.x_test.specs[0].dtype, plain.x_test.specs[0].dtype) == ("float32", "uint8")
    first = np.asarray(plain.x_test.take([0]), np.float32)
    np.testing.assert_array_equal(data.x_test.take([0]), first[..., ::-1] * np.float32(1 / 255))
    assert data.test_digest == plain.test_digest
    note = "pixels are treated as the metadata of mine.onnx say: scale 0.00392157, channels bgr"
    assert FileFacts(case).notes(held_out(data)) == (note,)
    own = case.model_copy(update={"preprocess": Preprocess(scale=2)})
    np.testing.assert_array_equal(load_data(own, None).x_test.take([0]), first * 2)
    assert FileFacts(own).notes(held_out(load_data(own, None))) == ()


def test_figures_that_are_no_pixels_stay_as_they_are(tmp_path: Path) -> None:
    path = model_file(tmp_path / "mine.onnx", **RANGE)
    floats = data_file(tmp_path / "floats.npz", ["red", "green", "blue"], dtype="float32")
    data = load_data(Case(dataset=str(floats), model=str(path), unfreeze=0), None)
    assert data.x_test.treatments == ()


@pytest.mark.parametrize(
    ("properties", "declared", "outputs"),
    [
        (NAMES, None, ("red", "green", "blue")),
        ({}, None, None),
        ({"names": '["a", "b", "c"]'}, None, None),
        (NAMES, ("blue", "red", "green"), ("blue", "red", "green")),
        ({"names": '["a", "b", "c"]'}, {"c": "red", "a": "blue", "b": "green"}, ("blue", "green", "red")),
    ],
)
def test_outputs_are_what_the_case_says_or_else_the_file(
    properties: dict[str, str], declared: object, outputs: tuple[str, ...] | None, tmp_path: Path
) -> None:
    path = model_file(tmp_path / "mine.onnx", **properties)
    case = Case(dataset="digits", model=str(path), unfreeze=0, classes=declared)
    assert FileFacts(case).output_classes(("blue", "green", "red")) == outputs


def test_names_that_the_file_does_not_have_are_refused_before_anything_runs(tmp_path: Path) -> None:
    path = model_file(tmp_path / "mine.onnx", **NAMES)
    pixels = data_file(tmp_path / "pixels.npz", ["red", "green", "blue"])
    case = Case(dataset=str(pixels), model=str(path), unfreeze=0, classes={"rde": "red"})
    with pytest.raises(ModelFileError, match=r"classes= names rde; the model's file has red, green, blue"):
        load_data(case, None)


def test_a_model_that_is_built_or_is_trained_on_says_nothing() -> None:
    facts = FileFacts(Case(dataset="digits", model="small_cnn", classes=["a"]))
    assert (facts.preprocess, facts.output_classes(("b",))) == (None, ("a",))


def test_a_treatment_is_described_in_short() -> None:
    assert (
        described(Preprocess(mean=[1, 2.5, 3], std=127.5, layout="nchw")) == "mean (1, 2.5, 3), std 127.5, layout nchw"
    )
    assert described(Preprocess()) == "as they are"


def test_a_whole_run_measures_a_file_rightly_that_knows_its_pixels_and_classes(bench: Bench) -> None:
    folder = bench.pytester.path
    data_file(folder / "pixels.npz", ["red", "green", "blue"])
    model_file(folder / "mine.onnx", **RANGE, names='["blue", "green", "red"]')
    bench.settings('[tool.opml.model.mine]\npath = "mine.onnx"\ndataset = "pixels.npz"\n')
    bench.file(
        """
        from pytest_opml import Case

        def bench_it(opml):
            assert opml(Case(model="mine")).accuracy.value == 1
            assert opml(Case(model="mine", name="wrong", classes=["red", "green", "blue"])).accuracy.value < 0.5
        """
    )
    result = bench.run("--opml-store=none", "--opml-json=record.json")
    assert result.ret == 0, output(result)
    mine, wrong = read_record(folder / "record.json").results
    assert mine.notes[:2] == (
        "pixels are treated as the metadata of mine.onnx say: scale 0.00392157, channels bgr",
        "the outputs are those classes that the metadata of mine.onnx say, not in the data's order",
    )
    assert wrong.id == "wrong"
