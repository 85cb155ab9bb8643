"""What claims to compute the same is compared with what it was made from, and refused where it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import pytest

from pytest_opml.datasets.input_set import InputSet
from pytest_opml.datasets.sources import ArraySource
from pytest_opml.errors import TechniqueError
from pytest_opml.techniques.agreement import (
    AnswerGuard,
    answers_of,
    difference,
    movement_of,
    probe_rows,
    require_agreement,
    require_copy,
)
from pytest_opml.techniques.artifact_file import write_artifact
from pytest_opml.techniques.base import ModelState, Technique, TrainingContext
from pytest_opml.techniques.model_function import Precision
from tests.conftest import Trained

layers = keras.layers
RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(0, 1, (32, 4)).astype(np.float32)
EXAMPLES = InputSet({"": ArraySource(ROWS)})


def network(last: str = "softmax") -> keras.Model:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4,), name="row")
    x = layers.Dense(16, activation="relu")(inputs)
    return keras.Model(inputs, layers.Dense(3, activation=last, name="head")(x))


def moved(model: keras.Model, by: float) -> keras.Model:
    """The same network, each weight of the head off by a share of itself."""
    head = model.get_layer("head")
    kernel, bias = head.get_weights()
    head.set_weights([kernel * (1 + by * RANDOM.choice((-1.0, 1.0), kernel.shape)), bias])
    return model


class Step(Technique):
    """``step``: does to the model whatever a test wants."""

    preserves_answers: ClassVar[Precision | None] = "float32"
    work: Callable[[keras.Model], keras.Model]

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        return replace(state, model=self.work(state.model))


class AnyChange(Step):
    """``any-change``: the same, without a claim."""

    preserves_answers: ClassVar[Precision | None] = None


def guarded(step: Step, last: str = "softmax") -> ModelState:
    guard, state = AnswerGuard(EXAMPLES, 0, lambda: network(last)), ModelState(network(last))
    guard.before("my-step", step, state)
    result = step.apply(state, None)  # type: ignore[arg-type]
    guard.after("my-step", step, state, result)
    return result


@pytest.mark.parametrize("last", ["softmax", "linear"])
def test_what_moves_by_a_rounding_is_passed_and_by_more_is_refused(last: str) -> None:
    guarded(Step(work=lambda model: moved(model, 2.0**-20)), last)
    with pytest.raises(TechniqueError, match=r"my-step: does not keep the model's answers: they differ by up to 0\.0"):
        guarded(Step(work=lambda model: moved(model, 0.01)), last)


def test_the_error_is_one_line_with_the_figures() -> None:
    def permuted(model: keras.Model) -> keras.Model:
        kernel, bias = model.get_layer("head").get_weights()
        model.get_layer("head").set_weights([kernel[:, ::-1], bias])
        return model

    with pytest.raises(
        TechniqueError,
        match=r"^my-step: .* up to 0\.\d+, where float32 explains \S+; \d+% of 32 training inputs get the same answer$",
    ):
        guarded(Step(work=permuted))


def test_a_step_that_claims_nothing_may_change_answers() -> None:
    guarded(AnyChange(work=lambda model: moved(model, 0.5)))


@pytest.mark.parametrize("step", [Step, AnyChange])
def test_answers_that_are_no_numbers_are_refused(step: type[Step]) -> None:
    def broken(model: keras.Model) -> keras.Model:
        model.set_weights([np.full_like(array, np.nan) for array in model.get_weights()])
        return model

    with pytest.raises(TechniqueError, match="my-step: all answers are NaN or infinite"):
        guarded(step(work=broken))


def test_one_answer_for_all_is_refused_where_the_model_told_inputs_apart() -> None:
    def dead(model: keras.Model) -> keras.Model:
        model.set_weights([array * 0 for array in model.get_weights()])
        return model

    with pytest.raises(TechniqueError, match="my-step: gives the same answer for each of 32 training inputs"):
        guarded(AnyChange(work=dead))
    guard, state = AnswerGuard(EXAMPLES, 0, lambda: dead(network())), ModelState(dead(network()))
    guard.after("my-step", AnyChange(work=dead), state, replace(state, deflate=True))


def test_one_answer_for_all_is_passed_where_the_model_gave_much_the_same_before() -> None:
    def all_but_dead(model: keras.Model) -> keras.Model:
        model.set_weights([array * 1e-3 for array in model.get_weights()])
        return model

    before, after = ModelState(all_but_dead(network())), ModelState(network())
    after.model.set_weights([array * 0 for array in after.model.get_weights()])
    assert len(set(answers_of(before.model, ROWS).argmax(axis=1))) > 1
    guard = AnswerGuard(EXAMPLES, 0, lambda: all_but_dead(network()))
    guard.after("my-step", AnyChange(work=all_but_dead), before, after)


def test_a_stored_file_that_is_another_model_is_refused(tmp_path: Path) -> None:
    model = network()
    state = ModelState(model, float16_weights=True, deflate=True)
    guard = AnswerGuard(EXAMPLES, 0, network)
    path = write_artifact(state, tmp_path)
    guard.stored("float16", state, path)
    moved(keras.saving.load_model(path), 0.2).save(path)
    with pytest.raises(TechniqueError, match=r"float16: model.keras: does not keep the model's answers"):
        guard.stored("float16", state, path)


def test_without_training_examples_nothing_is_compared(tmp_path: Path) -> None:
    guard = AnswerGuard(InputSet({"": ArraySource(ROWS)}, []), 0, network)
    state = ModelState(network())
    guard.stored("training", state, write_artifact(state, tmp_path))


def test_a_normalisation_that_is_lost_is_seen(trained: Trained) -> None:
    """What Keras' own clone does with weights set."""
    images = trained.data.x_train.take(np.arange(64)).astype(np.float32)  # type: ignore[union-attr]
    normalization = layers.Normalization()
    normalization.adapt(images)
    inputs = keras.Input((16, 16, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(normalization(inputs)))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    with pytest.raises(TechniqueError, match="int8: the copy: does not keep the model's answers"):
        require_copy("int8: the copy", model, copy, trained.context())


def chaotic() -> keras.Model:
    """A hash of its inputs, as the model ``random`` is: each rounding changes the answers."""
    inputs = keras.Input((4,))
    x = keras.ops.sin(2e5 * layers.Dense(8, kernel_initializer="ones")(inputs))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x))


