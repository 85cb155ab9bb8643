from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tf_keras

from pytest_opml.errors import CaseDefinitionError
from pytest_opml.models.heads import (
    ENDINGS,
    TargetScale,
    ending_of,
    figure,
    labels_of_outputs,
    loss_of,
    with_head,
)
from pytest_opml.tensors import DataSpec, Task, TensorSpec

layers = keras.layers
RANDOM = np.random.default_rng(0)


def model(*parts: Any, width: int = 4) -> Any:
    x = inputs = keras.Input((width,))
    for part in parts:
        x = part(x)
    return keras.Model(inputs, x)


ENDS = [
    ("softmax", lambda: model(layers.Dense(3, activation="softmax"))),
    ("softmax", lambda: model(layers.Dense(3), layers.Softmax())),
    ("softmax", lambda: model(layers.Dense(3), keras.ops.softmax)),
    ("softmax", lambda: model(layers.Dense(3, activation=keras.ops.softmax), layers.Activation("linear"))),
    ("softmax", lambda: model(model(layers.Dense(3), layers.Activation("softmax")), layers.Reshape((3,)))),
    ("sigmoid", lambda: keras.Sequential([keras.Input((4,)), layers.Dense(1, activation="sigmoid")])),
    ("sigmoid", lambda: model(layers.Dense(1), keras.ops.sigmoid)),
    ("linear", lambda: model(layers.Dense(3))),
    ("linear", lambda: model(layers.Dense(3, activation="softmax"), layers.Rescaling(2.0))),
]


@pytest.mark.parametrize(("ending", "build"), ENDS)
def test_what_a_model_ends_in_is_read_from_its_graph(ending: str, build: Any) -> None:
    assert ending_of(build()) == ending


def test_legacy_keras_is_read_likewise() -> None:
    inputs = tf_keras.Input((4,))
    assert ending_of(tf_keras.Model(inputs, tf_keras.layers.Dense(3)(inputs))) == "linear"
    softmax = tf_keras.layers.Softmax()(tf_keras.layers.Dense(3)(inputs))
    assert ending_of(tf_keras.Model(inputs, softmax)) == "softmax"


@pytest.mark.parametrize("task", ENDINGS)
@pytest.mark.parametrize("module", [keras, tf_keras])
def test_a_new_head_is_that_of_the_task(task: Task, module: Any) -> None:
    inputs = module.Input((4,))
    built = with_head(inputs, inputs, DataSpec((TensorSpec("", (4,), "float32"),), 3, task), 0, module, "net")
    assert (built.output_shape, built.name, built.layers[-1].name) == ((None, 3), "net", "head_dense")
    assert ending_of(built) == ENDINGS[task]


def loss_at(task: Task, activation: str | None, figures: int, labels: Any, logits: Any) -> float:
    built = model(layers.Activation(activation or "linear"), width=figures)
    return float(np.mean(loss_of(built, task, keras)(labels, built(np.asarray(logits, np.float32)))))


def test_the_loss_is_the_same_for_logits_and_for_the_probabilities_that_they_stand_for() -> None:
    logits = RANDOM.normal(size=(5, 3))
    classes = np.array([0, 1, 2, 1, 0])
    expected = float(np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(5), classes]))
    assert loss_at("classification", "softmax", 3, classes, logits) == pytest.approx(expected, rel=1e-4)
    assert loss_at("classification", None, 3, classes, logits) == pytest.approx(expected, rel=1e-4)
    # of two classes with one figure, and of labels
    one, binary = logits[:, :1], classes % 2
    expected = float(np.mean(np.log1p(np.exp(one[:, 0])) - binary * one[:, 0]))
    assert loss_at("classification", "sigmoid", 1, binary, one) == pytest.approx(expected, rel=1e-4)
    assert loss_at("classification", None, 1, binary, one) == pytest.approx(expected, rel=1e-4)
    labels = np.eye(3, dtype=np.float32)[classes]
    expected = float(np.mean(np.log1p(np.exp(logits)) - labels * logits))
    assert loss_at("multilabel", "sigmoid", 3, labels, logits) == pytest.approx(expected, rel=1e-4)
    assert loss_at("multilabel", None, 3, labels, logits) == pytest.approx(expected, rel=1e-4)
    assert loss_at("classification", "sigmoid", 3, classes, logits) == pytest.approx(expected, rel=1e-4)
    assert loss_at("regression", None, 3, labels, logits) == pytest.approx(np.mean((labels - logits) ** 2), rel=1e-4)


@pytest.mark.parametrize(("task", "figures"), [("multilabel", 3), ("classification", 1)])
def test_an_output_that_teaches_nothing_is_refused(task: Task, figures: int) -> None:
    with pytest.raises(CaseDefinitionError, match="ends in a softmax over"):
        loss_of(model(layers.Dense(figures, activation="softmax")), task, keras)


def test_figures_are_those_of_the_task() -> None:
    shares = np.array([[0.9, 0.2], [0.6, 0.7], [0.1, 0.1]])
    assert figure("classification", shares, np.array([0, 1, 1])) == pytest.approx(2 / 3)
    labels = np.array([[1, 0], [1, 1], [1, 0]], np.float32)
    assert figure("multilabel", shares, labels) == pytest.approx(2 / 3)
    targets = RANDOM.normal(size=(100, 2))
    assert figure("regression", np.repeat(targets.mean(0, keepdims=True), 100, 0), targets) == pytest.approx(
        0, abs=1e-9
    )
    assert figure("regression", targets, targets) == 1
    assert figure("regression", -targets, targets) == 0


def test_targets_are_scaled_for_training_and_the_head_gives_them_as_they_are() -> None:
    targets = RANDOM.normal([3e5, -2.0], [9e4, 0.01], (50, 2)).astype(np.float32)
    scale = TargetScale.of("regression", targets)
    scaled = scale.scaled(targets)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(0), 1, rtol=1e-5)
    rows = RANDOM.normal(size=(4, 4)).astype(np.float32)
    head = layers.Dense(2)
    before = np.asarray(head(rows))
    scale.give_to(head)
    np.testing.assert_allclose(head(rows), before * targets.std(0) + targets.mean(0), rtol=1e-4)
    constant = TargetScale.of("regression", np.full(5, 2.0))
    np.testing.assert_array_equal(constant.scaled(np.full(5, 2.0)), np.zeros((5, 1)))


def test_labels_count_as_the_outputs_of_the_model_do() -> None:
    labels, classes = np.array([0, 1, 2, 1]), ("ant", "bee", "cat")
    swapped = labels_of_outputs("classification", labels, classes, ("nothing", "cat", "ant", "bee"))
    assert swapped.tolist() == [2, 3, 1, 3]
    assert labels_of_outputs("classification", np.array([0, 1]), ("no", "yes"), ("no",)).tolist() == [1, 0]
    assert labels_of_outputs("classification", np.array([0, 1]), ("no", "yes"), ("yes", "no")).tolist() == [1, 0]
    several = labels_of_outputs("multilabel", np.array([[1, 0]], np.uint8), ("red", "big"), ("big", "old", "red"))
    assert several.tolist() == [[0, 0, 1]]
    assert labels_of_outputs("regression", np.array([0.5]), ("price",), ("cost",)).tolist() == [0.5]
    with pytest.raises(CaseDefinitionError, match="have no output for bee, cat, which the data have"):
        labels_of_outputs("classification", labels, classes, ("ant", "dog"))
