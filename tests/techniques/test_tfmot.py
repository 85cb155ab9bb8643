from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import psutil
import pytest
import tensorflow as tf

from pytest_opml.errors import MissingDependencyError, TechniqueError
from pytest_opml.models.heads import Ending
from pytest_opml.runtimes.loader import open_artifact
from pytest_opml.techniques.artifact_file import write_artifact
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.tf_keras import client
from pytest_opml.techniques.tf_keras.job import assign_weights
from pytest_opml.techniques.tf_keras.training import logits_of
from pytest_opml.techniques.tfmot import TfmotCluster, TfmotPrune, TfmotQat, kernels_by_layer
from tests.conftest import Trained


def _accuracy(path: Path, trained: Trained) -> float:
    answers = open_artifact(path, threads=2).predict(trained.x_test)
    assert np.allclose(answers.sum(axis=1), 1, atol=0.02)
    return float(np.mean(answers.argmax(axis=1) == trained.data.y_test))


def test_clustering_gives_the_keras_3_model_shared_weights(trained: Trained, tmp_path: Path) -> None:
    state = TfmotCluster(clusters=16).apply(ModelState(trained.load()), trained.context())
    assert {len(np.unique(kernel.numpy())) for kernel in kernels_by_layer(state.model).values()} <= set(range(2, 17))
    assert state.changes["tfmot_cluster.layers"] == 4
    assert state.deflate
    assert state.training_s > 0
    path = write_artifact(state, tmp_path)
    assert path.stat().st_size < 0.3 * trained.model_file.stat().st_size
    assert _accuracy(path, trained) > _accuracy(trained.model_file, trained) - 0.05
    with pytest.raises(TechniqueError, match=r"tfmot-cluster-16: no layer .*nothing changed"):
        TfmotCluster(clusters=16).apply(state, trained.context())


def test_pruning_reaches_its_sparsity_in_each_layer_and_keeps_what_was_learnt(trained: Trained, tmp_path: Path) -> None:
    technique, model = TfmotPrune(sparsity=0.5, epochs=1), trained.load()
    shares = technique.by_layer({name: kernel.numpy() for name, kernel in kernels_by_layer(model).items()})
    state = technique.apply(ModelState(model), trained.context())
    kernels = kernels_by_layer(state.model)
    assert kernels.keys() == shares.keys()
    for name, kernel in kernels.items():
        assert np.mean(kernel.numpy() == 0) == pytest.approx(shares[name], abs=0.01)
    assert len({round(share, 2) for share in shares.values()}) > 1
    assert float(state.changes["tfmot_prune.sparsity"]) == pytest.approx(0.5, abs=0.01)
    assert state.changes["tfmot_prune.epochs"] == 1
    assert state.training_s > 0
    assert _accuracy(write_artifact(state, tmp_path), trained) > _accuracy(trained.model_file, trained) - 0.03


def test_quantisation_aware_training_ends_in_a_file_that_takes_pixels(trained: Trained, tmp_path: Path) -> None:
    state = TfmotQat().apply(ModelState(trained.load()), trained.context())
    assert state.suffix == ".tflite"
    assert float(state.changes["tfmot_qat.share_of_weights"]) > 0.95
    path = write_artifact(state, tmp_path)
    assert path.stat().st_size < 0.3 * trained.model_file.stat().st_size
    assert _accuracy(path, trained) > _accuracy(trained.model_file, trained) - 0.05


def test_a_layer_loses_more_where_its_weights_count_less() -> None:
    random = np.random.default_rng(0)
    narrow, wide = random.normal(size=(1_000, 10)), random.normal(size=(1_000, 10)) ** 5
    kernels = {"narrow": narrow.astype(np.float32), "wide": wide.astype(np.float32)}
    shares = TfmotPrune(sparsity=0.5).by_layer(kernels)
    assert shares["wide"] > shares["narrow"] + 0.1
    assert sum(shares.values()) / 2 == pytest.approx(0.5, abs=0.001)
    assert TfmotPrune(sparsity=0.5, shares="even").by_layer(kernels) == {"narrow": 0.5, "wide": 0.5}


