"""A suite of ``.onnx`` and ``.tflite`` files on arrays runs where TensorFlow cannot even be imported."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.support.projects import GUESS, Bench, output

_WEIGHTS = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
_BLOCK = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras", "tf_keras"):
            raise ImportError(f"{name} is not wanted here")

sys.meta_path.insert(0, Block())
"""
_FILE = """
    import pytest
    from pytest_opml import Case

    @pytest.mark.parametrize("case", [Case(model=name, dataset="rows.npz", unfreeze=0) for name in %r], ids=str)
    def bench_it(case, opml):
        assert opml(case).accuracy.value == 0.9
"""


def write_onnx(path: Path) -> None:
    rows, answers = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width]) for name, width in (("x", 20), ("p", 3))
    )
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("Softmax", ["y"], ["p"], axis=1)]
    graph = helper.make_graph(nodes, "rows", [rows], [answers], [numpy_helper.from_array(_WEIGHTS, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def write_tflite(path: Path) -> None:
    import keras
    import tensorflow as tf

    inputs = keras.Input((20,))
    layer = keras.layers.Dense(3, activation="softmax", use_bias=False)
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([_WEIGHTS])
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


@pytest.mark.tensorflow
def test_files_of_other_runtimes_start_without_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = bench.pytester.path
    write_onnx(folder / "rows.onnx")
    write_tflite(folder / "rows.tflite")
    rows = np.random.default_rng(1).standard_normal((100, 20)).astype(np.float32)
    labels = (rows @ _WEIGHTS).argmax(axis=1)
    labels[::10] = (labels[::10] + 1) % 3
    np.savez(folder / "rows.npz", x_test=rows, y_test=labels)
    bench.file(_FILE % ["./rows.onnx", "./rows.tflite"])
    blocking = tmp_path / "blocking"
    blocking.mkdir()
    (blocking / "sitecustomize.py").write_text(_BLOCK)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(blocking), os.environ.get("PYTHONPATH", "")]))
    result = bench.run("--opml-json=record.json", apart=True)
    assert result.ret == 0, output(result)
    record = json.loads((folder / "record.json").read_text())
    assert record["device"]["tensorflow"] is None
    assert {one["artifact"]["runtime"] for one in record["results"]} == {"onnxruntime", "litert"}
    bench.file(GUESS % 1, "bench_other.py")  # the blocking works: what needs TensorFlow says so
    assert "is not wanted here" in output(bench.run("--opml-json=record.json", apart=True))
