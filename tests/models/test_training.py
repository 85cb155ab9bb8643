from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pytest_opml.case import Case
from pytest_opml.datasets.input_set import InputSet
from pytest_opml.datasets.sources import ArraySource
from pytest_opml.datasets.splits import Split
from pytest_opml.errors import TrainingError
from pytest_opml.models import training, unfreeze
from pytest_opml.models.classifier import build_classifier
from pytest_opml.models.fine_tuning import FineTuningPlan, fine_tune
from pytest_opml.models.learner import Teacher
from pytest_opml.models.normalization import normalizations
from pytest_opml.models.streams import predict
from pytest_opml.tensors import Task
from tests.conftest import Trained
from tests.support.inputs import image_spec, prepared

MakeCase = Callable[..., Case]
layers = keras.layers


@pytest.mark.parametrize("top", [1, 2, 3, 4])
def test_computing_features_once_gives_what_full_passes_give(
    make_case: MakeCase, top: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_case(unfreeze=top)
    data = prepared(case)
    once, record = training.train(case, data)
    monkeypatch.setattr(unfreeze, "_MAX_FEATURE_BYTES", 0)
    full, full_record = training.train(case, data)
    assert (record.training_mode, full_record.training_mode) == ("features_once", "full_forward")
    for one, other in zip(once.get_weights(), full.get_weights(), strict=True):
        assert np.allclose(one, other, atol=1e-3)
    assert record.epochs[-1].test_accuracy == pytest.approx(full_record.epochs[-1].test_accuracy, abs=0.01)


def test_frozen_layers_keep_their_weights_and_trained_ones_do_not(make_case: MakeCase) -> None:
    case = make_case(unfreeze=2)
    before = build_classifier(case, image_spec(16), keras)
    after, record = training.train(case, prepared(case))
    changed = {
        layer.name
        for layer, new in zip(before.layers, after.layers, strict=True)
        if any(not np.array_equal(a, b) for a, b in zip(layer.get_weights(), new.get_weights(), strict=True))
    }
    assert changed == set(record.trained_layers) == {"third_bn", "head_dense"}


def test_each_epoch_leaves_both_accuracies(trained: Trained) -> None:
    epochs = trained.training.epochs
    assert len(epochs) == trained.case.epochs
    assert epochs[-1].test_accuracy > epochs[0].test_accuracy
    predicted = trained.load().predict(trained.x_test, verbose=0).argmax(axis=1)
    assert epochs[-1].test_accuracy == pytest.approx(np.mean(predicted == trained.data.y_test))


def test_what_is_not_trained_needs_no_devices(trained: Trained) -> None:
    case = trained.case.model_copy(update={"model": str(trained.model_file), "unfreeze": 0, "devices": 64})
    _, record = training.train(case, trained.data)
    assert (record.training_mode, record.devices) == ("none", 1)


def test_training_the_whole_network_runs_all_of_it_in_every_epoch(trained: Trained) -> None:
    record = trained.training
    assert (record.training_mode, record.policy) == ("full_forward", "float32")
    assert record.training_s > 0
    trainable = sum(int(np.prod(v.shape)) for v in trained.load().trainable_variables)
    assert record.trained_parameters == trainable


@pytest.mark.parametrize(("top", "views"), [("all", 0), (2, 4)])
def test_augmented_images_and_mixed_labels_are_learnt(top: Any, views: int, make_case: MakeCase) -> None:
    case = make_case(unfreeze=top, augment="crop+mixup", epochs=3, patience=3, learning_rate=3e-3)
    _, record = training.train(case, prepared(case))
    assert record.recipe is not None
    assert (record.recipe.views, record.recipe.augment, record.recipe.held_out) == (views, ("crop", "mixup"), 119)
    assert record.recipe.best_epoch == 3
    assert record.epochs[-1].test_accuracy > 0.6


def test_statistics_that_were_there_before_training_are_kept(trained: Trained) -> None:
    case = trained.case.model_copy(
        update={"model": str(trained.model_file), "epochs": 1, "weights": "imagenet", "head_epochs": 1}
    )
    before = {layer.name: layer.moving_mean.numpy() for layer in normalizations(trained.load())}
    model, record = training.train(case, trained.data)
    after = {layer.name: layer.moving_mean.numpy() for layer in normalizations(model)}
    assert record.recipe is not None
    assert (record.recipe.fixed_statistics, record.recipe.head_epochs) == (2, 1)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert record.epochs[-1].test_accuracy > 0.9
    paper, record = training.train(case.model_copy(update={"recipe": "paper", "head_epochs": None}), trained.data)
    assert record.recipe is not None
    assert (record.recipe.name, record.recipe.optimizer, record.recipe.fixed_statistics) == ("paper", "adam", 0)
    assert not np.array_equal(normalizations(paper)[0].moving_mean, before["second_bn"])


def table(task: Task) -> Split:
    """Two inputs that decide together: 600 rows of four figures, and one of three words."""
    random = np.random.default_rng(0)
    rows, words = random.normal(300, 90, (600, 4)).astype(np.float32), random.integers(0, 3, 600)
    strength = (rows[:, 0] - 300) / 90 + words
    labels = {
        "classification": (strength > 1).astype(np.int64),
        "multilabel": np.stack([strength > 1, rows[:, 1] > 300], axis=1).astype(np.uint8),
        "regression": (1e5 + 2e4 * strength).astype(np.float32),
    }[task]
    classes = ("price",) if task == "regression" else ("no", "yes")
    inputs = InputSet({"rows": ArraySource(rows), "word": ArraySource(np.array(["red", "green", "blue"])[words])})
    return Split(inputs, labels, inputs, labels, classes, task, {}, "", "")


def two_inputs(keras: Any, inputs: dict[str, Any], *, weights: str) -> Any:
    assert weights == "none"
    scale = layers.Normalization(name="scale")
    scale.adapt(table("regression").x_train.take(range(600))["rows"])
    word = layers.StringLookup(vocabulary=["red", "green", "blue"], output_mode="one_hot")(inputs["word"])
    x = layers.Concatenate()([scale(inputs["rows"]), keras.ops.cast(word, "float32")])
    return layers.Dense(32, activation="relu", name="mix")(x)


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_a_builder_that_is_given_inputs_learns_each_task(task: Task, make_case: MakeCase) -> None:
    data, name = table(task), f"{__name__}:two_inputs"
    case = make_case(model=name, unfreeze="all", epochs=8, batch=16)
    model, record = training.train(case, data)
    assert record.trained_layers == ("mix", "head_dense")
    assert record.epochs[-1].test_accuracy > 0.85
    assert record.epochs[-1].test_accuracy == pytest.approx(record.epochs[-1].train_accuracy, abs=0.1)
    answers = predict(model, data.x_test, 16)
    assert answers.shape == (600, 1 if task == "regression" else 2)
    if task == "regression":  # in the figures of the data, not in those of training
        error = np.mean((answers[:, 0] - data.y_test) ** 2) / np.var(data.y_test)
        assert 1 - error == pytest.approx(record.epochs[-1].test_accuracy, abs=1e-3)
    plan = FineTuningPlan(epochs=1, batch=16, seed=0, learning_rate=1e-3, task=task, teacher=Teacher(model))
    before, after = fine_tune(model, data.x_train, data.y_train, plan).losses
    assert after < 1.1 * before


def test_a_frozen_part_of_two_inputs_is_computed_once(make_case: MakeCase) -> None:
    data = table("classification")
    model, record = training.train(make_case(model=f"{__name__}:two_inputs", unfreeze=1, batch=16), data)
    assert (record.training_mode, record.trained_layers) == ("features_once", ("head_dense",))
    plan = FineTuningPlan(epochs=1, batch=16, seed=0, learning_rate=1e-3, top=1)
    assert fine_tune(model, data.x_train, data.y_train, plan).seconds > 0


@keras.saving.register_keras_serializable("tests")
class OwnNoise(layers.Layer):
    """Random in training, by means that nothing outside of it can see."""

    def call(self, x: Any, training: bool = False) -> Any:
        return x + tf.random.normal(tf.shape(x)) if training else x


@keras.saving.register_keras_serializable("tests")
class OwnDouble(layers.Layer):
    def call(self, x: Any) -> Any:
        return 2 * x


@pytest.mark.parametrize(("own", "mode"), [(OwnNoise, "full_forward"), (OwnDouble, "features_once")])
def test_a_layer_of_the_users_own_that_is_random_in_training_runs_in_every_epoch(
    own: Any, mode: str, make_case: MakeCase, tmp_path: Path
) -> None:
    inputs = keras.Input((16, 16, 3))
    x = own()(layers.Conv2D(4, 3, name="conv")(layers.Rescaling(1 / 255)(inputs)))
    keras.Model(inputs, layers.Dense(10)(layers.Flatten()(x))).save(tmp_path / "own.keras")
    case = make_case(model=str(tmp_path / "own.keras"), unfreeze=1, epochs=1)
    assert training.train(case, prepared(case))[1].training_mode == mode


def test_a_layer_that_no_gradient_reaches_is_an_error(make_case: MakeCase, tmp_path: Path) -> None:
    inputs = keras.Input((16, 16, 3))
    x = layers.Dense(8, name="cut_off")(layers.Flatten()(layers.Rescaling(1 / 255)(inputs)))
    keras.Model(inputs, layers.Dense(10)(keras.ops.floor(x))).save(tmp_path / "floor.keras")
    case = make_case(model=str(tmp_path / "floor.keras"), unfreeze=2, epochs=1)
    with pytest.raises(TrainingError, match="did not change layer cut_off, which unfreeze counts"):
        training.train(case, prepared(case))


@pytest.mark.parametrize("activation", ["softmax", None, "sigmoid"])
def test_a_finished_file_is_tuned_by_the_loss_of_what_it_ends_in(
    activation: str | None, trained: Trained, tmp_path: Path
) -> None:
    layer = layers.Dense(10, activation=activation)
    keras.Sequential([keras.Input((16, 16, 3)), layers.Rescaling(1 / 255), layers.Flatten(), layer]).save(
        tmp_path / "end.keras"
    )
    case = trained.case.model_copy(update={"model": str(tmp_path / "end.keras"), "unfreeze": 0})
    model = build_classifier(case, trained.data.spec, keras)
    data = trained.data
    plan = FineTuningPlan(epochs=4, batch=32, seed=0, learning_rate=3e-3)
    fine_tune(model, data.x_train, data.y_train, plan)
    assert np.mean(predict(model, data.x_test, 256).argmax(1) == data.y_test) > 0.8
