from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from pytest_opml import registry
from pytest_opml.errors import CaseDefinitionError, ModelFileError
from pytest_opml.models import applications
from pytest_opml.models.applications import APPLICATIONS

# layers of the paper's Table 1: the network with its pooling, without our layer for the preprocessing
LAYERS = {"resnet50": 176, "resnet101": 346, "efficientnetb0": 238}
MEGABYTES = {"vgg16": 59, "vgg19": 80, "efficientnetb0": 16, "resnet50": 94.4}
LIGHT = ("resnet50", "mobilenetv2", "mobilenetv3small", "efficientnetb0", "vgg16")


@pytest.fixture(scope="module")
def pixels() -> Any:
    return np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)


def test_every_network_is_declared_under_its_name() -> None:
    assert len(APPLICATIONS) == 29
    for name, application in APPLICATIONS.items():
        assert getattr(applications, name) is application
        assert name in registry.names("model")
        assert hasattr(keras.applications, application.class_name)
        assert hasattr(tf_keras.applications, application.class_name)


@pytest.mark.parametrize("name", ["resnet50", "resnet101", "efficientnetb0", "vgg16", "vgg19"])
def test_layers_and_sizes_are_those_of_the_paper(name: str) -> None:
    model = APPLICATIONS[name](keras, 32, 3, weights="none")
    ours = sum(layer.name == "preprocess" for layer in model.layers)
    if name in LAYERS:
        assert len(model.layers) - ours == LAYERS[name]
    if name in MEGABYTES:
        assert model.count_params() * 4 / 1e6 == pytest.approx(MEGABYTES[name], abs=0.5)


@pytest.mark.parametrize("module", [keras, tf_keras])
@pytest.mark.parametrize("name", LIGHT)
def test_pixels_give_pooled_features_under_both_versions(name: str, module: Any, pixels: Any) -> None:
    model = APPLICATIONS[name](module, 32, 3, weights="none")
    features = np.asarray(model(pixels))
    assert model.inputs[0].dtype == "uint8"
    assert features.shape == (3, model.output_shape[1])
    assert np.isfinite(features).all()


@pytest.mark.parametrize(
    ("name", "package"), [("vgg16", "vgg16"), ("resnet50v2", "resnet_v2"), ("densenet121", "densenet")]
)
def test_preprocessing_is_that_of_keras(name: str, package: str, pixels: Any, tmp_path: Path) -> None:
    application = APPLICATIONS[name]
    original = getattr(keras.applications, application.class_name)(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
    )
    original.save_weights(tmp_path / "w.weights.h5")
    ours = application(keras, 32, 3, weights=str(tmp_path / "w.weights.h5"))
    preprocess = getattr(keras.applications, package).preprocess_input
    expected = np.asarray(original(preprocess(pixels.astype(np.float32))))
    np.testing.assert_allclose(np.asarray(ours(pixels)), expected, rtol=1e-4, atol=1e-4)


def test_the_preprocessing_survives_the_file_and_tflite(pixels: Any, tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    inputs = keras.Input((32, 32, 3), dtype="uint8")
    model = keras.Model(inputs, applications._preprocessed(keras, inputs, "torch"))
    expected = np.asarray(model(pixels))
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(np.asarray(keras.saving.load_model(tmp_path / "m.keras")(pixels)), expected)
    interpreter = Interpreter(model_content=tf.lite.TFLiteConverter.from_keras_model(model).convert())
    given, found = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(given["index"], pixels.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], pixels)
    interpreter.invoke()
    np.testing.assert_allclose(interpreter.get_tensor(found["index"]), expected, rtol=1e-5, atol=1e-5)


def test_images_that_are_too_small_are_refused() -> None:
    with pytest.raises(CaseDefinitionError, match="size = 31: vgg16 takes images of 3 channels and at least 32 pixels"):
        applications.vgg16(keras, 31, 3, weights="none")


@pytest.mark.parametrize(
    "name",
    ["vgg16", "vgg19", "resnet50", "mobilenetv2", "mobilenetv3small", "efficientnetb0", "efficientnetv2b0"],
)
def test_without_a_network_the_file_to_provide_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    origins: list[str] = []

    def no_network(file: str, origin: str, *_: Any, **__: Any) -> str:
        asked.append(file)
        origins.append(origin)
        raise Exception("URL fetch failure\non the second line")  # noqa: TRY002 - as Keras does

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", no_network)
    with pytest.raises(ModelFileError, match="no ImageNet weights: URL fetch failure") as caught:
        APPLICATIONS[name](keras, 32, 3, weights="imagenet")
    assert f"put {asked[0]} into {tmp_path / 'models'}" in str(caught.value)
    assert origins == [APPLICATIONS[name].url(32)]
    assert "\n" not in str(caught.value)


def test_downloaded_weights_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pixels: Any) -> None:
    source = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg")
    file = tmp_path / "vgg16.weights.h5"
    source.save_weights(file)
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(file))
    ours = applications.vgg16(keras, 32, 3, weights="imagenet")
    expected = np.asarray(source(keras.applications.vgg16.preprocess_input(pixels.astype(np.float32))))
    np.testing.assert_allclose(np.asarray(ours(pixels)), expected, rtol=1e-4, atol=1e-4)


def test_a_wrong_weights_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "junk.h5").write_bytes(b"junk")
    applications.mobilenetv3small(keras, 32, 3, weights="none").save_weights(tmp_path / "other.weights.h5")
    (tmp_path / "efficientnetb0_notop.h5").write_bytes(b"")
    for file, reason in [
        ("none.h5", "no such weights file"),
        ("junk.h5", "not the weights of vgg16"),
        ("other.weights.h5", "not the weights of vgg16"),
    ]:
        with pytest.raises(ModelFileError, match=reason) as caught:
            applications.vgg16(keras, 32, 3, weights=str(tmp_path / file))
        assert "\n" not in str(caught.value)
    with pytest.raises(ModelFileError, match="write weights='imagenet'"):
        applications.efficientnetb0(keras, 32, 3, weights=str(tmp_path / "efficientnetb0_notop.h5"))


def test_weights_that_were_downloaded_for_any_size_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert not any(application.weights_files() for application in APPLICATIONS.values())
    (tmp_path / "models").mkdir()
    files = [APPLICATIONS["vgg16"].weights_file(224), *map(APPLICATIONS["mobilenetv2"].weights_file, (96, 160))]
    for file in files:
        file.touch()
    found = {name: paths for name, application in APPLICATIONS.items() if (paths := application.weights_files())}
    assert found == {"vgg16": files[:1], "mobilenetv2": sorted(files[1:])}
