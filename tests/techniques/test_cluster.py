from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.case import parse_chain
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.cluster import Cluster
from pytest_opml.techniques.kernels import kernels_of
from pytest_opml.techniques.kmeans import cluster
from pytest_opml.techniques.prune import Prune
from pytest_opml.techniques.shared_weights import cluster_weights, round_clusters, round_mantissa, storable_bits
from tests.conftest import Trained


def normal(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size).astype(np.float32)


@pytest.mark.parametrize("bits", [0, 4, 7, 23])
def test_rounding_keeps_the_leading_mantissa_bits(bits: int) -> None:
    values = normal(1000)
    rounded = round_mantissa(values, bits)
    assert not np.any(rounded.view(np.uint32) & ((1 << (23 - bits)) - 1))
    assert np.all(np.abs(rounded - values) <= np.abs(values) * 2.0 ** -(bits + 1))


def test_stored_values_cost_little_error_and_few_bits() -> None:
    weights = normal(50_000)
    found = cluster(weights, 256)
    stored = round_mantissa(found.centroids.astype(np.float32), storable_bits(found))
    error = np.sum((stored[found.assign(weights)].astype(np.float64) - weights) ** 2)
    assert found.error < error <= 1.1 * found.error * (1 + 1e-6)
    assert not np.any(stored.view(np.uint32) & 0xFF)


def test_weights_of_few_values_are_left_as_they_are() -> None:
    assert cluster_weights(np.array([0.1, 0.1, 0.7, -0.3], dtype=np.float32), 4) is None


@given(st.integers(0, 100), st.integers(2, 40), st.floats(0.1, 0.9))
def test_zeros_of_a_pruned_layer_stay_zeros(seed: int, k: int, sparsity: float) -> None:
    weights = normal(600, seed)
    weights[np.random.default_rng(seed).random(600) < sparsity] = 0
    shared = cluster_weights(weights.reshape(20, 30), k)
    assert shared is not None
    assert np.array_equal(shared.weights() == 0, weights.reshape(20, 30) == 0)
    assert len(np.unique(shared.weights())) <= k


@given(st.integers(0, 100), st.integers(2, 40))
def test_the_error_is_that_of_the_weights(seed: int, k: int) -> None:
    weights = normal(500, seed)
    shared = cluster_weights(weights, k)
    assert shared is not None
    assert shared.error == pytest.approx(np.sum((shared.weights().astype(np.float64) - weights) ** 2))
    assert len(np.unique(shared.weights())) <= k


def test_what_training_left_is_settled_on_the_same_sharing() -> None:
    shared = cluster_weights(normal(5_000), 16)
    assert shared is not None
    again = round_clusters(shared, shared.weights() * 1.1)
    assert np.array_equal(again.labels, shared.labels)
    assert np.allclose(again.weights(), shared.weights() * 1.1, rtol=2.0 ** -(shared.bits + 1) * 2)


def accuracy(model: keras.Model, trained: Trained) -> float:
    return float(np.mean(model.predict(trained.x_test, verbose=0).argmax(axis=1) == trained.data.y_test))


@pytest.mark.parametrize("pruned", [False, True])
def test_fine_tuning_moves_the_shared_values_and_nothing_else(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, pruned: bool
) -> None:
    monkeypatch.setattr("pytest_opml.techniques.cluster._SMALL", 0)
    state = ModelState(trained.load())
    if pruned:
        state = Prune(sparsity=0.5, epochs=0).apply(state, trained.context())
    other = ModelState(keras.models.clone_model(state.model))
    other.model.set_weights(state.model.get_weights())
    bare = Cluster(clusters=4).apply(state, trained.context())
    tuned = Cluster(clusters=4, finetune=3).apply(other, trained.context())
    for one, another in zip(kernels_of(bare.model), kernels_of(tuned.model), strict=True):
        values, labels = np.unique(one.numpy(), return_inverse=True)
        moved, same = np.unique(another.numpy(), return_inverse=True)
        assert len(moved) <= len(values) <= 4
        if pruned:
            assert np.array_equal(one.numpy() == 0, another.numpy() == 0)
        elif len(moved) == len(values):
            # a value may overtake its neighbour; which weights share one stays
            assert len(np.unique(np.stack([labels.ravel(), same.ravel()]), axis=1).T) == len(values)
        assert another.constraint is None
    assert accuracy(tuned.model, trained) > accuracy(bare.model, trained)
    assert tuned.training_s > bare.training_s == 0


@pytest.mark.parametrize(
    ("skip", "untouched"),
    [("none", []), ("first", ["first"]), ("last", ["head_dense"]), ("ends", ["first", "head_dense"])],
)
def test_layers_can_be_left_as_they_are(trained: Trained, skip: str, untouched: list[str]) -> None:
    model = trained.load()
    Cluster(clusters=2, skip=skip).apply(ModelState(model), trained.context())
    same = [
        layer.name
        for layer, before in zip(model.layers, trained.load().layers, strict=True)
        if hasattr(layer, "kernel") and np.array_equal(layer.kernel.numpy(), before.kernel.numpy())
    ]
    assert same == untouched


@pytest.mark.parametrize(("bits", "clusters"), [("1bit", 2), ("8bit", 256), ("16bit", 65_536)])
def test_bits_stand_for_their_number_of_weights(bits: str, clusters: int) -> None:
    assert parse_chain(f"cluster-{bits}")[0].clusters == clusters
