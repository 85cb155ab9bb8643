from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_opml.case import parse_chain
from pytest_opml.errors import TechniqueError
from pytest_opml.techniques.artifact_file import write_artifact
from pytest_opml.techniques.base import ModelState
from pytest_opml.techniques.filter_prune import FilterPrune, FilterPruneLatency, FilterPruneMacs
from tests.conftest import Trained


def accuracy(trained: Trained, model: Any) -> float:
    return float(np.mean(model.predict(trained.x_test, verbose=0).argmax(axis=1) == trained.data.y_test))


def test_they_are_told_apart_by_what_is_aimed_at() -> None:
    chain = parse_chain(
        "filter-prune-0.3+filter-prune-macs-0.25,trunks=cut+filter-prune-latency-0.5,epochs=2,rate=0.001"
    )
    assert chain == [
        FilterPrune(share=0.3),
        FilterPruneMacs(share=0.25, trunks="cut"),
        FilterPruneLatency(share=0.5, epochs=2, rate=0.001),
    ]


def test_fine_tuning_makes_up_for_the_filters(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> None:
    original = trained.load()
    parameters = original.count_params()
    bare = FilterPrune(share=0.44, trunks="cut", epochs=0).apply(ModelState(trained.load()), trained.context())
    tuned = FilterPrune(share=0.44, trunks="cut", epochs=3).apply(ModelState(trained.load()), trained.context())
    assert bare.training_s == 0.0
    assert tuned.training_s > 0
    assert accuracy(trained, tuned.model) > accuracy(trained, bare.model)
    # 16 filters of the first layer and 32 of two others may go; the head has 10
    assert bare.changes["filter_prune.filters_before"] == 16 + 32 + 32 + 10
    assert int(bare.changes["filter_prune.filters_removed"]) >= 0.44 * 90
    assert bare.changes["filter_prune.filters_removed"] == tuned.changes["filter_prune.filters_removed"]
    assert bare.changes["filter_prune.parameters_before"] == parameters
    assert bare.changes["filter_prune.parameters_after"] == bare.model.count_params()
    left = {name: bare.model.get_layer(name).filters for name in ("first", "second", "third")}
    assert left["second"] == left["third"] in (24, 16, 8)
    assert f"second {left['second']}/32, third {left['third']}/32" in str(bare.changes["filter_prune.filters_left"])
    states = (ModelState(original), bare, tuned)
    sizes = [write_artifact(state, tmp_path_factory.mktemp("file")).stat().st_size for state in states]
    assert sizes[0] > sizes[1]
    assert sizes[0] > sizes[2]


def test_trunks_stay_whole_and_multiplications_are_counted(trained: Trained) -> None:
    state = FilterPruneMacs(share=0.1, epochs=1).apply(ModelState(trained.load()), trained.context())
    before, after = (int(state.changes[f"filter_prune.multiply_accumulates_{when}"]) for when in ("before", "after"))
    assert 0.1 <= 1 - after / before < 0.2
    assert [state.model.get_layer(name).filters for name in ("second", "third")] == [32, 32]
    assert "batch_ms" not in " ".join(state.changes)


def test_the_time_on_this_device_is_measured_and_recorded(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_opml.techniques import channel_latency

    monkeypatch.setattr(channel_latency, "_best_times", lambda runs: np.array([float(run()) for run in runs]))
    monkeypatch.setattr(channel_latency, "_run_of", lambda model, _batch: model.count_params)
    state = FilterPruneLatency(share=0.3, trunks="cut", epochs=0).apply(ModelState(trained.load()), trained.context())
    before, after = (float(state.changes[f"filter_prune.batch_ms_{when}"]) for when in ("before", "after"))
    assert before == 1e3 * int(state.changes["filter_prune.parameters_before"])
    assert after == 1e3 * state.model.count_params()


def test_more_than_can_go_is_an_error(trained: Trained) -> None:
    with pytest.raises(
        TechniqueError,
        match=r"^filter-prune-0.5: no more than 9% of the filters of small can go: .*, and trunks stay whole$",
    ):
        FilterPrune(share=0.5, epochs=0).apply(ModelState(trained.load()), trained.context())


def test_nothing_to_remove_is_an_error(trained: Trained) -> None:
    import keras

    inputs = keras.Input(trained.load().input_shape[1:], dtype="uint8")
    features = keras.layers.Conv2D(8, 3, 4, name="narrow")(keras.layers.Rescaling(1 / 255)(inputs))
    features = keras.layers.Flatten()(features)
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(features), name="narrow_one")
    with pytest.raises(TechniqueError, match=r"filter-prune-0.5: no layer of narrow_one has filters to spare; nothing"):
        FilterPrune(share=0.5, epochs=0).apply(ModelState(model), trained.context())
