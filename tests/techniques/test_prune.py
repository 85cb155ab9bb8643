from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.errors import TechniqueError
from pytest_opml.techniques.artifact_file import write_artifact
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.deep_compress import DeepCompress
from pytest_opml.techniques.kernels import kernels_of
from pytest_opml.techniques.prune import Prune, magnitude_masks
from tests.conftest import Trained


def kernels(seed: int, *sizes: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.normal(scale=random.uniform(0.01, 10), size=size).astype(np.float32) for size in sizes]


@given(st.integers(0, 1000), st.floats(0.01, 0.99), st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_a_mask_removes_the_share_asked_for(seed: int, sparsity: float, sizes: list[int]) -> None:
    masks = magnitude_masks(kernels(seed, *sizes), sparsity)
    removed = sum(int(np.count_nonzero(~mask)) for mask in masks)
    assert removed == round(sparsity * sum(sizes)) or removed == sum(sizes) - len(sizes)


@given(st.integers(0, 1000), st.floats(0.01, 0.99), st.lists(st.integers(2, 300), min_size=1, max_size=6))
def test_within_a_layer_the_smallest_weights_go(seed: int, sparsity: float, sizes: list[int]) -> None:
    given_kernels = kernels(seed, *sizes)
    for kernel, mask in zip(given_kernels, magnitude_masks(given_kernels, sparsity), strict=True):
        kept, removed = np.abs(kernel[mask]), np.abs(kernel[~mask])
        assert kept.size > 0
        assert removed.size == 0 or removed.max() <= kept.min()


def test_the_scale_of_a_layer_does_not_decide() -> None:
    small, large = kernels(3, 500, 500)
    masks = magnitude_masks([small, large], 0.5)
    scaled = magnitude_masks([small * 100, large], 0.5)
    assert all(np.array_equal(a, b) for a, b in zip(masks, scaled, strict=True))


def test_fine_tuning_keeps_to_the_mask_and_makes_up_for_it(trained: Trained) -> None:
    bare = Prune(sparsity=0.8, epochs=0).apply(ModelState(trained.load()), trained.context())
    tuned = Prune(sparsity=0.8, epochs=3).apply(ModelState(trained.load()), trained.context())
    for one, other in zip(kernels_of(bare.model), kernels_of(tuned.model), strict=True):
        assert np.array_equal(one.numpy() == 0, other.numpy() == 0)
        assert other.constraint is None
    zeros = sum(int(np.sum(kernel.numpy() == 0)) for kernel in kernels_of(tuned.model))
    total = sum(int(np.prod(kernel.shape)) for kernel in kernels_of(tuned.model))
    assert tuned.changes["prune.sparsity"] == pytest.approx(0.8, abs=1e-3) == pytest.approx(zeros / total, abs=1e-3)
    assert (bare.training_s, bare.deflate) == (0.0, True)
    assert tuned.training_s > 0
    accuracies = [
        np.mean(state.model.predict(trained.x_test, verbose=0).argmax(axis=1) == trained.data.y_test)
        for state in (bare, tuned)
    ]
    assert accuracies[1] > accuracies[0]


def test_the_rate_decides_how_far_the_weights_move(trained: Trained) -> None:
    bare, slow, fast = (
        Prune(sparsity=0.5, epochs=epochs, rate=rate).apply(ModelState(trained.load()), trained.context()).model
        for epochs, rate in ((0, 1.0), (1, 1e-5), (1, 1e-2))
    )

    def moved(model: keras.Model) -> float:
        pairs = zip(kernels_of(bare), kernels_of(model), strict=True)
        return max(float(np.abs(one.numpy() - other.numpy()).max()) for one, other in pairs)

    assert 0 < moved(slow) < moved(fast) / 10


def test_what_was_pruned_before_leaves_nothing_to_do(trained: Trained) -> None:
    state = Prune(sparsity=0.5, epochs=0).apply(ModelState(trained.load()), trained.context())
    with pytest.raises(TechniqueError, match=r"prune-0.5: as many weights were zero before; nothing changed"):
        Prune(sparsity=0.5, epochs=0).apply(state, trained.context())


def test_deep_compression_is_smaller_than_pruning(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> None:
    pruned = Prune(sparsity=0.6, epochs=0).apply(ModelState(trained.load()), trained.context())
    compressed = DeepCompress(sparsity=0.6, clusters=16, epochs=0, finetune=0).apply(
        ModelState(trained.load()), trained.context()
    )
    sizes = [
        write_artifact(state, tmp_path_factory.mktemp("file")).stat().st_size
        for state in (pruned, compressed, replace(pruned, deflate=False))
    ]
    assert sizes[1] < sizes[0] < sizes[2]
    assert {"prune.sparsity", "cluster.layers"} <= set(compressed.changes)
