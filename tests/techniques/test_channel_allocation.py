from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.techniques.channel_allocation import (
    HarmCurve,
    allocate,
    counts_allowed,
    filter_cost,
    multiply_accumulate_cost,
    nearest_allowed,
)
from pytest_opml.techniques.channel_groups import Channels
from pytest_opml.techniques.channel_removal import cut, multiply_accumulates


@pytest.mark.parametrize(
    ("count", "share", "left"),
    [(64, 0.5, 32), (64, 0.3, 48), (32, 0.9, 8), (24, 0.5, 12), (10, 0.9, 8), (6, 0.5, 6), (320, 0.25, 240)],
)
def test_how_many_channels_stay(count: int, share: float, left: int) -> None:
    assert nearest_allowed(count, count * (1 - share)) == left


def test_what_a_space_may_be_left_with() -> None:
    assert counts_allowed(12) == [12, 11, 10, 9, 8]
    assert counts_allowed(36) == [36, 32, 24, 16, 8]
    assert counts_allowed(32) == [32, 24, 16, 8]
    assert counts_allowed(5) == [5]


def test_the_harm_between_measurements_follows_their_lower_hull() -> None:
    curve = HarmCurve((64, 48, 32, 16), (0.0, 3.0, 2.0, 8.0))
    # 3.0 and then less was noise: half of the way costs half
    assert [curve.at(left) for left in (64, 48, 32, 24, 16)] == pytest.approx([0, 1.5, 3.0, 5.5, 8.0])


curves = st.lists(
    st.tuples(st.sampled_from([32, 40, 64]), st.lists(st.floats(0.001, 1), min_size=3, max_size=3)).map(
        lambda drawn: HarmCurve((drawn[0], 24, 16, 8), (0.0, *np.cumsum(sorted(drawn[1])).tolist()))
    ),
    min_size=1,
    max_size=3,
)


@given(curves, st.floats(0.3, 0.95))
def test_an_allocation_costs_no_more_than_asked_and_harms_little(drawn: list[HarmCurve], share: float) -> None:
    def cost(left: np.ndarray) -> float:
        return float(np.sum(left))

    def harm(left: tuple[int, ...]) -> float:
        return sum(curve.at(count) for curve, count in zip(drawn, left, strict=True))

    whole = np.array([curve.left[0] for curve in drawn])
    most = cost(whole) * share
    left = allocate(drawn, cost, most)
    assert all(count in counts_allowed(curve.left[0]) for curve, count in zip(drawn, left, strict=True))
    reachable = sum(curve.left[-1] for curve in drawn) <= most
    assert (cost(left) <= most) == reachable
    if reachable:
        # none that costs 8 channels less (one step of a wide space) does less harm
        choices = itertools.product(*[counts_allowed(curve.left[0]) for curve in drawn])
        least = min((harm(choice) for choice in choices if sum(choice) <= most - 8), default=np.inf)
        assert harm(tuple(left)) <= least + 1e-9


def test_costs_are_those_of_the_network_that_is_cut() -> None:
    import keras
    from keras import layers

    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(32, 3, padding="same", name="a")(inputs)
    x = trunk = layers.Conv2D(16, 1, name="b")(layers.DepthwiseConv2D(3, padding="same")(x))
    x = layers.Conv2D(16, 1, name="d")(layers.Conv2D(64, 1, name="c")(x))
    x = layers.Flatten()(layers.Add()([trunk, x]))
    model = keras.Model(inputs, layers.Dense(5)(x))
    channels = Channels(model)
    spaces = channels.spaces()
    assert [len(space) for space in spaces] == [32, 16, 64]
    left = np.array([24, 12, 40])
    removed = np.concatenate([space[count:] for space, count in zip(spaces, left, strict=True)])
    smaller = cut(model, channels, removed)
    assert multiply_accumulate_cost(model, channels, spaces)(left) == multiply_accumulates(smaller)
    assert multiply_accumulate_cost(model, channels, spaces)(np.array([32, 16, 64])) == multiply_accumulates(model)
    assert filter_cost(channels, spaces)(left) == 24 + 12 + 12 + 40 + 5
    assert [len(space) for space in channels.spaces(trunks=False)] == [32, 64]
