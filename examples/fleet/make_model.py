"""Make models/scorer.onnx and rows.npz: a linear classifier of 64 figures, and rows that it mostly knows."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

random = np.random.default_rng(0)
weights = random.normal(size=(64, 4)).astype(np.float32)
rows = random.normal(size=(600, 64)).astype(np.float32)
labels = (rows @ weights).argmax(axis=1)
labels[:30] = (labels[:30] + 1) % 4  # one in twenty is not what the model says
np.savez("rows.npz", x_test=rows, y_test=labels)

nodes = [helper.make_node("MatMul", ["x", "w"], ["logits"]), helper.make_node("Softmax", ["logits"], ["y"])]
inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])]
outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])]
graph = helper.make_graph(nodes, "scorer", inputs, outputs, [numpy_helper.from_array(weights, "w")])
Path("models").mkdir(exist_ok=True)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), "models/scorer.onnx")
