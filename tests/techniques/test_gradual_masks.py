from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.techniques.gradual_masks import CUTS, RISE, GradualMasks, cubic, magnitude_masks


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


def test_zeros_come_fast_at_first_and_slowly_at_the_end() -> None:
    shares = [cubic(progress, 0.8) for progress in np.linspace(0, 1, 11)]
    assert (shares[0], shares[-1], cubic(3.0, 0.8)) == (0.0, 0.8, 0.8)
    assert cubic(0.5, 0.8) == pytest.approx(0.8 * (1 - 0.5**3))
    rises = np.diff(shares)
    assert (rises > 0).all()
    assert (np.diff(rises) < 0).all()
    assert cubic(0.0, 0.8, start=0.3) == pytest.approx(0.3)


def test_masks_fill_up_and_what_is_zero_stays_zero() -> None:
    variables = [keras.Variable(kernel) for kernel in kernels(1, 400, 600)]
    masks, steps, shares, zeros = GradualMasks(variables, 0.7), 50, [], np.zeros(1000, bool)
    with masks.held():
        for step in range(steps):
            masks.before_step(step, steps)
            for variable in variables:
                variable.assign(variable.constraint(variable + 0.01))
            now = np.concatenate([variable.numpy() == 0 for variable in variables])
            assert (now | ~zeros).all()
            zeros = now
            shares.append(float(zeros.mean()))
    assert shares[0] == pytest.approx(cubic(1 / CUTS, 0.7), abs=1e-3)
    assert shares == sorted(shares)
    assert shares[int(RISE * steps)] == shares[-1] == pytest.approx(0.7, abs=1e-3)
    assert len(set(shares)) == CUTS
    assert all(variable.constraint is None for variable in variables)


def test_without_a_step_the_zeros_come_at_the_end() -> None:
    variables = [keras.Variable(kernel) for kernel in kernels(2, 100)]
    with GradualMasks(variables, 0.25).held():
        assert np.count_nonzero(variables[0].numpy()) == 100
    assert np.count_nonzero(variables[0].numpy()) == 75
