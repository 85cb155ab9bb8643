"""Small ONNX files, made without TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE, CLASSES = 8, 10


def save_linear(path: Path, seed: int = 0, *, classes: int = CLASSES, beside: str | None = None) -> Path:
    """Write a linear classifier of images (n, 8, 8, 3), with random weights.

    Args:
        path: of the file; its folder is made.
        seed: of the weights.
        classes: that it tells apart.
        beside: a file for the weights, as MLflow writes models; None to have them in the model.
    """
    weights = np.random.default_rng(seed).normal(size=(3 * SIZE**2, classes)).astype(np.float32) / 1000
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [None, SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, classes])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save_model(model, str(path), save_as_external_data=beside is not None, location=beside)
    return path
