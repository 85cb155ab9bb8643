from __future__ import annotations

import numpy as np
import pytest

from pytest_opml.techniques.channel_elimination import Intake, refitted, removal_order
from pytest_opml.techniques.channel_moments import Moments


def intake(rows: np.ndarray, kernel: np.ndarray, channels: np.ndarray | None = None) -> Intake:
    moments = Moments(rows.mean(axis=0), np.cov(rows, rowvar=False, bias=True))
    return Intake(np.arange(len(kernel)) if channels is None else channels, kernel, moments)


def figures(seed: int, width: int, filters: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    rows = random.normal(random.normal(size=width), random.uniform(0.5, 2, width), (2000, width))
    return rows, random.normal(size=(width, filters))


def test_what_nobody_misses_goes_first() -> None:
    rows, kernel = figures(0, 24, 5)
    kernel[[3, 17]] = 0  # its weights are zero
    rows[:, 9] = 4.0  # always the same, so a bias can stand for it
    rows[:, 20] = rows[:, 1] - rows[:, 2]  # the others tell as much
    order = removal_order(np.arange(24), [intake(rows, kernel)])
    assert set(order[:4]) in ({3, 17, 9, 20}, {3, 17, 9, 1}, {3, 17, 9, 2})
    assert sorted(order) == list(range(24))


def test_all_layers_behind_a_space_have_a_say() -> None:
    rows, kernel = figures(1, 16, 4)
    first, second = kernel.copy(), kernel.copy()
    first[:8] = 0
    second[[0, *range(8, 16)]] = 0
    order = removal_order(np.arange(16), [intake(rows, first), intake(rows, second)])
    assert order[0] == 0


@pytest.mark.parametrize("places", [1, 4])
def test_a_layer_makes_up_for_what_it_loses(places: int) -> None:
    rows, kernel = figures(2, 16 * places, 6)
    rows[:, 1::2] = 0.7 * rows[:, ::2] + 0.3 * rows[:, 1::2]
    taken = intake(rows, kernel, np.tile(np.arange(16), places))
    removed = removal_order(np.arange(16), [taken])[:8]
    new, shift = refitted(taken, removed)
    out = np.isin(taken.channels, removed)
    assert not new[out].any()
    before, after = rows @ kernel, rows @ new + shift
    bare = rows[:, ~out] @ kernel[~out]
    lost = np.sum((before - before.mean(axis=0)) ** 2)
    assert np.allclose(after.mean(axis=0), before.mean(axis=0))
    assert np.sum((before - after) ** 2) < 0.25 * lost
    assert np.sum((before - after) ** 2) < 0.8 * np.sum(((before - bare) - (before - bare).mean(axis=0)) ** 2)


def test_few_examples_and_inputs_that_are_always_zero_give_numbers() -> None:
    rows, kernel = np.zeros((3, 16)), np.ones((16, 2))
    rows[:, 4] = [1, 2, 3]
    taken = intake(rows, kernel)
    order = removal_order(np.arange(16), [taken])
    assert order[-1] in (4, *order[8:])
    new, shift = refitted(taken, order[:8])
    assert np.isfinite(new).all()
    assert np.isfinite(shift).all()
