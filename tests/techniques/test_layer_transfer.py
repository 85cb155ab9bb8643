from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from pytest_opml.errors import TechniqueError
from pytest_opml.techniques.base import ModelState, TrainedModel, TrainingContext
from pytest_opml.techniques.layer_transfer import LayerTransfer, matching_layers
from tests.conftest import Trained


def deeper(trained: Trained, *, width: int = 32) -> keras.Model:
    """A successor: one more block of the same kind below the top ones."""
    layers = keras.layers
    inputs = keras.Input((16, 16, 3), dtype="uint8")
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(16, 3, 2, padding="same", activation="relu")(x)
    x = layers.BatchNormalization()(layers.Conv2D(width, 3, 2, padding="same", use_bias=False)(x))
    for _ in range(2):
        x = layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(x))
    x = layers.Dense(10, activation="softmax", name="head_dense")(layers.Flatten()(x))
    return keras.Model(inputs, x)


@pytest.fixture
def successor(trained: Trained, tmp_path: Any) -> TrainingContext:
    """The context of a case whose source is a deeper network."""
    file = tmp_path / "deeper.keras"
    deeper(trained).save(file)
    return replace(trained.context(), trained=lambda _: TrainedModel(file, trained.training))


def test_layers_match_by_kind_shape_and_place_from_the_output(trained: Trained) -> None:
    model, source = trained.load(), deeper(trained)
    pairs, stopped_at = matching_layers(model, source, None)
    # the head, then normalisation and convolution twice; the first convolutions differ in what they take in
    assert [pair.layer.name for pair in pairs] == ["head_dense", "third_bn", "third", "second_bn"]
    assert [pair.layer.name for pair in matching_layers(model, source, 2).pairs] == ["head_dense", "third_bn"]
    assert all(type(pair.layer) is type(pair.source) for pair in pairs)
    assert stopped_at is not None
    assert stopped_at.layer.name == "second"


def test_what_matches_below_a_layer_that_does_not_stays(trained: Trained) -> None:
    layers = keras.layers
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(16, 3, 2, padding="same", name="first")(inputs)
    x = layers.BatchNormalization()(layers.Conv2D(32, 3, 2, padding="same", use_bias=False)(x))
    x = layers.BatchNormalization()(layers.Conv2D(32, 5, padding="same", use_bias=False)(x))  # the only other one
    source = keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.Flatten()(x)))
    pairs, stopped_at = matching_layers(trained.load(), source, None)
    assert [pair.layer.name for pair in pairs] == ["head_dense", "third_bn"]
    assert stopped_at is not None
    assert stopped_at.layer.name == "third"


def test_without_retraining_the_weights_are_those_of_the_successor(
    trained: Trained, successor: TrainingContext
) -> None:
    state = LayerTransfer(source="small_cnn", layers=3, retrain=False).apply(ModelState(trained.load()), successor)
    source = successor.trained(LayerTransfer(source="small_cnn").other_models()[0]).load()
    for pair in matching_layers(state.model, source, 3).pairs:
        for weights, others in zip(pair.layer.get_weights(), pair.source.get_weights(), strict=True):
            assert np.array_equal(weights, others)
    assert np.array_equal(
        state.model.get_layer("second").get_weights()[0], trained.load().get_layer("second").get_weights()[0]
    )
    assert state.training_s == 0
    assert state.changes["layer_transfer.matched"] == 3
    assert state.changes["layer_transfer.lowest"] == "third"
    assert "layer_transfer.stopped_at" not in state.changes


def test_where_it_stopped_is_in_the_record(trained: Trained, successor: TrainingContext) -> None:
    state = LayerTransfer(source="small_cnn", layers=6, retrain=False).apply(ModelState(trained.load()), successor)
    assert state.changes["layer_transfer.stopped_at"] == "second (Conv2D, 3x3x16x32)"
    assert str(state.changes["layer_transfer.stopped_at_in_source"]).endswith(" (Conv2D, 3x3x32x32)")


def test_retraining_makes_up_for_the_stitching(trained: Trained, successor: TrainingContext) -> None:
    accuracies = []
    for retrain in (False, True):
        state = LayerTransfer(source="small_cnn", layers=3, retrain=retrain).apply(
            ModelState(trained.load()), successor
        )
        found = state.model.predict(trained.x_test, verbose=0).argmax(axis=1)
        accuracies.append(np.mean(found == trained.data.y_test))
    assert accuracies[1] > accuracies[0] + 0.1


def test_nothing_that_matches_is_an_error(trained: Trained, tmp_path: Any) -> None:
    file = tmp_path / "wider.keras"
    deeper(trained, width=48).save(file)
    context = replace(trained.context(), trained=lambda _: TrainedModel(file, trained.training))
    with pytest.raises(TechniqueError, match=r"wider: no layer matches, for it stops at .* head_dense \(Dense, "):
        LayerTransfer(source="wider", layers=2).apply(ModelState(trained.load()), context)


def test_the_same_weights_are_an_error(trained: Trained) -> None:
    with pytest.raises(TechniqueError, match="its layers hold the same weights; nothing changed"):
        LayerTransfer(source="small_cnn").apply(ModelState(trained.load()), trained.context())
