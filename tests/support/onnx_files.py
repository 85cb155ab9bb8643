"""A small classifier in an ONNX file, and data for it, which need no TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

FEATURES, CLASSES = 8, 3


def class_weights(seed: int = 0) -> npt.NDArray[np.float32]:
    """Return the weights (8, 3) of the classifier of a seed."""
    return np.random.default_rng(seed).normal(size=(FEATURES, CLASSES)).astype(np.float32)


def write_classifier(path: Path, *, seed: int = 0) -> Path:
    """Write a linear classifier with softmax, of rows (n, 8) into three classes."""
    weights = class_weights(seed)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["logits"]), helper.make_node("Softmax", ["logits"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", FEATURES])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", CLASSES])],
        [numpy_helper.from_array(weights, "w")],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), str(path))
    return path


def write_rows(
    path: Path, *, seed: int = 0, rows: int = 500, wrong: int = 50, parts: tuple[str, ...] = ("test",)
) -> Path:
    """Write rows and the classes that the classifier of the same seed gives them, but for the first ``wrong``."""
    weights = class_weights(seed)
    arrays = {}
    for number, part in enumerate(parts):
        x = np.random.default_rng(100 + number).normal(size=(rows, FEATURES)).astype(np.float32)
        y = (x @ weights).argmax(axis=1)
        y[:wrong] = (y[:wrong] + 1) % CLASSES
        arrays |= {f"x_{part}": x, f"y_{part}": y}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return path
