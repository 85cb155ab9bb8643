from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from pytest_opml.case import Case
from pytest_opml.errors import ModelFileError, TechniqueError
from pytest_opml.measure.cpu_load import LoadWatch
from pytest_opml.runner.options import LocalPaths
from pytest_opml.runtimes.keras_graph import load_keras
from pytest_opml.techniques.base import ModelState, TrainingContext
from pytest_opml.techniques.cluster import Cluster
from tests.support.workbench import Workbench

MakeCase = Callable[..., Case]


def test_chains_that_begin_alike_share_what_was_trained(
    make_case: MakeCase, workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    workbench.make(make_case())
    with monkeypatch.context() as then:
        then.setattr(LoadWatch, "disturbances", lambda *_: ["when it was pruned"])
        alone = workbench.make(make_case("prune-0.45,epochs=1"))
    steps = workbench.entries("step")
    monkeypatch.setattr(LoadWatch, "disturbances", lambda *_: ["when it was clustered"])
    chain = workbench.make(make_case("prune-0.45,epochs=1+cluster-16"))
    assert workbench.entries("step") == steps
    assert chain.training == alone.training
    assert chain.disturbed == alone.disturbed == "when it was pruned"
    assert {key: chain.changes[key] for key in alone.changes} == alone.changes
    assert "cluster.layers" in chain.changes


def test_training_counts_what_the_techniques_train_and_preparation_does_not(
    make_case: MakeCase, workbench: Workbench
) -> None:
    baseline, pruned, clustered = (workbench.make(make_case(t)) for t in ("baseline", "prune-0.6", "cluster-16"))
    assert pruned.training.training_s > baseline.training.training_s == clustered.training.training_s
    assert 0 < pruned.preparation_s < pruned.training.training_s - baseline.training.training_s


def test_a_step_that_leaves_weights_that_are_no_numbers_is_named(
    make_case: MakeCase, workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(self: Cluster, state: ModelState, context: TrainingContext) -> ModelState:
        state.model.get_layer("second").kernel.assign(np.full((3, 3, 16, 32), np.nan))
        return state

    monkeypatch.setattr(Cluster, "apply", spoil)
    with pytest.raises(
        TechniqueError, match=r"^cluster-16: left weights that are NaN .* 4,608 of 4,608 in .*second/ke"
    ):
        workbench.make(make_case("cluster-16+prune-0.5"))


def test_mixed_precision_first_in_a_chain_is_trained_in_it(make_case: MakeCase, workbench: Workbench) -> None:
    before = workbench.entries("model")
    half = workbench.make(make_case("float16,train=mixed"))
    assert len(workbench.entries("model") - before) <= 1
    assert half.training.policy == "mixed_float16"
    assert half.training.training_s != workbench.make(make_case()).training.training_s
    assert workbench.make(make_case("cluster-16+float16")).training == workbench.make(make_case()).training


def with_float16(workbench: Workbench, in_hardware: bool) -> Workbench:
    return workbench.on(workbench.device.model_copy(update={"float16_in_hardware": in_hardware}))


def test_half_precision_without_hardware_for_it_starts_from_the_baselines_model(
    make_case: MakeCase, workbench: Workbench, tmp_path: Path
) -> None:
    workbench = with_float16(replace(workbench, paths=LocalPaths(cache_dir=tmp_path)), in_hardware=False)
    full = workbench.make(make_case())
    for technique in ("float16", "float16,train=float32", "float16+cluster-16", "cluster-16+float16"):
        half = workbench.make(make_case(technique))
        assert half.training == full.training, technique
        assert half.changes["float16.layers_computing_in_half"] > 0
    assert full.training.policy == "float32"
    assert len(workbench.entries("model")) == 1
    assert workbench.builder(make_case("float16")).trained().parent in (workbench.entries("model"))


def test_half_precision_is_trained_in_where_the_device_has_it(make_case: MakeCase, workbench: Workbench) -> None:
    half = with_float16(workbench, in_hardware=True).make(make_case("float16"))
    asked_for = with_float16(workbench, in_hardware=False).make(make_case("float16,train=mixed"))
    assert half.training == asked_for.training
    assert half.training.policy == "mixed_float16"
    full = with_float16(workbench, in_hardware=True).make(make_case("float16,train=float32"))
    assert full.training == workbench.make(make_case()).training


def test_a_teacher_is_trained_once_on_the_same_data(make_case: MakeCase, workbench: Workbench) -> None:
    case = make_case("distill:tests.support.small:build,top=2,epochs=1")
    found = workbench.make(case)
    teacher = workbench.make(make_case(unfreeze=2))
    assert found.changes["distill.teacher_training_s"] == round(teacher.training.training_s, 3)
    assert found.training.training_s > workbench.make(make_case()).training.training_s


def test_a_complete_classifier_is_measured_as_it_is(make_case: MakeCase, workbench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "mine.keras"
    path.write_bytes(workbench.make(make_case()).path.read_bytes())
    whole = workbench.make(make_case(model=str(path), unfreeze=0, size="own"))
    assert whole.training.training_mode == "none"
    assert (whole.training.training_s, whole.training.epochs, whole.training.policy) == (0.0, (), None)
    half = workbench.make(make_case("float16,train=mixed", model=str(path), unfreeze=0, size="own"))
    assert (whole.training.made_on, half.training.made_on) == (None, "cpu")
    assert half.training.model_copy(update={"made_on": None}) == whole.training
    on = workbench.make(make_case(model=str(path), size="own"))
    assert (on.training.trained_layers, len(on.training.epochs)) == (("head_dense",), 2)


def test_a_finished_file_is_the_artifact_itself(make_case: MakeCase, workbench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "mine.tflite"
    path.write_bytes(workbench.make(make_case("int8")).path.read_bytes())
    found = workbench.make(make_case(model=str(path), unfreeze=0))
    assert found.path.read_bytes() == path.read_bytes()
    path.write_bytes(path.read_bytes() + b"\0")
    assert workbench.make(make_case(model=str(path), unfreeze=0)).path != found.path


def test_a_keras_file_that_is_measured_as_it_is_is_the_artifact_itself(
    make_case: MakeCase, workbench: Workbench, tmp_path: Path
) -> None:
    model = load_keras(workbench.make(make_case()).path)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(np.zeros((2, 16, 16, 3)), np.zeros(2), verbose=0)
    model.save(path := tmp_path / "mine.keras")
    case = make_case(model=str(path), unfreeze=0)
    made = workbench.make(case)
    assert made.path.read_bytes() == path.read_bytes()
    assert 0 < made.optimizer_bytes < path.stat().st_size / 2
    without = tmp_path / "lean.keras"
    keras.saving.load_model(path, compile=False).save(without)
    assert workbench.make(make_case(model=str(without), unfreeze=0)).optimizer_bytes == 0
    keras.Model(model.inputs, keras.layers.Dense(7)(model.layers[-2].output)).save(path)
    with pytest.raises(ModelFileError, match="10"):
        workbench.make(case)


def test_a_file_whose_outputs_stand_in_another_order_is_trained_on_in_that_order(
    make_case: MakeCase, workbench: Workbench, tmp_path: Path
) -> None:
    model = load_keras(workbench.make(make_case()).path)
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel[:, ::-1], bias[::-1]])
    model.save(path := tmp_path / "backwards.keras")
    case = make_case("prune-0.3", model=str(path), unfreeze=0, classes=tuple("9876543210"))
    pruned = load_keras(workbench.make(case).path)
    data = workbench.builder(case).data
    images, backwards = data.x_test.take(range(200)), 9 - data.y_test[:200]
    before, after = (np.mean(one.predict(images, verbose=0).argmax(1) == backwards) for one in (model, pruned))
    assert after > before - 0.1 > 0.5


def test_a_damaged_step_is_made_again(make_case: MakeCase, workbench: Workbench) -> None:
    case = make_case("prune-0.4,epochs=1+cluster-8")
    workbench.make(case)
    builder = workbench.builder(case)
    step = builder.find_step(1)
    assert step is not None
    model = (step / "model.keras").read_bytes()
    try:
        (step / "model.keras").write_bytes(b"torn")
        assert builder.find_step(1) is None
    finally:  # the cache is that of all tests
        (step / "model.keras").write_bytes(model)
    assert json.loads((step / "details.json").read_text("utf-8"))["state"]["training_s"] > 0


@pytest.mark.parametrize("technique", ["prune-0.5", "cluster-8+float16"])
def test_the_order_of_techniques_is_part_of_the_key(make_case: MakeCase, workbench: Workbench, technique: str) -> None:
    keys = {
        workbench.builder(make_case(chain)).keys.artifact
        for chain in (technique, "+".join(reversed(technique.split("+"))), f"{technique}+int8")
    }
    assert len(keys) == 2 + ("+" in technique)