def test_a_model_that_each_rounding_changes_is_judged_by_its_own_measure() -> None:
    model = chaotic()
    before = answers_of(model, ROWS)
    after = answers_of(model, (ROWS * (1 + 2.0**-20)).astype(np.float32))
    assert difference(before, after).largest > 0.1
    require_agreement("onnx", before, after, "float32", movement_of(model, ROWS, "float32"))
    weights = model.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))


def test_numbers_that_a_format_cannot_hold_are_refused() -> None:
    before = np.array([[1.0, 2.0], [3.0, np.nan]])
    after = np.array([[1.0, np.inf], [3.0, 4.0]])
    with pytest.raises(TechniqueError, match="float16: 33% of the answers are NaN or infinite"):
        require_agreement("float16", before, after, "float16", lambda: 0.0)
    with pytest.raises(TechniqueError, match="gives 1 numbers for an input, 2 before"):
        require_agreement("onnx", before, after[:, :1], "float32", lambda: 0.0)


def test_inputs_are_the_same_each_time_and_fewer_where_they_are_large(trained: Trained) -> None:
    rows = probe_rows(trained.data.x_train, 3)
    assert len(set(rows.tolist())) == 64
    assert np.array_equal(rows, probe_rows(trained.data.x_train, 3))

    class Large:
        specs = (trained.data.x_train.specs[0]._replace(shape=(600, 600, 3)),)

        def __len__(self) -> int:
            return 1_000

    large: Any = Large()
    assert len(probe_rows(large, 0)) == 4
