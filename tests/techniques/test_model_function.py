"""Models of every structure as converters take them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pytest_opml.datasets.input_set import InputSet
from pytest_opml.datasets.sources import ArraySource
from pytest_opml.errors import TechniqueError
from pytest_opml.runtimes.keras_graph import load_keras
from pytest_opml.runtimes.loader import open_artifact
from pytest_opml.techniques.agreement import AnswerGuard, answers_of
from pytest_opml.techniques.artifact_file import write_artifact
from pytest_opml.techniques.base import ModelState, Technique, TrainingContext
from pytest_opml.techniques.int8_tuned import Int8Tuned
from pytest_opml.techniques.model_function import (
    answers_to,
    compute_precision,
    constant_function,
    float_model,
    in_order,
    input_names,
)
from pytest_opml.techniques.onnx import Onnx
from pytest_opml.techniques.tflite_quantization import DynamicInt8, Float16TFLite, Int8, Int16x8
from pytest_opml.tensors import Array, Batch, DataSpec, arrays
from tests.conftest import Trained

layers = keras.layers
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (48, 8, 8, 3)).astype(np.uint8)
TABLE = RANDOM.normal(50, 20, (48, 200)).astype(np.float32)
IDS = RANDOM.integers(0, 50, (48, 7)).astype(np.int32)


def pixels(inputs: Any) -> Any:
    x = layers.Conv2D(64, 3, activation="relu")(layers.Rescaling(1 / 255)(inputs))
    return layers.GlobalAveragePooling2D()(x)


def adapted() -> Any:
    """Its constants are more than TensorFlow copies into a graph by itself."""
    normalization = layers.Normalization()
    normalization.adapt(TABLE)
    return normalization


def plain(x: Any) -> Any:
    return layers.Dense(10, activation="softmax", name="head")(x)


def of_structure(structure: str) -> keras.Model:
    keras.utils.set_random_seed(1)
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    table, ids = keras.Input((200,), name="table"), keras.Input((7,), dtype="int32", name="ids")
    if structure == "sequential":
        return keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                layers.Rescaling(1 / 255),
                layers.Conv2D(16, 3),
                layers.Flatten(),
                layers.Dense(10, activation="softmax"),
            ]
        )
    if structure == "any size":
        any_size = keras.Input((None, None, 3), dtype="uint8")
        return keras.Model(any_size, plain(pixels(any_size)))
    if structure == "list of one":
        return keras.Model([image], [plain(pixels(image))])
    tower = layers.Flatten()(layers.Embedding(50, 4)(ids))
    x = plain(layers.Concatenate()([pixels(image), layers.Dense(16)(adapted()(table)), tower]))
    return keras.Model(
        {"picture": image, "table": table, "ids": ids} if structure == "dict" else [ids, image, table], x
    )


SEVERAL: dict[str, Array] = {"table": TABLE, "ids": IDS, "picture": IMAGES}
EXAMPLES: dict[str, Batch] = {
    "sequential": IMAGES,
    "any size": IMAGES,
    "list of one": IMAGES,
    "dict": SEVERAL,
    "list": {"table": TABLE, "ids": IDS, "image": IMAGES},
}


def context_of(trained: Trained, examples: Batch) -> TrainingContext:
    named = examples if isinstance(examples, dict) else {"": examples}
    inputs = InputSet({name: ArraySource(array) for name, array in named.items()})
    labels = np.arange(len(inputs)) % 10
    return TrainingContext(
        trained.case, inputs, labels, DataSpec(inputs.specs, 10), trained.context().trained, trained.load
    )


@pytest.mark.parametrize(
    ("structure", "technique"),
    [
        *((structure, technique) for structure in EXAMPLES for technique in (Int8(), Float16TFLite(), Onnx())),
        *(("sequential", technique) for technique in (Int16x8(), DynamicInt8(), Int8Tuned(drop=1))),
    ],
)
def test_each_structure_of_inputs_is_converted(
    structure: str, technique: Technique, trained: Trained, tmp_path: Path
) -> None:
    examples = EXAMPLES[structure]
    model = of_structure(structure)
    model.save(tmp_path / "saved.keras")
    state, context = ModelState(load_keras(tmp_path / "saved.keras")), context_of(trained, examples)
    guard = AnswerGuard(context.x_train, 0, lambda: of_structure(structure))
    guard.before("it", technique, state)
    result = technique.apply(state, context)
    guard.after("it", technique, state, result)
    runtime = open_artifact(write_artifact(result, tmp_path))
    names = {spec.name.removeprefix("serving_default_").partition(":")[0] for spec in runtime.signature.inputs}
    assert len(names) == len(arrays(examples))
    if isinstance(examples, dict):
        assert names == set(examples)
    assert np.abs(runtime.predict(examples) - answers_of(state.model, examples)).max() < 0.05


def test_pixels_go_in_as_such_and_figures_as_floats(trained: Trained, tmp_path: Path) -> None:
    dtypes = {}
    for structure in ("list of one", "list"):
        folder = tmp_path / structure
        folder.mkdir()
        state = Int8().apply(ModelState(of_structure(structure)), context_of(trained, EXAMPLES[structure]))
        signature = open_artifact(write_artifact(state, folder)).signature
        dtypes[structure] = sorted(spec.dtype for spec in signature.inputs)
    assert dtypes == {"list of one": ["uint8"], "list": ["float32", "float32", "int32"]}


def test_whole_numbers_have_no_16_bit_form(trained: Trained) -> None:
    with pytest.raises(TechniqueError, match=r"int16x8: input ids takes whole numbers, .*; use int8"):
        Int16x8().apply(ModelState(of_structure("list")), context_of(trained, EXAMPLES["list"]))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_model_of_half_precision_is_converted_from_a_copy_in_float32(policy: str, trained: Trained) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        model = of_structure("list of one")
    finally:
        keras.config.set_dtype_policy("float32")
    assert compute_precision(model) == policy.removeprefix("mixed_")
    copy = float_model(model)
    assert compute_precision(copy) == "float32"
    assert np.abs(answers_of(copy, IMAGES) - answers_of(model, IMAGES)).max() < 0.01
    assert Int8().apply(ModelState(model), context_of(trained, IMAGES)).suffix == ".tflite"


def test_text_is_refused_by_the_name_of_its_input(trained: Trained) -> None:
    inputs = keras.Input((1,), dtype="string", name="review")
    x = layers.StringLookup(vocabulary=["good", "bad"], output_mode="multi_hot")(inputs)
    model, words = keras.Model(inputs, plain(x)), np.array([["good"], ["bad"], ["none"]] * 16, dtype=object)
    for technique, text in ((Int8(), "int8: input review takes text"), (Onnx(), "onnx: ONNX has no operation for")):
        with pytest.raises(TechniqueError, match=text) as caught:
            technique.apply(ModelState(model), context_of(trained, words))
        assert "\n" not in str(caught.value)


def test_data_that_do_not_fit_are_refused_with_both_sides() -> None:
    takes, have = r"takes ids int32 .* image uint8 .*", r"table float32 .*, picture uint8 .*"
    with pytest.raises(TechniqueError, match=f"{takes}; the data have {have}; give"):
        in_order(of_structure("list"), {"table": TABLE, "picture": IMAGES})


def test_the_function_has_no_variables_and_the_names_of_the_inputs() -> None:
    model = of_structure("dict")
    function = constant_function(model, in_order(model, SEVERAL))
    assert not function.variables
    assert sorted(function.structured_input_signature[1]) == sorted(input_names(model)) == ["ids", "picture", "table"]
    answers = answers_to(model, [{name: array[:5] for name, array in SEVERAL.items()}, SEVERAL])
    assert answers.shape == (53, 10)
    assert np.allclose(answers[5:], answers_of(model, SEVERAL), atol=1e-5)
