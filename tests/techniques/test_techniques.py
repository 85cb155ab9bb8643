"""Techniques and chains of them, by the file that they end in."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from pytest_opml.case import parse_chain
from pytest_opml.errors import CaseDefinitionError, TechniqueError
from pytest_opml.runtimes.base import Runtime
from pytest_opml.runtimes.loader import open_artifact
from pytest_opml.techniques.artifact_file import write_artifact
from pytest_opml.techniques.base import ModelState
from tests.conftest import Trained
from tests.support.builders import make_device

Apply = Callable[[str], "tuple[ModelState, Path]"]


@pytest.fixture
def apply(trained: Trained, tmp_path: Path) -> Apply:
    def run(chain: str) -> tuple[ModelState, Path]:
        state = ModelState(trained.load())
        for step in parse_chain(chain):
            state = step.apply(state, trained.context())
        return state, write_artifact(state, tmp_path)

    return run


def _accuracy(runtime: Runtime, trained: Trained) -> float:
    return float(np.mean(runtime.predict(trained.x_test).argmax(axis=1) == trained.data.y_test))


def _kernels(model: keras.Model) -> list[np.ndarray]:
    return [v.numpy() for v in model.weights if len(v.shape) >= 2]


def test_the_baseline_is_the_model_as_trained(apply: Apply, trained: Trained) -> None:
    state, path = apply("baseline")
    assert state.changes == {}
    loaded = keras.saving.load_model(path)
    expected = trained.load().get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), expected, strict=True))


def test_clustering_leaves_k_distinct_weights_in_large_layers(apply: Apply) -> None:
    state, path = apply("cluster-16")
    for kernel in _kernels(keras.saving.load_model(path)):
        assert len(np.unique(kernel)) <= (16 if kernel.size >= 20_000 else 256)
    assert state.changes["cluster.layers"] == 4
    assert 0 < float(state.changes["cluster.relative_error"]) < 0.2
    assert float(state.changes["cluster.share_of_weights"]) > 0.9


def test_a_clustered_file_is_small_and_opened_by_keras_as_it_is(apply: Apply, trained: Trained) -> None:
    _, path = apply("cluster-16")
    assert path.stat().st_size < 0.45 * trained.model_file.stat().st_size
    with zipfile.ZipFile(path) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_DEFLATED}
    before, after = (_accuracy(open_artifact(file, threads=2), trained) for file in (trained.model_file, path))
    assert after > before - 0.05


def test_clustering_twice_with_the_same_k_changes_nothing_and_says_so(apply: Apply) -> None:
    with pytest.raises(TechniqueError, match=r"cluster-256: .*nothing changed"):
        apply("cluster-256+cluster-256")


def test_half_precision_halves_the_file_and_computes_in_half(apply: Apply, trained: Trained) -> None:
    state, path = apply("float16")
    assert path.stat().st_size < 0.55 * trained.model_file.stat().st_size
    loaded = keras.saving.load_model(path)
    computing = {layer.name: layer.compute_dtype for layer in loaded.layers if layer.weights}
    assert computing.pop("head_dense") == "float32"
    assert set(computing.values()) == {"float16"}
    for new, old in zip(loaded.get_weights(), trained.load().get_weights(), strict=True):
        assert np.array_equal(new, old.astype(np.float16).astype(np.float32))
    assert state.changes["float16.weights_stored_in_half"] == trained.load().count_params()


def test_half_precision_predicts_the_same(apply: Apply, trained: Trained) -> None:
    _, path = apply("float16")
    images = trained.x_test
    float16_weights, full = (open_artifact(file, threads=2).predict(images) for file in (path, trained.model_file))
    assert np.mean(float16_weights.argmax(axis=1) == full.argmax(axis=1)) > 0.98


@pytest.mark.parametrize(
    ("technique", "on_v100", "on_cpu"),
    [
        ("float16", "mixed_float16", "float32"),
        ("float16,train=auto", "mixed_float16", "float32"),
        ("float16,train=mixed", "mixed_float16", "mixed_float16"),
        ("float16,train=float32", "float32", "float32"),
        ("baseline", "float32", "float32"),
        ("float16-tflite", "float32", "float32"),
        ("cluster-16+float16,train=mixed", "float32", "float32"),
    ],
)
def test_the_first_of_a_chain_says_what_is_trained_in_on_a_device(technique: str, on_v100: str, on_cpu: str) -> None:
    first = parse_chain(technique)[0]
    assert first.training_policy(make_device("v100")) == on_v100
    assert first.training_policy(make_device("cpu")) == on_cpu


def test_a_precision_of_training_that_is_not_known_is_refused() -> None:
    with pytest.raises(CaseDefinitionError, match=r"technique float16,train=half: train .*'mixed'.* not 'half'"):
        parse_chain("float16,train=half")


def test_half_precision_twice_is_refused(apply: Apply) -> None:
    with pytest.raises(TechniqueError, match="nothing changed"):
        apply("float16+float16")


def test_a_weight_beyond_float16_is_refused(trained: Trained) -> None:
    model = trained.load()
    model.get_layer("second").set_weights([model.get_layer("second").get_weights()[0] * 1e7])
    with pytest.raises(TechniqueError, match="beyond the largest float16"):
        parse_chain("float16")[0].apply(ModelState(model), trained.context())


def test_clusters_in_half_precision_are_smaller_than_either(apply: Apply, trained: Trained) -> None:
    sizes = {chain: apply(chain)[1].stat().st_size for chain in ("cluster-16", "float16", "cluster-16+float16")}
    assert sizes["cluster-16+float16"] < min(sizes["cluster-16"], sizes["float16"])
