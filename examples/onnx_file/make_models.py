"""Make models/digits.onnx, models/digits-small.onnx and digits.npz.

The weights are those of a network that scikit-learn trained, and the files are written by onnx.helper, as a program of
another team would write them. The small one keeps a third of the hidden units, those with the largest weights, and was
not trained again.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

images, labels = load_digits(return_X_y=True)
images = images.astype(np.float32)
x_train, x_test, y_train, y_test = train_test_split(images, labels, test_size=0.4, random_state=0, stratify=labels)
np.savez("digits.npz", x_test=x_test, y_test=y_test)
network = MLPClassifier((64,), random_state=0, max_iter=60).fit(x_train, y_train)


def write(path, units):
    """Write the network as ONNX, with some of its hidden units."""
    (first, second), (first_bias, second_bias) = network.coefs_, network.intercepts_
    arrays = {"w1": first[:, units], "b1": first_bias[units], "w2": second[units], "b2": second_bias}
    tensors = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()]
    nodes = [
        helper.make_node("Gemm", ["pixels", "w1", "b1"], ["sums"]),
        helper.make_node("Relu", ["sums"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "w2", "b2"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    inputs = [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 64])]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 10])]
    graph = helper.make_graph(nodes, "digits", inputs, outputs, tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


Path("models").mkdir(exist_ok=True)
by_size = np.argsort(np.abs(network.coefs_[0]).sum(axis=0))[::-1]
write("models/digits.onnx", by_size)
write("models/digits-small.onnx", by_size[:22])
