from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras

from pytest_opml.case import Case
from pytest_opml.errors import CaseDefinitionError, ModelFileError
from pytest_opml.models.classifier import build_classifier
from pytest_opml.models.heads import ending_of
from pytest_opml.tensors import DataSpec, Task, TensorSpec
from tests.support.inputs import image_spec

MakeCase = Callable[..., Case]


def test_the_head_is_glorot_uniform_and_follows_the_seed(make_case: MakeCase) -> None:
    heads = [
        build_classifier(make_case(seed=seed), image_spec(16), keras).layers[-1].get_weights()[0] for seed in (3, 3, 4)
    ]
    limit = np.sqrt(6 / sum(heads[0].shape))
    assert np.abs(heads[0]).max() <= limit
    assert np.std(heads[0]) == pytest.approx(limit / np.sqrt(3), rel=0.05)
    assert np.array_equal(heads[0], heads[1])
    assert not np.array_equal(heads[0], heads[2])


def test_a_builder_that_returns_no_model_is_refused(make_case: MakeCase) -> None:
    with pytest.raises(ModelFileError, match="must return a Keras model"):
        build_classifier(make_case(model="tests.support.small:not_a_model"), image_spec(16), keras)


PICTURES = np.random.default_rng(0).integers(0, 256, (4, 16, 24, 3), np.uint8)


def image_data(*sides: int, task: Task = "classification", dtype: str = "uint8") -> DataSpec:
    return DataSpec((TensorSpec("", (*sides, 3), dtype),), 10, task)


@pytest.mark.parametrize("module", [keras, tf_keras])
def test_images_need_not_be_square_for_who_says_so(module: Any, make_case: MakeCase) -> None:
    spec = image_data(16, 24)
    small_cnn = build_classifier(make_case(model="small_cnn"), spec, module)
    assert small_cnn(PICTURES).shape == (4, 10)
    random = build_classifier(make_case(model="random", unfreeze=0), spec, module)
    assert random(PICTURES).shape == (4, 10)
    with pytest.raises(CaseDefinitionError, match="is built for square images, these are 16 x 24; write one number"):
        build_classifier(make_case(), spec, module)
    network = build_classifier(make_case(model="mobilenetv3small"), image_data(32, 40), keras)
    assert network.input_shape == (None, 32, 40, 3)


@pytest.mark.parametrize("module", [keras, tf_keras])
def test_pixels_that_were_scaled_are_not_cut_to_whole_numbers(module: Any, make_case: MakeCase) -> None:
    case = make_case(model="small_cnn")
    scaled = PICTURES[:, :, :16].astype(np.float32) / 3 - 40
    whole = build_classifier(case, image_spec(16), module)
    floats = build_classifier(case, image_data(16, 16, dtype="float32"), module)
    floats.set_weights(whole.get_weights())
    inner = module.Model(floats.layers[1].output, floats.outputs)
    expected = inner(floats.layers[1](scaled))
    np.testing.assert_allclose(np.asarray(floats(scaled)), np.asarray(expected), rtol=1e-4)
    assert np.abs(np.asarray(whole(scaled)) - np.asarray(expected)).max() > 1e-4


def features(keras: Any, inputs: Any) -> Any:
    return keras.layers.Dense(5, activation="relu", name="mix")(inputs)


def tagger(keras: Any, inputs: dict[str, Any], *, classes: int, task: str) -> Any:
    joined = keras.layers.Concatenate()(list(inputs.values()))
    activation = "softmax" if task == "classification" else "sigmoid"
    return keras.Model(inputs, keras.layers.Dense(classes, activation=activation)(joined))


tagger.is_classifier = True  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", [keras, tf_keras])
def test_a_builder_with_inputs_gets_those_of_the_data(module: Any, make_case: MakeCase) -> None:
    rows = TensorSpec("", (7,), "float32")
    model = build_classifier(make_case(model=f"{__name__}:features"), DataSpec((rows,), 3, "regression"), module)
    assert (model.input_shape, model.output_shape, model.name) == ((None, 7), (None, 3), "test_classifier")
    named = DataSpec((rows._replace(name="left"), rows._replace(name="right")), 3, "multilabel")
    model = build_classifier(make_case(model=f"{__name__}:tagger", unfreeze=0), named, module)
    assert set(model.input if module is tf_keras else model._inputs_struct) == {"left", "right"}
    assert ending_of(model) == "sigmoid"


def test_a_classifier_is_refused_for_other_tasks(make_case: MakeCase) -> None:
    with pytest.raises(CaseDefinitionError, match=r"model random: classifies, and the task .* is regression"):
        build_classifier(make_case(model="random", unfreeze=0), image_data(16, 16, task="regression"), keras)


def test_names_of_outputs_are_refused_where_the_head_is_new(make_case: MakeCase) -> None:
    with pytest.raises(CaseDefinitionError, match="case: classes: name the outputs of a finished model"):
        build_classifier(make_case(classes=("a", "b")), image_spec(16), keras)
