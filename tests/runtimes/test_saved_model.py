from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pytest_opml.errors import ModelFileError
from pytest_opml.measure.sizes import measure_file
from pytest_opml.runtimes.loader import open_artifact
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
            return {f"rows{index}": rows for index in range(outputs)}

    return Mean()


def saved(path: Path, made: tf.Module, signature: str = "serving_default") -> Path:
    tf.saved_model.save(made, str(path), signatures={signature: made.answer})
    return path


def test_a_saved_model_gives_what_keras_gives(folder: Path, trained: Trained) -> None:
    runtime = open_artifact(folder, threads=2)
    assert (runtime.name, runtime.image_size) == ("tensorflow", 16)
    assert np.allclose(runtime.predict(trained.x_test), trained.load().predict(trained.x_test, verbose=0), atol=1e-4)
    assert runtime.parameters == trained.load().count_params()


def test_a_batch_of_one_is_looped_over(tmp_path: Path) -> None:
    runtime = open_artifact(saved(tmp_path / "m", module([1, 8, 8, 3], tf.float32)), threads=2)
    images = np.random.default_rng(1).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    assert np.allclose(runtime.predict(images), images.mean(axis=(1, 2)), rtol=1e-4)


def test_its_size_is_that_of_its_files(folder: Path) -> None:
    found = measure_file(folder)
    assert found.size_bytes == sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    assert 0 < found.deflated_bytes < found.size_bytes
    (folder / "assets" / "note.txt").write_text("new", "utf-8")
    assert measure_file(folder).sha256 != found.sha256


@pytest.mark.parametrize(
    ("shape", "dtype", "outputs", "words"),
    [
        ([None, 8, 8, 3], tf.float32, 2, "1 inputs and 2 outputs"),
        ([None, 8, 8, 1], tf.float32, 1, r"float32 \(None, 8, 8, 1\)"),
        ([None, 8, 8, 3], tf.int64, 1, "int64"),
        ([4, 8, 8, 3], tf.float32, 1, "a batch of exactly 4"),
    ],
)
def test_what_takes_no_images_is_refused(
    tmp_path: Path, shape: list[int | None], dtype: tf.DType, outputs: int, words: str
) -> None:
    path = saved(tmp_path / "m", module(shape, dtype, outputs=outputs))
    with pytest.raises(ModelFileError, match=words):
        open_artifact(path, threads=2)


def test_another_signature_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "m", module([None, 8, 8, 3], tf.float32), "mine")
    with pytest.raises(ModelFileError, match="has no signature serving_default; it has: mine"):
        open_artifact(path, threads=2)


def test_a_damaged_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"torn")
    with pytest.raises(ModelFileError, match="not a SavedModel that TensorFlow can load") as caught:
        open_artifact(tmp_path, threads=2)
    assert "\n" not in str(caught.value)
