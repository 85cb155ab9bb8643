from __future__ import annotations

import numpy as np
import pytest

from pytest_opml.errors import TechniqueError
from pytest_opml.techniques.artifact_file import write_artifact
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.filter_prune import FilterPrune, channels_left, filter_norms
from tests.conftest import Trained


@pytest.mark.parametrize(
    ("count", "share", "left"),
    [(64, 0.5, 32), (64, 0.3, 48), (32, 0.9, 8), (24, 0.5, 12), (10, 0.9, 8), (6, 0.5, 6), (320, 0.25, 240)],
)
def test_how_many_channels_stay(count: int, share: float, left: int) -> None:
    assert channels_left(count, share) == left


def test_the_scale_of_a_layer_does_not_decide_but_that_of_a_filter_does() -> None:
    kernel = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    norms = filter_norms(kernel, None)
    assert np.allclose(norms, filter_norms(-7 * kernel, None))
    assert np.allclose(norms, [60 / 69, 66 / 69, 72 / 69, 78 / 69])
    assert filter_norms(kernel, np.array([9, 1, 1, 0], np.float32)).argmin() == 3


def test_fine_tuning_makes_up_for_the_filters(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> None:
    original = ModelState(trained.load())
    bare = FilterPrune(share=0.5, epochs=0).apply(original, trained.context())
    tuned = FilterPrune(share=0.5, epochs=3).apply(original, trained.context())
    assert bare.training_s == 0.0
    assert tuned.training_s > 0
    accuracies = [
        np.mean(state.model.predict(trained.x_test, verbose=0).argmax(axis=1) == trained.data.y_test)
        for state in (bare, tuned)
    ]
    assert accuracies[1] > accuracies[0]
    # 16 -> 8, and twice 32 -> 16; the head has 10
    assert bare.changes["filter_prune.filters_before"] == 16 + 32 + 32 + 10
    assert bare.changes["filter_prune.filters_removed"] == 8 + 16 + 16
    assert bare.changes["filter_prune.parameters_before"] == original.model.count_params()
    assert bare.changes["filter_prune.parameters_after"] == bare.model.count_params()
    sizes = [write_artifact(state, tmp_path_factory.mktemp("file")).stat().st_size for state in (original, bare, tuned)]
    assert sizes[0] > sizes[1]
    assert sizes[0] > sizes[2]


def test_nothing_to_remove_is_an_error(trained: Trained) -> None:
    with pytest.raises(TechniqueError, match=r"filter-prune-0.01: no layer of small has filters to spare"):
        FilterPrune(share=0.01, epochs=0).apply(ModelState(trained.load()), trained.context())
