from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_opml.case import Case
from pytest_opml.runner.builder import ArtifactBuilder, BuiltArtifact, load_data
from pytest_opml.runner.options import Options

MakeCase = Callable[..., Case]


def made(case: Case, options: Options) -> BuiltArtifact:
    maker = ArtifactBuilder(case, load_data(case, options), options)
    maker.make()
    found = maker.find()
    assert found is not None
    return found


def entries(options: Options, kind: str) -> set[Path]:
    return set(options.cache_dir.glob(f"entries/{kind}-*"))


def test_chains_that_begin_alike_share_what_was_trained(make_case: MakeCase, options: Options) -> None:
    alone = made(make_case("prune-0.5,epochs=1"), options)
    steps = entries(options, "step")
    chain = made(make_case("prune-0.5,epochs=1+cluster-16"), options)
    assert entries(options, "step") == steps
    assert chain.training == alone.training
    assert {key: chain.changes[key] for key in alone.changes} == alone.changes
    assert "cluster.layers" in chain.changes


def test_training_counts_what_the_techniques_train_and_preparation_does_not(
    make_case: MakeCase, options: Options
) -> None:
    baseline, pruned, clustered = (made(make_case(t), options) for t in ("baseline", "prune-0.6", "cluster-16"))
    assert pruned.training.training_s > baseline.training.training_s == clustered.training.training_s
    assert 0 < pruned.preparation_s < pruned.training.training_s - baseline.training.training_s


def test_mixed_precision_first_in_a_chain_is_trained_in_it(make_case: MakeCase, options: Options) -> None:
    before = entries(options, "model")
    half = made(make_case("float16,train=mixed"), options)
    assert len(entries(options, "model") - before) <= 1
    assert half.training.policy == "mixed_float16"
    assert half.training.training_s != made(make_case(), options).training.training_s
    assert made(make_case("cluster-16+float16"), options).training == made(make_case(), options).training


def with_float16(options: Options, in_hardware: bool) -> Options:
    return replace(options, device=options.device.model_copy(update={"float16_in_hardware": in_hardware}))


def test_half_precision_without_hardware_for_it_starts_from_the_baselines_model(
    make_case: MakeCase, options: Options, tmp_path: Path
) -> None:
    options = with_float16(replace(options, cache_dir=tmp_path), in_hardware=False)
    full = made(make_case(), options)
    for technique in ("float16", "float16,train=float32", "float16+cluster-16", "cluster-16+float16"):
        half = made(make_case(technique), options)
        assert half.training == full.training, technique
        assert half.changes["float16.layers_computing_in_half"] > 0
    assert full.training.policy == "float32"
    assert len(entries(options, "model")) == 1
    assert ArtifactBuilder(make_case("float16"), load_data(make_case(), options), options).trained().parent in (
        entries(options, "model")
    )


def test_half_precision_is_trained_in_where_the_device_has_it(make_case: MakeCase, options: Options) -> None:
    half = made(make_case("float16"), with_float16(options, in_hardware=True))
    asked_for = made(make_case("float16,train=mixed"), with_float16(options, in_hardware=False))
    assert half.training == asked_for.training
    assert half.training.policy == "mixed_float16"
    full = made(make_case("float16,train=float32"), with_float16(options, in_hardware=True))
    assert full.training == made(make_case(), options).training


def test_a_teacher_is_trained_once_on_the_same_data(make_case: MakeCase, options: Options) -> None:
    case = make_case("distill:tests.support.small:build,top=2,epochs=1")
    found = made(case, options)
    teacher = made(make_case(unfreeze=2), options)
    assert found.changes["distill.teacher_training_s"] == round(teacher.training.training_s, 3)
    assert found.training.training_s > made(make_case(), options).training.training_s


def test_a_complete_classifier_is_measured_as_it_is(make_case: MakeCase, options: Options, tmp_path: Path) -> None:
    path = tmp_path / "mine.keras"
    path.write_bytes(made(make_case(), options).path.read_bytes())
    whole = made(make_case(model=str(path), unfreeze=0, size="own"), options)
    assert whole.training.training_mode == "none"
    assert (whole.training.training_s, whole.training.epochs, whole.training.policy) == (0.0, (), None)
    half = made(make_case("float16,train=mixed", model=str(path), unfreeze=0, size="own"), options)
    assert half.training == whole.training
    on = made(make_case(model=str(path), size="own"), options)
    assert (on.training.trained_layers, len(on.training.epochs)) == (("head_dense",), 2)


def test_a_finished_file_is_the_artifact_itself(make_case: MakeCase, options: Options, tmp_path: Path) -> None:
    path = tmp_path / "mine.tflite"
    path.write_bytes(made(make_case("int8"), options).path.read_bytes())
    found = made(make_case(model=str(path), unfreeze=0), options)
    assert found.path.read_bytes() == path.read_bytes()
    path.write_bytes(path.read_bytes() + b"\0")
    assert made(make_case(model=str(path), unfreeze=0), options).path != found.path


def test_a_damaged_step_is_made_again(make_case: MakeCase, options: Options) -> None:
    case = make_case("prune-0.4,epochs=1+cluster-8")
    made(case, options)
    key = ArtifactBuilder(case, load_data(case, options), options)
    step = key.find_step(1)
    assert step is not None
    (step / "model.keras").write_bytes(b"torn")
    assert key.find_step(1) is None
    assert json.loads((step / "details.json").read_text("utf-8"))["draft"]["training_s"] > 0


@pytest.mark.parametrize("technique", ["prune-0.5", "cluster-8+float16"])
def test_the_order_of_techniques_is_part_of_the_key(make_case: MakeCase, options: Options, technique: str) -> None:
    data = load_data(make_case(), options)
    keys = {
        ArtifactBuilder(make_case(chain), data, options)._key_after(len(chain.split("+")))
        for chain in (technique, "+".join(reversed(technique.split("+"))), f"{technique}+int8")
    }
    assert len(keys) == 2 + ("+" in technique)
