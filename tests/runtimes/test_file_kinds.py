"""The table of docs/models.md: each kind of file with each kind of input and of output, answering as it should."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import onnx
import openvino
import pytest
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper

from pytest_opml.errors import ModelFileError
from pytest_opml.runtimes.fit import check_fits
from pytest_opml.runtimes.loader import open_artifact, read_signature
from pytest_opml.runtimes.openvino_file import openvino_core
from pytest_opml.tensors import Array, Batch, DataSpec, Signature, Task, TensorSpec, dtype_name

DOCS = Path(__file__).parents[2] / "docs" / "models.md"
RANDOM = np.random.default_rng(0)
EXAMPLES = 6


class Input(NamedTuple):
    """Examples of a kind, and the numbers (n, k) that the models make of them first."""

    batch: Batch
    features: Array


def inputs() -> dict[str, Input]:
    image = RANDOM.integers(0, 256, (EXAMPLES, 4, 6, 3), dtype=np.uint8)
    grey = RANDOM.random((EXAMPLES, 5, 3)).astype(np.float32)
    signal = RANDOM.normal(size=(EXAMPLES, 16, 2))
    row = RANDOM.normal(size=(EXAMPLES, 5))
    ids = RANDOM.integers(0, 100, (EXAMPLES, 7))
    text = np.array(["yes", "no", "yes", "yes", "no", "no"], dtype=object)
    two = {"first": RANDOM.random((EXAMPLES, 3)), "second": RANDOM.integers(0, 9, (EXAMPLES, 2))}
    return {
        "colour image, not square": Input(image, image.reshape(EXAMPLES, -1)),
        "grey image of floats": Input(grey, grey.reshape(EXAMPLES, -1)),
        "signal": Input(signal, signal.reshape(EXAMPLES, -1)),
        "row of a table": Input(row, row),
        "token ids of any length": Input(ids, ids.sum(axis=1, keepdims=True)),
        "text": Input(text, (text == "yes")[:, None]),
        "two inputs": Input(two, np.concatenate(list(two.values()), axis=1)),
    }


INPUTS = inputs()


class Output(NamedTuple):
    """A kind of output: how many figures, of which task, and what the data have."""

    figures: int
    activation: str
    task: Task
    wanted: int
    classes: tuple[str, ...] | None = None


OUTPUTS = {
    "softmax": Output(3, "softmax", "classification", 3),
    "logits": Output(3, "linear", "classification", 3),
    "sigmoid": Output(1, "sigmoid", "classification", 2),
    "background": Output(4, "softmax", "classification", 3, ("a", "b", "c", "background")),
    "labels": Output(3, "sigmoid", "multilabel", 3),
    "targets": Output(2, "linear", "regression", 2),
}


def weights(kind: str, output: str) -> Array:
    features = INPUTS[kind].features.shape[1]
    return np.random.default_rng([features, *output.encode()]).normal(size=(features, OUTPUTS[output].figures)) / 100


def expected(kind: str, output: str) -> Array:
    values = INPUTS[kind].features @ weights(kind, output)
    activation = OUTPUTS[output].activation
    if activation == "sigmoid":
        return 1 / (1 + np.exp(-values))
    return np.exp(values) / np.exp(values).sum(axis=1, keepdims=True) if activation == "softmax" else values


def arrays_of(kind: str) -> dict[str, Array]:
    batch = INPUTS[kind].batch
    return batch if isinstance(batch, dict) else {"only": batch}


def form(kind: str, name: str) -> tuple[list[int | None], str]:
    """The shape (n, ...) and type of an input of the models."""
    array = arrays_of(kind)[name]
    shape = [None, None] if "any length" in kind else [None, *array.shape[1:]]
    return shape, {"float64": "float32", "int64": "int32"}.get(dtype_name(array), dtype_name(array))


def write_keras(kind: str, path: Path) -> Path:
    layers = keras.layers
    given = {}
    for name in arrays_of(kind):
        shape, dtype = form(kind, name)
        given[name] = keras.Input(shape[1:], dtype=dtype, name=name)
    parts = []
    for tensor in given.values():
        if kind == "text":
            numbers = layers.StringLookup(vocabulary=["no", "yes"], num_oov_indices=0)(tensor)
            parts.append(keras.ops.reshape(keras.ops.cast(numbers, "float32"), (-1, 1)))
        elif "any length" in kind:
            parts.append(keras.ops.cast(keras.ops.sum(tensor, axis=1, keepdims=True), "float32"))
        else:
            parts.append(layers.Flatten()(keras.ops.cast(tensor, "float32")))
    features = parts[0] if len(parts) == 1 else layers.Concatenate()(parts)
    ends = {
        name: layers.Dense(end.figures, end.activation, use_bias=False, name=f"{name}_layer")
        for name, end in OUTPUTS.items()
    }
    model = keras.Model(given, {name: layer(features) for name, layer in ends.items()})
    for name, layer in ends.items():
        layer.set_weights([weights(kind, name)])
    model.save(path.with_suffix(".keras"))
    return path.with_suffix(".keras")


def write_saved_model(kind: str, path: Path) -> Path:
    specs = [tf.TensorSpec(shape, dtype, name=name) for name in arrays_of(kind) for shape, dtype in [form(kind, name)]]

    class Module(tf.Module):
        @tf.function(input_signature=specs)
        def answer(self, *tensors: Any) -> dict[str, Any]:
            parts = []
            for tensor in tensors:
                if kind == "text":
                    parts.append(tf.cast(tensor == "yes", tf.float32)[:, None])
                elif "any length" in kind:
                    parts.append(tf.cast(tf.reduce_sum(tensor, axis=1, keepdims=True), tf.float32))
                else:
                    parts.append(tf.cast(tf.reshape(tensor, [-1, np.prod(tensor.shape[1:])]), tf.float32))
            features = tf.concat(parts, axis=1)
            return {
                name: keras.activations.get(end.activation)(features @ weights(kind, name).astype(np.float32))
                for name, end in OUTPUTS.items()
            }

    module = Module()
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.answer})
    return path


def write_tflite(kind: str, path: Path) -> Path:
    converter = tf.lite.TFLiteConverter.from_saved_model(str(write_saved_model(kind, path)))
    path.with_suffix(".tflite").write_bytes(converter.convert())
    return path.with_suffix(".tflite")


def write_onnx(kind: str, path: Path) -> Path:
    nodes, constants, values, parts = [], [], [], []
    types = {"string": TensorProto.STRING, "uint8": TensorProto.UINT8, "int32": TensorProto.INT32}
    for name in arrays_of(kind):
        shape, dtype = form(kind, name)
        values.append(helper.make_tensor_value_info(name, types.get(dtype, TensorProto.FLOAT), shape))
        number = f"{name}_numbers"
        if kind == "text":
            lookup = {"keys_strings": ["yes"], "values_floats": [1.0], "default_float": 0.0}
            nodes.append(helper.make_node("LabelEncoder", [name], [number], domain="ai.onnx.ml", **lookup))
            constants.append(numpy_helper.from_array(np.array([-1, 1]), "shape"))
            nodes.append(helper.make_node("Reshape", [number, "shape"], [f"{name}_part"]))
        else:
            nodes.append(helper.make_node("Cast", [name], [number], to=TensorProto.FLOAT))
            if "any length" in kind:
                constants.append(numpy_helper.from_array(np.array([1]), "axes"))
                nodes.append(helper.make_node("ReduceSum", [number, "axes"], [f"{name}_part"], keepdims=1))
            else:
                nodes.append(helper.make_node("Flatten", [number], [f"{name}_part"]))
        parts.append(f"{name}_part")
    nodes.append(helper.make_node("Concat", parts, ["features"], axis=1))
    ends = []
    for name, end in OUTPUTS.items():
        constants.append(numpy_helper.from_array(weights(kind, name).astype(np.float32), f"{name}_weights"))
        nodes.append(helper.make_node("MatMul", ["features", f"{name}_weights"], [f"{name}_logits"]))
        operation = {"softmax": "Softmax", "sigmoid": "Sigmoid", "linear": "Identity"}[end.activation]
        nodes.append(helper.make_node(operation, [f"{name}_logits"], [name]))
        ends.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, end.figures]))
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    graph = helper.make_graph(nodes, "g", values, ends, constants)
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path.with_suffix(".onnx"))
    return path.with_suffix(".onnx")


def write_openvino(kind: str, path: Path) -> Path:
    model = openvino_core("the table").read_model(str(write_onnx(kind, path)))
    openvino.save_model(model, str(path / "model.xml"), compress_to_fp16=False)
    return path


WRITERS: dict[str, Callable[[str, Path], Path]] = {
    "Keras": write_keras,
    "SavedModel": write_saved_model,
    "TFLite": write_tflite,
    "ONNX": write_onnx,
    "OpenVINO": write_openvino,
}
# LiteRT looks texts up with operations of TensorFlow only, OpenVINO with those of a library of its own.
IMPOSSIBLE = {("TFLite", "text"), ("OpenVINO", "text")}


def answers(path: Path, signature: Signature, kind: str, output: str) -> bool:
    """Whether a file fits the data and answers rightly for each example."""
    end, batch = OUTPUTS[output], INPUTS[kind].batch
    named = batch if isinstance(batch, dict) else {"": batch}
    specs = tuple(TensorSpec(name, array.shape[1:], dtype_name(array)) for name, array in named.items())
    check_fits(path, signature, DataSpec(specs, end.wanted, end.task), output=output, classes=end.classes)
    with pytest.raises(ModelFileError, match=f"its output is {output} "):
        check_fits(path, signature, DataSpec(specs, 9, end.task), output=output)
    figures = open_artifact(path, threads=2, output=output).predict(batch)
    return figures.shape == (EXAMPLES, end.figures) and np.allclose(figures, expected(kind, output), atol=1e-4)


@pytest.mark.parametrize("file", WRITERS)
def test_the_table_says_what_runs(tmp_path: Path, file: str) -> None:
    cells = []
    for number, kind in enumerate(INPUTS):
        if (file, kind) in IMPOSSIBLE:
            cells.append("no")
            continue
        path = WRITERS[file](kind, tmp_path / f"m{number}")
        signature = read_signature(path)
        right = sum(answers(path, signature, kind, output) for output in OUTPUTS)
        cells.append(f"{right} of {len(OUTPUTS)}")
    assert f"| {file} | {' | '.join(cells)} |" in DOCS.read_text("utf-8").splitlines()
