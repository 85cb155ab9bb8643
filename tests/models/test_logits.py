from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from pytest_opml.models.heads import ending_of
from pytest_opml.models.logits import up_to_logits

layers = keras.layers


def ends(kind: str) -> keras.Model:
    """A model that ends in a softmax or sigmoid in one of the ways in which it can be written."""
    keras.utils.set_random_seed(0)  # of all weights there are, some make no logit negative
    inputs = keras.Input((6,))
    x: Any = layers.Dense(5, activation="relu")(inputs)
    if kind == "in a dense layer":
        return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    if kind == "a layer of its own":
        return keras.Model(inputs, layers.Softmax()(layers.Dense(3)(x)))
    if kind == "an activation":
        return keras.Model(inputs, layers.Activation("sigmoid")(layers.Dense(3)(x)))
    if kind == "a function":
        return keras.Model(inputs, keras.ops.softmax(layers.Dense(3)(x)))
    if kind == "reshaped":
        return keras.Model(inputs, layers.Flatten()(layers.Dense(3, activation="sigmoid")(x[:, None])))
    if kind == "a model in it":
        return keras.Model(inputs, keras.Sequential([layers.Dense(4), layers.Dense(3, activation="softmax")])(x))
    return keras.Model(inputs, layers.Dense(3)(x))


@pytest.mark.parametrize(
    "kind",
    ["in a dense layer", "a layer of its own", "an activation", "a function", "reshaped", "a model in it", "nothing"],
)
def test_the_activation_at_the_end_makes_the_answers_of_the_logits(kind: str) -> None:
    model = ends(kind)
    x = np.random.default_rng(0).normal(size=(8, 6)).astype(np.float32)
    logits, ending = up_to_logits(model), ending_of(model)
    answers = {"linear": lambda z: z, "softmax": keras.ops.softmax, "sigmoid": keras.ops.sigmoid}[ending](logits(x))
    assert ending == "linear" or np.asarray(logits(x)).min() < 0
    assert np.allclose(answers, model(x), atol=1e-6)
    assert [id(v) for v in logits.trainable_variables] == [id(v) for v in model.trainable_variables]


def test_the_model_itself_stays_as_it_is() -> None:
    model = ends("in a dense layer")
    up_to_logits(model)
    assert model.layers[-1].activation is keras.activations.softmax
    assert np.allclose(np.asarray(model(np.ones((2, 6), np.float32))).sum(axis=1), 1)
