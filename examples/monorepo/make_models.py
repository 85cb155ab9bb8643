"""Make model.onnx and rows.npz of each team: a linear classifier, and rows that it mostly knows."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

for seed, team in enumerate(("vision", "speech")):
    random = np.random.default_rng(seed)
    weights = random.normal(size=(16, 3)).astype(np.float32)
    rows = random.normal(size=(400, 16)).astype(np.float32)
    labels = (rows @ weights).argmax(axis=1)
    labels[:20] = (labels[:20] + 1) % 3  # one in twenty is not what the model says
    folder = Path("services") / team
    np.savez(folder / "rows.npz", x_test=rows, y_test=labels)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["logits"]), helper.make_node("Softmax", ["logits"], ["y"])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 16])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])]
    graph = helper.make_graph(nodes, team, inputs, outputs, [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
