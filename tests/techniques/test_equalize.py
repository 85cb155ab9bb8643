from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from pytest_opml.case import parse_chain
from pytest_opml.errors import TechniqueError
from pytest_opml.techniques.agreement import answers_of
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.equalize import Equalize, pairs_of
from pytest_opml.techniques.lost_accuracy import LostAccuracy
from tests.conftest import Trained
from tests.techniques.test_tflite_converter import fragile


def network(activation: Any) -> keras.Model:
    inputs = keras.Input((16, 16, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    positive = keras.initializers.RandomUniform(0, 0.1)  # so that no channel is dead, whatever is drawn
    x = keras.layers.Conv2D(8, 3, use_bias=False, kernel_initializer=positive, name="first")(x)
    x = keras.layers.BatchNormalization(name="first_bn")(x)
    x = keras.layers.DepthwiseConv2D(3, name="depthwise")(activation()(x))
    x = keras.layers.Conv2D(12, 1, name="last")(activation()(x))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    return keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))


@pytest.mark.parametrize(
    "activation", [keras.layers.ReLU, lambda: keras.layers.ReLU(6.0), lambda: keras.layers.Activation("relu6")]
)
def test_channels_are_scaled_and_the_answers_stay(activation: Any, trained: Trained) -> None:
    model = network(activation)
    pairs = [(pair.producer.name, pair.consumer.name) for pair in pairs_of(model)]
    assert pairs[:2] == [("first", "depthwise"), ("depthwise", "last")]
    assert len(pairs) == 3
    model.get_layer("first_bn").gamma.assign(np.geomspace(0.01, 1, 8))
    before = answers_of(model, trained.x_test)
    state = Equalize().apply(ModelState(model), trained.context())
    assert np.allclose(answers_of(state.model, trained.x_test), before, atol=1e-6)
    assert int(state.changes["equalize.channels_scaled"]) > 4
    assert state.model.get_layer("first_bn").gamma.numpy()[0] > 0.05


def test_a_channel_that_comes_near_its_bound_is_left_alone(trained: Trained) -> None:
    model = network(lambda: keras.layers.ReLU(6.0))
    model.get_layer("first_bn").beta.assign([5.9, *[0.0] * 7])
    state = Equalize().apply(ModelState(model), trained.context())
    assert state.model.get_layer("first_bn").gamma.numpy()[0] == 1
    assert int(state.changes["equalize.channels_at_a_bound"]) == 1


def test_int8_loses_less_after_it(trained: Trained) -> None:
    def lost(chain: str) -> float:
        check, state = LostAccuracy(ModelState(fragile(trained)), trained.context()), ModelState(fragile(trained))
        for step in parse_chain(chain):
            state = step.apply(state, trained.context())
        assert state.flatbuffer is not None
        return check.of(state.flatbuffer)

    assert lost("equalize+int8") < 0.02 < lost("int8")


def test_a_model_without_such_layers_is_refused(trained: Trained) -> None:
    inputs = keras.Input((16, 16, 3), dtype="uint8")
    x = keras.layers.Conv2D(4, 3, activation="tanh")(keras.layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(keras.layers.Flatten()(x)))
    with pytest.raises(TechniqueError, match="equalize: no two layers follow each other"):
        Equalize().apply(ModelState(model), trained.context())
