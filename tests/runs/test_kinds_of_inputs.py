"""Inputs of each kind from their data to the files that techniques write, and what their runtimes answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

from pytest_opml.case import Case
from pytest_opml.datasets.raw import RawData
from pytest_opml.errors import TechniqueError
from pytest_opml.models.heads import figure, in_rows
from pytest_opml.runtimes.loader import open_artifact
from tests.support.workbench import Workbench

HERE = "tests.runs.test_kinds_of_inputs"


def grey_images(_: Path | None) -> RawData:
    """Handwritten digits at the size of MNIST's, in grey."""
    digits = load_digits()
    images = np.pad(np.kron(digits.images[:600] * 15.9, np.ones((3, 3))), ((0, 0), (2, 2), (2, 2)))
    return RawData(images[..., None].astype(np.uint8), digits.target[:600])


def raw_table(_: Path | None) -> RawData:
    """Columns of very different ranges: of one the figures are below 0.04, of another up to 4,254."""
    rows, labels = load_breast_cancer(return_X_y=True)
    return RawData(rows.astype(np.float32), labels, ("malignant", "benign"))


def table(_: Path | None) -> RawData:
    raw = raw_table(_)
    return raw._replace(inputs=(raw.inputs - raw.inputs.mean(axis=0)) / raw.inputs.std(axis=0))


def sentences(_: Path | None) -> RawData:
    """Ids of words, of which 1 to 9 are kind and 10 to 18 are not; a sentence is what most of its words are."""
    random = np.random.default_rng(0)
    kind = random.random(600) < 0.5
    ids = random.integers(19, 200, (600, 12))
    ids[:, :4] = random.integers(1, 10, (600, 4)) + 9 * ~kind[:, None]
    return RawData(random.permuted(ids, axis=1).astype(np.int32), kind.astype(np.int64), ("unkind", "kind"))


def image_and_row(_: Path | None) -> RawData:
    """The upper half of a digit as an image, and the lower half as a row of figures."""
    digits = load_digits()
    halves = digits.images[:600, :4], digits.images[:600, 4:].reshape(600, -1)
    return RawData(
        {"lower": halves[1].astype(np.float32) - 8, "upper": (halves[0][..., None] * 15.9).astype(np.uint8)},
        digits.target[:600],
    )


def progression(_: Path | None) -> RawData:
    rows, targets = load_diabetes(return_X_y=True)
    return RawData((rows * 20).astype(np.float32), targets.astype(np.float32), task="regression")


def convolutions(keras: Any, *, inputs: Any) -> Any:
    layers = keras.layers
    x = layers.Conv2D(16, 3, 2, activation="relu")(layers.Rescaling(1 / 255)(inputs))
    return layers.Flatten()(layers.Conv2D(16, 3, 2, activation="relu")(x))


def dense(keras: Any, *, inputs: Any) -> Any:
    x = keras.layers.BatchNormalization(momentum=0.7)(inputs)
    return keras.layers.Dense(32, activation="relu")(x)


def words(keras: Any, *, inputs: Any) -> Any:
    x = keras.layers.Embedding(200, 8)(inputs)
    return keras.layers.Dense(16, activation="relu")(keras.layers.GlobalAveragePooling1D()(x))


def both(keras: Any, *, inputs: Any) -> Any:
    layers = keras.layers
    upper = layers.Conv2D(16, 3, activation="relu")(layers.Rescaling(1 / 255)(inputs["upper"]))
    lower = layers.Dense(16, activation="relu")(inputs["lower"])
    return layers.Dense(32, activation="relu")(layers.Concatenate()([layers.Flatten()(upper), lower]))


class Answered(NamedTuple):
    """What a file is, what it answers for the test part, and how right that is."""

    path: Path
    answers: npt.NDArray[np.float32]
    quality: float


def answered(
    workbench: Workbench, data: str, model: str, technique: str, epochs: int, recipe: str = "standard"
) -> Answered:
    case = Case(
        dataset=f"{HERE}:{data}",
        model=f"{HERE}:{model}",
        technique=technique,
        weights="none",
        unfreeze="all",
        epochs=epochs,
        batch=8,
        recipe=recipe,
    )
    builder = workbench.builder(case)
    path, split = builder.make().path, builder.data
    runtime = open_artifact(path)
    answers = np.concatenate([runtime.predict(batch) for batch in split.x_test.batches(64)])
    return Answered(path, answers, figure(split.task, answers, in_rows(split.task, split.y_test)))


@pytest.mark.parametrize(
    ("data", "model", "epochs", "least"),
    [
        ("grey_images", "convolutions", 8, 0.85),
        ("table", "dense", 6, 0.9),
        ("sentences", "words", 8, 0.9),
        ("image_and_row", "both", 8, 0.8),
    ],
)
def test_each_kind_of_input_goes_through_each_kind_of_file(
    workbench: Workbench, data: str, model: str, epochs: int, least: float
) -> None:
    files = {
        name: answered(workbench, data, model, name, epochs) for name in ("baseline", "int8", "onnx", "cluster-64")
    }
    baseline = files["baseline"]
    assert baseline.quality > least
    assert [file.path.suffix for file in files.values()] == [".keras", ".tflite", ".onnx", ".keras"]
    assert np.abs(files["onnx"].answers - baseline.answers).max() < 1e-4
    for name in ("int8", "cluster-64"):
        assert files[name].quality > baseline.quality - 0.05, name
        assert np.abs(files[name].answers - baseline.answers).max() > 0


def test_columns_that_8_bits_cannot_tell_apart_are_refused_and_tuning_leaves_them_in_float(
    workbench: Workbench,
) -> None:
    # of what the standard recipe trains, 8 bits leave a difference or two
    baseline, tuned = (
        answered(workbench, "raw_table", "dense", name, 6, "paper") for name in ("baseline", "int8-tuned")
    )
    with pytest.raises(TechniqueError, match="int8: gives the same answer for each of 64 training inputs"):
        answered(workbench, "raw_table", "dense", "int8", 6, "paper")
    assert tuned.quality > baseline.quality - 0.05


def test_a_regression_is_tuned_and_distilled(workbench: Workbench) -> None:
    chains = ("baseline", "int8-tuned,drop=0.05", f"distill:{HERE}:dense,epochs=2")
    files = {chain: answered(workbench, "progression", "dense", chain, 10) for chain in chains}
    baseline, tuned, distilled = files.values()
    assert baseline.quality > 0.2
    assert tuned.quality > baseline.quality - 0.1
    assert distilled.quality > baseline.quality - 0.2
