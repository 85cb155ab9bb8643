from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pytest_opml.errors import ModelFileError
from pytest_opml.measure.sizes import measure_file
from pytest_opml.runtimes.loader import open_artifact, read_signature
from pytest_opml.tensors import TensorSpec
from tests.conftest import Trained


@pytest.fixture(scope="module")
def folder(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "model"
    trained.load().export(str(path), verbose=False)
    return path


def module(shape: list[int | None], dtype: tf.DType, *, outputs: int = 1) -> tf.Module:
    class Mean(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec(shape, dtype, name="image")])
        def answer(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
            rows = tf.reduce_mean(tf.cast(image, tf.float32), axis=[1, 2])
            return {f"rows{index}": rows + index for index in range(outputs)}

    return Mean()


class Two(tf.Module):
    """The length of a text, and numbers."""

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.string, name="text"), tf.TensorSpec([None, 2], tf.int32, name="ids")]
    )
    def answer(self, text: tf.Tensor, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"rows": tf.concat([tf.strings.length(text)[:, None], ids], axis=1)}


def saved(path: Path, answering: tf.Module, signature: str = "serving_default") -> Path:
    tf.saved_model.save(answering, str(path), signatures={signature: answering.answer})
    return path


def test_a_saved_model_gives_what_keras_gives(folder: Path, trained: Trained) -> None:
    runtime = open_artifact(folder, threads=2)
    assert runtime.name == "tensorflow"
    assert [(spec.shape, spec.dtype) for spec in runtime.signature.inputs] == [((16, 16, 3), "uint8")]
    assert np.allclose(runtime.predict(trained.x_test), trained.load().predict(trained.x_test, verbose=0), atol=1e-4)
    assert runtime.parameters == trained.load().count_params()


@pytest.mark.parametrize(("examples", "dtype"), [(1, tf.float32), (4, tf.float32), (None, tf.int64)])
def test_any_batch_is_answered(tmp_path: Path, examples: int | None, dtype: tf.DType) -> None:
    runtime = open_artifact(saved(tmp_path / "m", module([examples, 8, 8, 3], dtype)), threads=2)
    images = np.random.default_rng(1).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    assert np.allclose(runtime.predict(images), images.mean(axis=(1, 2)), rtol=1e-4)
    assert np.allclose(runtime.predict(images[:1]), images[:1].mean(axis=(1, 2)), rtol=1e-4)


def test_inputs_and_outputs_are_called_by_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "two", Two())
    assert read_signature(path).inputs == (TensorSpec("ids", (2,), "int32"), TensorSpec("text", (), "string"))
    examples = {"Text": np.array(["four", "to"]), "ids": np.array([[1, 2], [3, 4]])}
    assert open_artifact(path, threads=2).predict(examples).tolist() == [[4, 1, 2], [2, 3, 4]]
    path = saved(tmp_path / "m", module([None, 8, 8, 1], tf.float32, outputs=2))
    assert open_artifact(path, threads=2, output="rows1").predict(np.ones((2, 8, 8))).tolist() == [[2], [2]]
    with pytest.raises(ModelFileError, match=r"has the outputs rows0 float32 \(n, 1\), rows1 float32 \(n, 1\)"):
        open_artifact(path, threads=2)


def test_its_size_is_that_of_its_files(folder: Path) -> None:
    found = measure_file(folder)
    assert found.size_bytes == sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    assert 0 < found.deflated_bytes < found.size_bytes
    (folder / "assets" / "note.txt").write_text("new", "utf-8")
    assert measure_file(folder).sha256 != found.sha256


def test_another_signature_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "m", module([None, 8, 8, 3], tf.float32), "mine")
    for opened in (read_signature, lambda path: open_artifact(path, threads=2)):
        with pytest.raises(ModelFileError, match="has no signature serving_default; it has: mine"):
            opened(path)


@pytest.mark.parametrize("content", [b"torn", b""])
def test_a_damaged_folder_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ModelFileError, match="not a SavedModel that TensorFlow can load") as caught:
        open_artifact(tmp_path, threads=2)
    assert "\n" not in str(caught.value)
