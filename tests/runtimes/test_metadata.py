"""What TFLite and ONNX files say of their pixels and classes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_opml.records.preprocess import Preprocess
from pytest_opml.runtimes.loader import open_artifact
from pytest_opml.runtimes.metadata import FileMetadata, read_metadata
from tests.support.tflite_files import image_metadata, write_dense

WEIGHTS = np.ones((3, 12), np.float32)


@pytest.mark.parametrize(
    ("given", "preprocess"),
    [
        ({"mean": [127.5], "std": [127.5], "colour": 1}, {"mean": 127.5, "std": 127.5, "channels": "rgb"}),
        ({"mean": [1, 2, 3], "std": [2, 2, 2]}, {"mean": (1.0, 2.0, 3.0), "std": 2.0}),
        ({"colour": 2}, {"channels": "grey"}),
        ({"mean": [0], "std": [0]}, None),
        ({}, None),
    ],
)
def test_a_tflite_file_says_how_its_pixels_are_scaled(
    tmp_path: Path, given: dict[str, Any], preprocess: dict[str, Any] | None
) -> None:
    path = write_dense(tmp_path / "m.tflite", WEIGHTS, features=(2, 2, 3), metadata=image_metadata(**given))
    assert read_metadata(path) == FileMetadata(preprocess, None)
    Preprocess(**preprocess or {})
    assert open_artifact(path, threads=1).predict(np.ones((2, 2, 2, 3))).tolist() == [[12] * 3] * 2


@pytest.mark.parametrize(
    ("files", "classes"),
    [
        ({"labels.txt": "cat\nsea lion\n\nBär\n\n"}, ("cat", "sea lion", "Bär")),
        ({"labels.txt": "cat\r\ndog\r\nhen"}, ("cat", "dog", "hen")),
        ({"labels.txt": "cat\ndog"}, None),
        ({"others.txt": "cat\ndog\nhen"}, None),
        (None, None),
    ],
)
def test_a_tflite_file_has_its_labels_behind_it(
    tmp_path: Path, files: dict[str, str] | None, classes: tuple[str, ...] | None
) -> None:
    metadata = image_metadata(labels="labels.txt")
    path = write_dense(tmp_path / "m.tflite", WEIGHTS, metadata=metadata, files=files)
    assert read_metadata(path) == FileMetadata(None, classes)


@pytest.mark.parametrize("metadata", [b"", b"no metadata", image_metadata(colour=1, identifier=b"M002")])
def test_other_metadata_say_nothing(tmp_path: Path, metadata: bytes) -> None:
    assert read_metadata(write_dense(tmp_path / "m.tflite", WEIGHTS, metadata=metadata)) == FileMetadata()


def test_damaged_metadata_are_no_error(tmp_path: Path) -> None:
    intact, random = image_metadata(mean=[1.0], std=[2.0], colour=1, labels="l"), np.random.default_rng(0)
    for _ in range(200):
        metadata = bytearray(intact)
        for place in random.integers(8, len(metadata), 3):
            metadata[place] = random.integers(256)
        read_metadata(write_dense(tmp_path / "m.tflite", WEIGHTS, metadata=bytes(metadata), files={"l": "a\nb\nc"}))


def onnx_file(
    path: Path,
    properties: dict[str, str],
    *,
    nodes: Sequence[Any] = (),
    denotations: Sequence[str] = (),
) -> Path:
    """A matrix of three columns; or other nodes, from ``x`` to ``y``."""
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3, 1, 1] if denotations else [None, 3])
    for side, denotation in zip(given.type.tensor_type.shape.dim, denotations, strict=False):
        side.denotation = denotation
    plain = [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["y"])]
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])
    weights = numpy_helper.from_array(np.eye(3, dtype=np.float32), "w")
    model = helper.make_model(helper.make_graph(list(nodes) or plain, "g", [given], [answer], [weights]))
    helper.set_model_props(model, properties)
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize(
    ("name", "text", "classes"),
    [
        ("names", "{0: 'cat', 1: 'dog', 2: \"hen's\"}", ("cat", "dog", "hen's")),
        ("classes", json.dumps(["cat", "dog", "hen"]), ("cat", "dog", "hen")),
        ("id2label", json.dumps({"1": "dog", "0": "cat", "2": "hen"}), ("cat", "dog", "hen")),
        ("labels", json.dumps(["cat", "dog"]), None),
        ("classes", "cat,dog,hen", None),
        ("names", "{0: 'cat', 2: 'dog', 5: 'hen'}", None),
        ("names", "__import__('os').getcwd()", None),
        ("author", json.dumps(["cat", "dog", "hen"]), None),
    ],
)
def test_an_onnx_file_may_name_its_classes(
    tmp_path: Path, name: str, text: str, classes: tuple[str, ...] | None
) -> None:
    assert read_metadata(onnx_file(tmp_path / "m.onnx", {name: text})) == FileMetadata(None, classes)


@pytest.mark.parametrize(
    ("properties", "denotations", "preprocess"),
    [
        ({"Image.NominalPixelRange": "Normalized_0_1"}, (), {"scale": 1 / 255}),
        (
            {"Image.NominalPixelRange": "Normalized_1_1", "Image.BitmapPixelFormat": "Bgr8"},
            ("DATA_BATCH", "DATA_CHANNEL", "DATA_FEATURE", "DATA_FEATURE"),
            {"scale": 1 / 127.5, "mean": 1.0, "channels": "bgr", "layout": "nchw"},
        ),
        ({"Image.NominalPixelRange": "NominalRange_16_235"}, (), None),
        ({}, ("DATA_BATCH", "DATA_FEATURE", "DATA_FEATURE", "DATA_CHANNEL"), {"layout": "nhwc"}),
        ({}, ("DATA_BATCH", "DATA_FEATURE", "DATA_FEATURE", "DATA_FEATURE"), None),
    ],
)
def test_an_onnx_file_may_say_how_its_pixels_are_scaled(
    tmp_path: Path, properties: dict[str, str], denotations: Sequence[str], preprocess: dict[str, Any] | None
) -> None:
    path = onnx_file(tmp_path / "m.onnx", properties, denotations=denotations)
    assert read_metadata(path) == FileMetadata(preprocess, None)
    Preprocess(**preprocess or {})


@pytest.mark.parametrize(
    ("labels", "classes"),
    [({"classlabels_strings": ["z", "b", "c"]}, ("z", "b", "c")), ({"classlabels_ints": [3, 1, 2]}, ("3", "1", "2"))],
)
def test_a_classifier_of_scikit_learn_knows_its_classes(
    tmp_path: Path, labels: dict[str, Any], classes: tuple[str, ...]
) -> None:
    coefficients = np.eye(3).reshape(-1).tolist()
    node = helper.make_node(
        "LinearClassifier", ["x"], ["label", "y"], domain="ai.onnx.ml", coefficients=coefficients, **labels
    )
    assert read_metadata(onnx_file(tmp_path / "m.onnx", {}, nodes=[node])).classes == classes


def test_other_kinds_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert read_metadata(tmp_path) == FileMetadata()
