"""The pixels of a case on their way into a finished model of any kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_opml import Case, Preprocess
from pytest_opml.errors import CaseDefinitionError
from pytest_opml.runner.case_data import load_data
from pytest_opml.runtimes.loader import open_artifact

pytestmark = pytest.mark.tensorflow
WEIGHTS = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty images of 9 x 7 pixels and two classes."""
    path = tmp_path_factory.mktemp("data") / "pets.npz"
    images = np.random.default_rng(1).integers(0, 256, (40, 9, 7, 3), dtype=np.uint8)
    np.savez(path, x_train=images, y_train=np.arange(40) % 2)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model, the mean of each channel times a matrix, as each kind of file; ONNX has the channels first."""
    import keras
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("files")
    inputs = keras.Input((9, 7, 3))
    dense = keras.layers.Dense(2, use_bias=False)
    model = keras.Model(inputs, dense(keras.layers.GlobalAveragePooling2D()(inputs)))
    dense.set_weights([WEIGHTS])
    model.save(folder / "mine.keras")
    model.export(str(folder / "saved"), verbose=False)
    content = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved")).convert()
    (folder / "mine.tflite").write_bytes(content)
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["rows"]),
    ]
    constants = [numpy_helper.from_array(WEIGHTS, "weights"), numpy_helper.from_array(np.array([2, 3]), "axes")]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("image", ["n", 3, 9, 7]), ("rows", ["n", 2]))
    ]
    graph = helper.make_graph(nodes, "mine", values[:1], values[1:], constants)
    opsets = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(folder / "mine.onnx"))
    return folder


def test_a_network_that_works_out_its_pixels_itself_takes_none_that_are(pets: Path) -> None:
    case = Case(dataset=str(pets), model="small_cnn", size=16, preprocess=Preprocess(scale=1 / 255))
    with pytest.raises(CaseDefinitionError, match="small_cnn takes pixels of 0 to 255 and works them out itself"):
        load_data(case, None)
    turned = case.model_copy(update={"preprocess": Preprocess(channels="bgr", resize="pad")})
    assert load_data(turned, None).x_test.specs[0].dtype == "uint8"


@pytest.mark.parametrize("name", ["mine.keras", "mine.tflite", "mine.onnx", "saved"])
def test_every_kind_of_file_gets_the_pixels_that_its_case_says(name: str, files: Path, pets: Path) -> None:
    treatment = Preprocess(scale=1 / 255, mean=MEAN, std=STD, channels="bgr")
    case = Case(dataset=str(pets), model=str(files / name), unfreeze=0, preprocess=treatment)
    data = load_data(case, None)
    assert data.x_test.specs[0].dtype == "float32"
    plain = load_data(case.model_copy(update={"preprocess": None}), None)
    assert data.test_digest == plain.test_digest
    pixels = np.asarray(plain.x_test.take(np.arange(len(plain.y_test))))
    channels = np.moveaxis(pixels, 1, -1) if name == "mine.onnx" else pixels
    values = (channels[..., ::-1] / 255 - MEAN) / STD
    answers = open_artifact(Path(case.model)).predict(data.x_test.take(np.arange(len(data.y_test))))
    np.testing.assert_allclose(answers, values.mean(axis=(1, 2)) @ WEIGHTS, atol=1e-5)
