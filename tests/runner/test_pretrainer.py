from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_opml.case import Case
from pytest_opml.errors import CaseDefinitionError, StorageError
from pytest_opml.models.pretrained import check_weights, find_weights, weights_file
from pytest_opml.progress import Progress
from pytest_opml.records.result import Training
from pytest_opml.runner import pretrainer
from pytest_opml.runner.case_data import load_data
from pytest_opml.runner.launchers.base import ProcessLimits, WorkerFailed
from pytest_opml.runner.pretrainer import DIGIT_PAIRS, Pretrainer, PretrainingPlan
from tests.support.weights import make_description, make_weights
from tests.support.workbench import InlineLauncher, Workbench

PLAN = PretrainingPlan(dataset="digits", size=8, images=600, epochs=8, batch=32)
CASE = PLAN.case("small_cnn")


@pytest.fixture
def launcher() -> InlineLauncher:
    return InlineLauncher()


@pytest.fixture
def training(workbench: Workbench, launcher: InlineLauncher, tmp_path: Path) -> Pretrainer:
    paths = replace(workbench.paths, cache_dir=tmp_path / "cache")
    return Pretrainer(launcher=launcher, options=workbench.build, paths=paths, limits=ProcessLimits(60.0, None))


def ignore(_: Progress) -> None:
    pass


def task_of(accuracy: float) -> Callable[..., Any]:
    """A task that writes a file at once."""

    def train_weights(case: Case, options: Any, paths: Any, folder: Path) -> Any:
        (folder / "network.weights.h5").write_bytes(f"{accuracy}".encode())
        digest = pretrainer.digest_file(folder / "network.weights.h5")
        return make_description(case.model, digest, accuracy=accuracy)

    return train_weights


def test_a_network_is_trained_from_scratch_and_a_case_starts_from_it(
    training: Pretrainer, workbench: Workbench
) -> None:
    weights, is_new = training.run(CASE, ignore, is_anew=False)
    assert is_new
    assert weights == find_weights("small_cnn", training.paths.cache_dir)
    assert (weights.dataset, weights.classes, weights.size, weights.epochs) == ("digits", 10, 8, 8)
    assert (weights.examples, weights.test_examples) == (400, 200)
    assert weights.accuracy > 0.5
    check_weights(weights_file("small_cnn", training.paths.cache_dir))

    from pytest_opml.runner.tasks import _prepared

    case = Case(dataset="digits", model="small_cnn", weights="opml", size=8, subset=300, epochs=1, batch=32)
    builder = _prepared(case, workbench.build, training.paths)
    first = builder.keys.artifact
    built = builder.make()
    assert built.training.pretrained == weights
    # the key follows the content of the file, not its place
    make_weights("small_cnn", training.paths.cache_dir, b"others")
    assert _prepared(case, workbench.build, training.paths).keys.artifact != first


def test_what_is_there_is_not_trained_again(
    training: Pretrainer, launcher: InlineLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrainer, "train_weights", task_of(0.5))
    assert training.run(CASE, ignore, is_anew=False)[1]
    monkeypatch.setattr(pretrainer, "train_weights", task_of(0.6))
    weights, is_new = training.run(CASE, ignore, is_anew=False)
    assert (weights.accuracy, is_new, len(launcher.ran)) == (0.5, False, 1)
    weights, is_new = training.run(CASE, ignore, is_anew=True)
    assert (weights.accuracy, is_new, len(launcher.ran)) == (0.6, True, 2)
    assert find_weights("small_cnn", training.paths.cache_dir) == weights


