from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from pytest_opml.techniques import channel_moments
from pytest_opml.techniques.channel_groups import Channels
from pytest_opml.techniques.channel_removal import cut
from pytest_opml.techniques.channel_sensitivity import ChannelOrder, filter_norms, harm_curves


def network() -> tuple[Any, np.ndarray]:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(16, 3, activation="relu", name="first")(inputs)
    x = layers.Conv2D(32, 3, padding="same", use_bias=False, name="second")(x)
    x = layers.ReLU()(layers.BatchNormalization(name="normed")(x))
    outputs = layers.Dense(4, name="classes")(layers.GlobalAveragePooling2D()(x))
    images = np.random.default_rng(0).normal(size=(64, 8, 8, 3)).astype(np.float32)
    return keras.Model(inputs, outputs), images


def test_the_scale_of_a_layer_does_not_decide_but_that_of_a_filter_does() -> None:
    kernel = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    norms = filter_norms(kernel, None)
    assert np.allclose(norms, filter_norms(-7 * kernel, None))
    assert np.allclose(norms, [60 / 69, 66 / 69, 72 / 69, 78 / 69])
    assert filter_norms(kernel, np.array([9, 1, 1, 0], np.float32)).argmin() == 3


@pytest.mark.parametrize("widest", [2304, 40, 0])
def test_trying_a_cut_answers_as_the_cut_network_and_leaves_no_trace(
    widest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_moments, "_WIDEST", widest)
    model, images = network()
    channels = Channels(model)
    order = ChannelOrder(model, channels, channels.spaces(), [images])
    before, weights = model(images).numpy(), model.get_weights()
    removed = order.removed([12, 24])
    assert len(removed) == 4 + 8
    with order.tried(removed):
        tried = model(images).numpy()
    assert all(np.array_equal(one, another) for one, another in zip(weights, model.get_weights(), strict=True))
    assert np.array_equal(model(images).numpy(), before)
    order.refit(removed)
    assert np.allclose(cut(model, channels, removed)(images).numpy(), tried, atol=1e-5)


def test_refitting_harms_less_than_leaving_out() -> None:
    harms = []
    for widest in (2304, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(channel_moments, "_WIDEST", widest)
            model, images = network()
            channels = Channels(model)
            order = ChannelOrder(model, channels, channels.spaces(), [images])
            harms.append(harm_curves(order, lambda: model(images).numpy().astype(np.float64)))  # noqa: B023
    for refitted, bare in zip(*harms, strict=True):
        assert refitted.left == bare.left
        assert refitted.harm[0] == bare.harm[0] == 0
        assert all(0 < one < another for one, another in zip(refitted.harm[1:], bare.harm[1:], strict=True))
    assert [curve.left for curve in harms[0]] == [(16, 12, 8), (32, 24, 16, 8)]


def test_idle_filters_go_first_and_do_no_harm() -> None:
    model, images = network()
    gamma, beta, *rest = model.get_layer("normed").get_weights()
    beta[5:13] = -100  # never above zero
    model.get_layer("normed").set_weights([gamma, beta, *rest])
    channels = Channels(model)
    order = ChannelOrder(model, channels, channels.spaces(), [images])
    idle = channels.produced["second"][5:13]
    assert set(order.spaces[1][:8]) == set(channels.roots(idle))
    curve = harm_curves(order, lambda: model(images).numpy().astype(np.float64))[1]
    assert curve.at(24) == pytest.approx(0, abs=1e-6)
    assert curve.at(16) > 1e-6
