from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from pytest_opml.errors import TechniqueError
from pytest_opml.techniques import channel_aims, channel_latency
from pytest_opml.techniques.channel_allocation import HarmCurve
from pytest_opml.techniques.channel_groups import Channels
from pytest_opml.techniques.channel_latency import batch_seconds, latency_cost
from pytest_opml.techniques.channel_removal import cut
from pytest_opml.techniques.channel_sensitivity import ChannelOrder, CuttableNetwork


def network(trunks: bool) -> CuttableNetwork:
    """Two convolutions whose channels may go, the second one on the trunk."""
    inputs = keras.Input((8, 8, 3))
    x = trunk = layers.Conv2D(32, 1, name="trunk")(layers.Conv2D(40, 3, padding="same", name="inner")(inputs))
    x = layers.Add()([trunk, layers.Conv2D(32, 3, padding="same", name="back")(x)])
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    channels = Channels(model)
    order = ChannelOrder(model, channels, channels.spaces(trunks=trunks), [np.zeros((2, 8, 8, 3), np.float32)])
    curves = [HarmCurve((len(space), 24, 16), (0.0, 1.0, 2.0)) for space in order.spaces]
    return CuttableNetwork(model, channels, order, curves, trunks, batch=4)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which each model takes as many seconds as it has weights."""

    def run_of(model: Any, _batch: int) -> Any:
        return lambda: sum(int(np.prod(variable.shape)) for variable in model.weights)

    def best_times(runs: Sequence[Any]) -> np.ndarray:
        return np.array([float(run()) for run in runs])

    monkeypatch.setattr(channel_latency, "_run_of", run_of)
    monkeypatch.setattr(channel_latency, "_best_times", best_times)


def test_the_times_of_parts_add_up(clock: None) -> None:
    cuttable = network(trunks=False)
    cost = latency_cost(cuttable)
    assert cost(cuttable.whole) == 1e3 * cuttable.model.count_params()
    left = cuttable.whole.copy()
    left[0] = 24  # of "inner", with its 28 weights a filter and the 32 behind each
    assert cost(left) == 1e3 * (cuttable.model.count_params() - 16 * (28 + 32))
    left[0] = 32
    assert cost(left) == 1e3 * (cuttable.model.count_params() - 8 * (28 + 32))


def test_what_is_aimed_at_is_the_time_of_the_cut_network(clock: None) -> None:
    cuttable = network(trunks=True)
    left = channel_aims.latency(cuttable, 0.38)
    smaller = cut(cuttable.model, cuttable.channels, cuttable.order.removed(left))
    assert 1 - smaller.count_params() / cuttable.model.count_params() == pytest.approx(0.38, abs=0.02)
    with pytest.raises(TechniqueError, match=r"no more than \d+% of the time of \S+ can go: .* trunks stay whole"):
        channel_aims.latency(network(trunks=False), 0.4)


def test_a_batch_is_really_run() -> None:
    def chain(length: int) -> Any:
        inputs = keras.Input((64, 64, 3), dtype="uint8")
        x = keras.layers.Rescaling(1 / 255)(inputs)
        for _ in range(length):
            x = keras.layers.Conv2D(32, 3, padding="same")(x)
        return keras.Model(inputs, x)

    short, long = batch_seconds([chain(1), chain(8)], 8)
    assert 0 < short < long
    with pytest.raises(TechniqueError, match="of any size"):
        batch_seconds([keras.Sequential([keras.Input((None, 3)), keras.layers.Dense(2)])], 8)