def test_who_waited_for_another_process_takes_what_that_has_trained(
    training: Pretrainer, launcher: InlineLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = iter([None, make_description("small_cnn", "0" * 64)])
    monkeypatch.setattr(pretrainer, "find_weights", lambda *_: next(asked))
    assert training.run(CASE, ignore, is_anew=False) == (make_description("small_cnn", "0" * 64), False)
    assert launcher.ran == []


@pytest.mark.parametrize("end", [KeyboardInterrupt(), WorkerFailed("timeout", "no result", "")])
def test_what_ends_early_stores_nothing_and_leaves_what_was_there(
    end: BaseException, training: Pretrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make_weights("small_cnn", training.paths.cache_dir, b"old")

    def run(*_: Any, **__: Any) -> Any:
        raise end

    monkeypatch.setattr(InlineLauncher, "run", run)
    with pytest.raises(type(end)):
        training.run(CASE, ignore, is_anew=True)
    assert check_weights(file) == find_weights("small_cnn", training.paths.cache_dir)
    assert sorted(path.name for path in file.parent.iterdir() if path.suffix != ".lock") == [
        "small_cnn.json",
        "small_cnn.weights.h5",
    ]


def test_a_network_that_has_not_learned_is_told_and_not_stored(
    training: Pretrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = {"training_s": 1.0, "training_mode": "full_forward", "trained_layers": (), "trained_parameters": 1}
    epochs = [{"train_accuracy": 0.9, "test_accuracy": 0.2}]
    untaught = Training.model_validate(figures | {"learning_rate": 0.1, "epochs": epochs})
    monkeypatch.setattr("pytest_opml.models.training.train", lambda *_: (None, untaught))
    with pytest.raises(WorkerFailed) as caught:
        training.run(CASE, ignore, is_anew=False)
    assert str(caught.value) == (
        "small_cnn has not learned: it answers 20.0% of 200 test images right, where guessing gives 10.0%; its weights "
        "are not stored: give it more --epochs or --images"
    )
    assert find_weights("small_cnn", training.paths.cache_dir) is None


def test_networks_are_trained_on_classes_alone(training: Pretrainer, tmp_path: Path) -> None:
    labels = np.linspace(0, 1, 12, dtype=np.float32)
    np.savez(tmp_path / "r.npz", x_train=np.zeros((12, 8, 8, 3), np.uint8), y_train=labels)
    case = PretrainingPlan(dataset=str(tmp_path / "r.npz"), size=8).case("small_cnn")
    with pytest.raises(WorkerFailed, match="networks are pretrained on classes, and its task is regression") as caught:
        training.run(case, ignore, is_anew=False)
    assert caught.value.kind == "usage"


def test_a_network_without_normalisation_starts_from_weights_by_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    def build(keras: Any, size: int, channels: int, *, weights: str) -> Any:
        image = keras.Input((size, size, channels))
        x = keras.layers.Conv2D(4, 3, activation="relu")(image)
        return keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))

    data = load_data(CASE, None)
    assert pretrainer._with_start(CASE, data, tmp_path / "start.weights.h5") is CASE
    monkeypatch.setattr(pretrainer.registry, "get", lambda *_: build)
    case = pretrainer._with_start(CASE, data, tmp_path / "start.weights.h5")
    assert (case.weights, case.layer_decay, case.head_epochs) == (str(tmp_path / "start.weights.h5"), 1.0, 0)
    model = build(keras, 8, 3, weights="none")
    model.load_weights(case.weights)
    kernel, offset = model.get_weights()
    images = data.x_train.take(range(128)).astype("float32")
    linear = keras.ops.convert_to_numpy(keras.ops.conv(images, kernel)) + offset
    assert abs(linear.mean(axis=(0, 1, 2))).max() < 1e-3
    assert abs(linear.std(axis=(0, 1, 2)) - 1).max() < 1e-2


def test_wrong_input_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(CaseDefinitionError, match="unknown dataset 'cifar'"):
        PretrainingPlan(dataset="cifar").case("resnet50")
    assert PretrainingPlan(dataset=DIGIT_PAIRS).case("resnet50").weights == "none"


def test_a_folder_that_cannot_be_written_is_one_line(training: Pretrainer, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(StorageError, match=r"paper-weights: cannot be written: Not a directory; set --cache-dir"):
        training.run(CASE, ignore, is_anew=True)
