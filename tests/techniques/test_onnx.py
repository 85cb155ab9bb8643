from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from pytest_opml.errors import MissingDependencyError, TechniqueError
from pytest_opml.runtimes.loader import open_artifact
from pytest_opml.runtimes.onnx_runtime import OnnxRuntime
from pytest_opml.techniques.artifact_file import write_artifact
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.onnx import Onnx, OnnxInt8
from tests.conftest import Trained


@pytest.fixture(scope="module")
def files(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[ModelState, Path]]:
    made = {}
    for technique in (Onnx(), OnnxInt8()):
        state = technique.apply(ModelState(trained.load()), trained.context())
        made[type(technique).__name__] = (state, write_artifact(state, tmp_path_factory.mktemp("onnx")))
    return made


def test_onnx_gives_what_keras_gives(files: dict[str, tuple[ModelState, Path]], trained: Trained) -> None:
    _, path = files["Onnx"]
    runtime = open_artifact(path, threads=2)
    expected = trained.load().predict(trained.x_test, verbose=0)
    assert (runtime.name, path.name) == ("onnxruntime", "model.onnx")
    assert np.allclose(runtime.predict(trained.x_test), expected, atol=1e-4)
    assert np.allclose(runtime.predict(trained.x_test[:1]), expected[:1], atol=1e-4)
    # the running statistics of normalisation are folded or counted, as the converter sees fit
    assert 0.9 < runtime.parameters / trained.load().count_params() < 1.1


def test_onnx_int8_is_quantised_and_about_as_right(files: dict[str, tuple[ModelState, Path]], trained: Trained) -> None:
    import onnx

    state, path = files["OnnxInt8"]
    found = open_artifact(path, threads=2).predict(trained.x_test).argmax(axis=1)
    exact = trained.load().predict(trained.x_test, verbose=0).argmax(axis=1)
    assert np.mean(found == exact) > 0.9
    assert (state.changes["onnx_int8.layers"], state.changes["onnx_int8.layers_in_float"]) == (4, 0)
    assert float(state.changes["onnx_int8.share_of_weights"]) > 0.9
    assert state.changes["onnx_int8.calibration_examples"] == 300
    graph = onnx.load(str(path)).graph
    assert any(t.data_type == onnx.TensorProto.INT8 for t in graph.initializer)
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in graph.node}  # as TensorRT reads it
    assert not [node for node in graph.node if node.op_type.startswith("QLinear")]
    assert path.stat().st_size < 0.6 * files["Onnx"][1].stat().st_size


def test_the_file_says_by_what_provider_it_is_run(
    files: dict[str, tuple[ModelState, Path]], trained: Trained, tmp_path: Path
) -> None:
    import onnx

    state = Onnx(provider="tensorrt").apply(ModelState(trained.load()), trained.context())
    model = onnx.load(str(write_artifact(state, tmp_path)))
    assert [(entry.key, entry.value) for entry in model.metadata_props][-1] == ("opml.provider", "tensorrt")
    assert not [entry for entry in onnx.load(str(files["Onnx"][1])).metadata_props if entry.key == "opml.provider"]


def test_what_onnx_has_no_operation_for_is_refused_in_one_line(trained: Trained) -> None:
    inputs = keras.Input((16, 16, 3), dtype="uint8")
    x = keras.layers.Dense(1)(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.ops.erfinv(keras.layers.Flatten()(x))
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))
    with pytest.raises(TechniqueError, match="onnx: ONNX has no operation for Erfinv") as caught:
        Onnx().apply(ModelState(model), trained.context())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["tf2onnx", "onnx"])
def test_without_the_extra_the_error_names_it(trained: Trained, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingDependencyError, match=rf"technique onnx needs the package {missing}: .*\[onnx\]"):
        Onnx().apply(ModelState(trained.load()), trained.context())


def test_without_the_extra_an_onnx_file_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError, match=r"onnxruntime: pip install 'pytest-opml\[onnx\]'"):
        OnnxRuntime(tmp_path / "cat.onnx", threads=1)