@pytest.mark.parametrize(("ending", "squash"), [("softmax", tf.nn.softmax), ("sigmoid", tf.nn.sigmoid)])
def test_figures_before_an_activation_are_worked_out_from_what_it_gave(ending: Ending, squash: Any) -> None:
    figures = np.array([[9.0, 0.0, -12.0]], np.float32)
    back = np.array(logits_of(squash(tf.constant(figures)), ending))
    if ending == "softmax":
        back += figures[0, 0] - back[0, 0]
    assert np.allclose(back, figures, atol=0.01)


def lone_normalisation(keras: Any, size: int, channels: int, *, weights: str) -> Any:
    inputs = keras.Input((size, size, channels), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(4, 3, 4, activation="relu", name="convolution")(x)
    x = keras.layers.BatchNormalization(name="normalisation")(keras.layers.MaxPooling2D()(x))
    return keras.Model(inputs, keras.layers.Flatten()(x), name="lone")


def _untrained(trained: Trained, builder: str) -> tuple[ModelState, Any]:
    from pytest_opml.models.classifier import build_classifier

    case = trained.case.model_copy(update={"model": builder})
    context = replace(trained.context(), case=case)
    return ModelState(build_classifier(case, context.spec, keras)), context


def test_normalisation_without_a_convolution_before_it_is_refused_by_name(trained: Trained) -> None:
    state, context = _untrained(trained, "tests.techniques.test_tfmot:lone_normalisation")
    with pytest.raises(TechniqueError, match=r"tfmot-qat: batch normalisation normalisation does not .*use int8"):
        TfmotQat().apply(state, context)


def test_a_model_changed_in_shape_before_is_refused(trained: Trained) -> None:
    model = trained.load()
    weights = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    narrow = weights | {"first": [weights["first"][0][..., :8], weights["first"][1][:8]]}
    with pytest.raises(TechniqueError, match=r"layer first has weights of shapes \[\(3, 3, 3, 8\).*native cluster-K"):
        assign_weights(model, narrow, "small")
    del weights["second"]
    with pytest.raises(TechniqueError, match=r"layer second is in legacy Keras only: .* may have replaced one"):
        assign_weights(model, weights, "small")


def test_a_model_that_is_a_keras_3_file_is_refused(trained: Trained) -> None:
    case = trained.case.model_copy(update={"model": str(trained.model_file)})
    with pytest.raises(TechniqueError, match=r"Keras 3 file only.*use cluster-K"):
        TfmotCluster(clusters=4).apply(ModelState(trained.load()), replace(trained.context(), case=case))


def test_clustering_that_cannot_fit_into_memory_is_refused(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = psutil.virtual_memory()._replace(available=1_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    with pytest.raises(TechniqueError, match=r"layer third of 9,216 weights takes .*use cluster-64"):
        TfmotCluster(clusters=64).apply(ModelState(trained.load()), trained.context())


def test_a_missing_package_is_named(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(client, "find_spec", lambda name: None if name == "tf_keras" else real(name))
    with pytest.raises(MissingDependencyError, match=r"tf-keras: pip install tf-keras$"):
        TfmotQat().apply(ModelState(trained.load()), trained.context())


def crashing(keras: Any, size: int, channels: int, *, weights: str) -> Any:
    print("about to end", flush=True)
    os.abort()


def test_a_crash_becomes_an_error_with_what_was_printed(trained: Trained) -> None:
    case = trained.case.model_copy(update={"model": "tests.techniques.test_tfmot:crashing"})
    with pytest.raises(TechniqueError, match=r"crashed \(SIGABRT\); it printed last: .*about to end"):
        TfmotPrune(sparsity=0.5).apply(ModelState(trained.load()), replace(trained.context(), case=case))


def test_the_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    code = (
        "from pytest_opml.techniques.tf_keras import __main__ as program\n"
        "print('up', flush=True)\n"
        "program._end_with_the_parent()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdin
    assert process.stdout.readline() == b"up\n"
    assert process.poll() is None
    process.stdin.close()
    assert process.wait() == 1
    process.stdout.close()
