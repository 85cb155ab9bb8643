"""A user's own .onnx files, of the shapes that exporters write."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_opml.errors import ModelFileError
from pytest_opml.runtimes.loader import open_artifact
from pytest_opml.runtimes.onnx_runtime import OnnxRuntime, _providers

WEIGHTS = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)


def model(
    path: Path, *, shape: list[Any], channels_axis: int = 3, dtype: int = TensorProto.FLOAT, outputs: int = 1
) -> Path:
    """The mean of each channel times a matrix."""
    axes = [axis for axis in (1, 2, 3) if axis != channels_axis]
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["rows"]),
        helper.make_node("Identity", ["rows"], ["again"]),
    ]
    found = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in ("rows", "again")][:outputs]
    constants = [numpy_helper.from_array(WEIGHTS, "weights"), numpy_helper.from_array(np.array(axes), "axes")]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("image", dtype, shape)], found, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), str(path))
    return path


@pytest.mark.parametrize(
    ("shape", "axis", "dtype"),
    [
        (["n", 8, 8, 3], 3, TensorProto.FLOAT),
        (["n", 8, 8, 3], 3, TensorProto.UINT8),
        (["n", 3, 8, 8], 1, TensorProto.FLOAT),
        ([1, 3, 8, 8], 1, TensorProto.UINT8),
        ([1, 8, 8, 3], 3, TensorProto.FLOAT),
        ([None, None, None, 3], 3, TensorProto.FLOAT),
    ],
)
def test_each_layout_answers_for_the_same_images(tmp_path: Path, shape: list[Any], axis: int, dtype: int) -> None:
    runtime = open_artifact(model(tmp_path / "m.onnx", shape=shape, channels_axis=axis, dtype=dtype), threads=1)
    images = np.random.default_rng(1).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    assert np.allclose(runtime.predict(images), images.mean(axis=(1, 2)) @ WEIGHTS, rtol=1e-4)
    assert runtime.image_size == (8 if 8 in shape else None)
    assert runtime.parameters == 6 + 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": ["n", 8, 8, 3], "outputs": 2}, "1 inputs and 2 outputs"),
        ({"shape": ["n", 8, 8, "c"]}, r"tensor\(float\) \['n', 8, 8, 'c'\]"),
        ({"shape": ["n", 8, 8, 3], "dtype": TensorProto.INT64}, r"tensor\(int64\)"),
        ({"shape": [4, 8, 8, 3]}, "a batch of exactly 4"),
    ],
)
def test_what_takes_no_images_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        OnnxRuntime(model(tmp_path / "m.onnx", **changes), threads=1)


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    inside = onnx.load(str(model(tmp_path / "inside.onnx", shape=["n", 8, 8, 3])))
    path = tmp_path / "m.onnx"
    onnx.save_model(inside, str(path), save_as_external_data=True, location="m.data", size_threshold=0)
    with pytest.raises(ModelFileError, match="keeps 2 of its weights in other files"):
        OnnxRuntime(path, threads=1)


@pytest.mark.parametrize("visible", ["-1", ""])
def test_hidden_gpus_are_not_used(monkeypatch: pytest.MonkeyPatch, visible: str) -> None:
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    module = SimpleNamespace(get_available_providers=lambda: both)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert _providers(module) == both
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert _providers(module) == ["CPUExecutionProvider"]


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x08\x07\x12\x04opml"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="not a model that ONNX Runtime can run") as caught:
        open_artifact(path, threads=1)
    assert "\n" not in str(caught.value)
