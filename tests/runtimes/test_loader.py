from __future__ import annotations

import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from pytest_opml.errors import ModelFileError
from pytest_opml.runtimes.loader import open_artifact, read_signature
from tests.conftest import Trained


def test_a_keras_file_answers_as_the_model_does(trained: Trained) -> None:
    runtime = open_artifact(trained.model_file, threads=2)
    images = trained.x_test[:50]
    assert np.allclose(runtime.predict(images), trained.load().predict(images, verbose=0), atol=1e-4)
    assert runtime.predict(images[:1]).shape == (1, 10)
    assert (runtime.name, runtime.parameters) == ("keras", trained.load().count_params())
    assert runtime.signature == read_signature(trained.model_file)
    assert [(spec.shape, spec.dtype) for spec in runtime.signature.inputs] == [((16, 16, 3), "uint8")]


@pytest.mark.parametrize("suffix", [".keras", ".tflite"])
@pytest.mark.parametrize("content", [b"", b"this is no model, only some text", bytes(64)])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    file = tmp_path / f"model{suffix}"
    file.write_bytes(content)
    with pytest.raises(ModelFileError, match="not a ") as caught:
        open_artifact(file)
    assert "\n" not in str(caught.value)


def test_a_zip_that_is_no_keras_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.keras"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ModelFileError, match="not a Keras model"):
        open_artifact(file)


def test_a_truncated_flatbuffer_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(40))
    with pytest.raises(ModelFileError, match="not a model that LiteRT can run"):
        open_artifact(file)


def test_code_in_a_keras_file_is_not_run(tmp_path: Path) -> None:
    file, evidence = tmp_path / "model.keras", tmp_path / "evidence"
    inputs = keras.Input((2,))
    # written out, since a lambda that is saved cannot hold on to this test's variables
    leaves_a_trace = eval(f"lambda x: (__import__('pathlib').Path({str(evidence)!r}).write_text('ran'), x)[1]")
    code = keras.layers.Lambda(leaves_a_trace, output_shape=(2,))
    model = keras.Model(inputs, code(inputs))
    model.predict(np.zeros((1, 2)), verbose=0)
    evidence.unlink()  # it does leave a trace where it is run
    model.save(file)
    with pytest.raises(ModelFileError, match="can be loaded safely"):
        open_artifact(file)
    assert not evidence.exists()


def test_a_missing_file_and_an_unknown_kind_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no such model file"):
        open_artifact(tmp_path / "none.keras")
    with pytest.raises(
        ModelFileError, match=r"a folder without saved_model.pb, and without one .xml with its .bin; known: \.keras"
    ):
        open_artifact(tmp_path)


@pytest.mark.parametrize(
    ("suffix", "reason"),
    [
        (".pkl", "a pickle, which can run any code when it is opened"),
        (".pt", "a pickle"),
        (".h5", "Keras' old format; load it and save it as .keras once"),
        (".txt", "unknown kind of model file"),
        ("", "unknown kind of model file"),
    ],
)
def test_other_files_are_refused_with_the_reason_and_what_is_known(tmp_path: Path, suffix: str, reason: str) -> None:
    other = tmp_path / f"model{suffix}"
    other.write_bytes(b"x")
    for use in (read_signature, lambda path: open_artifact(path)):
        with pytest.raises(ModelFileError) as caught:
            use(other)
        assert reason in str(caught.value)
        assert str(caught.value).endswith(
            "known: .keras, .tflite, .onnx, the folder of a SavedModel or of OpenVINO's .xml and .bin"
        )
