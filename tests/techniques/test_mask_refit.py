from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from pytest_opml.techniques.channel_moments import Moments
from pytest_opml.techniques.gradual_masks import magnitude_masks
from pytest_opml.techniques.kernels import kernels_of
from pytest_opml.techniques.mask_refit import masked_fit, refit_masked


def test_what_is_left_comes_closest_to_the_old_output() -> None:
    random = np.random.default_rng(0)
    rows, kernel = random.normal(size=(500, 12)) @ random.normal(size=(12, 12)), random.normal(size=(12, 3))
    mask = random.random((12, 3)) < 0.5
    fitted = masked_fit(kernel, mask, Moments(rows.mean(axis=0), np.cov(rows, rowvar=False, bias=True)))
    assert not fitted[~mask].any()
    centred = rows - rows.mean(axis=0)

    def error(weights: np.ndarray) -> float:
        return float(np.sum((centred @ (weights - kernel)) ** 2))

    best = np.zeros_like(kernel)
    for number in range(3):
        inside = mask[:, number]
        best[inside, number] = np.linalg.lstsq(centred[:, inside], centred @ kernel[:, number], rcond=None)[0]
    assert error(best) <= error(fitted) < 1.05 * error(best)
    assert error(fitted) < 0.8 * error(kernel * mask)
    assert np.array_equal(masked_fit(kernel, mask, Moments(rows.mean(axis=0), None)), kernel * mask)


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_network_loses_less_than_without_it(use_bias: bool) -> None:
    keras.utils.set_random_seed(5)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(16, 3, activation="relu", use_bias=use_bias)(inputs)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.BatchNormalization()(layers.Conv2D(24, 1, use_bias=use_bias)(x))
    model = keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling2D()(layers.ReLU()(x))))
    images = np.random.default_rng(0).normal(size=(64, 8, 8, 3)).astype(np.float32)
    before, weights, variables = model(images).numpy(), model.get_weights(), kernels_of(model)
    kernels = [variable.numpy() for variable in variables]
    masks = magnitude_masks(kernels, 0.6)
    for variable, mask in zip(variables, masks, strict=True):
        variable.assign(variable.numpy() * mask)
    bare = model(images).numpy()
    model.set_weights(weights)
    refit_masked(model, {id(one): mask for one, mask in zip(variables, masks, strict=True)}, [images[:40], images[40:]])
    assert all(not variable.numpy()[~mask].any() for variable, mask in zip(variables, masks, strict=True))
    assert np.mean((model(images).numpy() - before) ** 2) < 0.75 * np.mean((bare - before) ** 2)
