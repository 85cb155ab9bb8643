from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from pytest_opml.errors import TechniqueError
from pytest_opml.techniques.artifact_file import write_artifact
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.deep_compress import DeepCompress
from pytest_opml.techniques.kernels import kernels_of
from pytest_opml.techniques.prune import Prune
from tests.conftest import Trained


def test_fine_tuning_keeps_to_the_mask_and_makes_up_for_it(trained: Trained) -> None:
    bare = Prune(sparsity=0.8, epochs=0).apply(ModelState(trained.load()), trained.context())
    tuned = Prune(sparsity=0.8, epochs=3).apply(ModelState(trained.load()), trained.context())
    for state in (bare, tuned):
        kernels = kernels_of(state.model)
        assert all(kernel.constraint is None for kernel in kernels)
        share = sum(int(np.sum(kernel.numpy() == 0)) for kernel in kernels) / sum(
            kernel.numpy().size for kernel in kernels
        )
        assert state.changes["prune.sparsity"] == pytest.approx(0.8, abs=1e-3) == pytest.approx(share, abs=1e-3)
    assert (bare.training_s, bare.deflate) == (0.0, True)
    assert tuned.training_s > 0
    accuracies = [
        np.mean(state.model.predict(trained.x_test, verbose=0).argmax(axis=1) == trained.data.y_test)
        for state in (bare, tuned)
    ]
    assert accuracies[1] > accuracies[0]


def test_the_rate_decides_how_far_the_weights_move(trained: Trained) -> None:
    still, slow, fast = (
        Prune(sparsity=0.5, epochs=1, rate=rate).apply(ModelState(trained.load()), trained.context()).model
        for rate in (1e-9, 1e-5, 1e-2)
    )

    def moved(model: keras.Model) -> float:
        pairs = [(one.numpy(), other.numpy()) for one, other in zip(kernels_of(still), kernels_of(model), strict=True)]
        moves = [np.abs((one - other)[(one != 0) & (other != 0)]) for one, other in pairs]
        # which weights go depends on where they have moved, and those that are left make up for them: a few move far
        return float(np.median(np.concatenate(moves)))

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
