"""Rounding the weights of a layer to few bits so that what it computes changes least.

Source: E. Frantar et al., "GPTQ: accurate post-training quantization for generative pre-trained transformers", 2023.
What is kept here is what the layer gave for the inputs that it had, although those that it gets are changed by the
layers rounded before it; and the mean of each output, by its bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular

from .tflite_model import IntegerWeights

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.float32]

# Shares of the largest weight that the grid may reach to.
_REACHES = np.linspace(1.0, 0.3, 29)
_DAMPING = 0.01
# The least number of half precision with all its digits.
_LEAST_HALF = 2.0**-14
_COLUMNS = 64
# Of a layer with more inputs than this, the products of each two of them are too many: each weight is rounded alone.
_MOST_INPUTS = 4_608


@dataclass(frozen=True, kw_only=True)
class Rounding:
    """A layer on a grid.

    Attributes:
        weights: on the grid.
        bias: that goes with them, (outputs,); None where the layer has none.
        noise: mean square of what the rounding adds to the outputs, over their variance.
    """

    weights: IntegerWeights
    bias: Rows | None
    noise: float


def round_layer(weights: Rows, bias: Rows | None, before: Rows, now: Rows, *, bits: int, block: int = 0) -> Rounding:
    """Round the weights of a layer, on a grid for each output, and correct its bias.

    Args:
        weights: (outputs, inputs).
        bias: (outputs,); None where it has none.
        before: what they were multiplied with in the exact model, (rows, inputs).
        now: what they are multiplied with behind the layers that were rounded already, likewise.
        bits: of a weight.
        block: so many inputs each have a scale, in half precision; 0 for one scale for all inputs of an output.
    """
    exact, most = weights.astype(np.float64), 2 ** (bits - 1) - 1
    means = [np.asarray(rows.mean(axis=0, dtype=np.float64)) * (bias is not None) for rows in (before, now)]
    centred = now - means[1].astype(np.float32)
    if weights.shape[1] > _MOST_INPUTS:
        variances = np.asarray(np.mean(centred**2, axis=0, dtype=np.float64))
        scales = _scales(exact, variances, most, block)
        steps = _nearest(exact, scales, most)
        change = steps * scales - exact
        noise = (change**2 @ variances).sum() / _positive((exact**2 @ variances).sum())
    else:
        moments = (centred.T @ centred).astype(np.float64) / len(now)
        crossed = ((before - means[0].astype(np.float32)).T @ centred).astype(np.float64) / len(now)
        wanted = exact + exact @ np.linalg.solve(_damped(moments), (crossed - moments).T).T
        scales = _scales(wanted, np.diag(moments), most, block)
        steps = _rounded_in_turn(wanted, moments, scales, most)
        scales = scales if block else _refitted(wanted, moments, steps, scales)
        change = steps * scales - wanted
        noise = np.sum(change @ moments * change) / _positive(np.sum(exact @ moments * exact))
    own = scales[:, ::block] if block else scales[:, :1]
    rounded = IntegerWeights(steps=steps.astype(np.int8), scales=own.astype(np.float32), bits=bits)
    corrected = None
    if bias is not None:
        corrected = (bias + exact @ means[0] - rounded.values.astype(np.float64) @ means[1]).astype(np.float32)
    return Rounding(weights=rounded, bias=corrected, noise=float(noise))


def _damped(moments: Floats) -> Floats:
    """The moments with some independent noise, so that few rows decide nothing."""
    noise = _DAMPING * float(np.mean(np.diag(moments))) + 1e-12
    return np.asarray(moments + np.eye(len(moments)) * noise)


def _positive(number: float) -> float:
    return max(float(number), float(np.finfo(np.float32).tiny))


def _scales(weights: Floats, importance: Floats, most: int, block: int) -> Floats:
    """The scale of each weight, that of its row or block with the least squared error, by the importance of inputs."""
    size = block or weights.shape[1]
    blocks, importance = weights.reshape(len(weights), -1, size), importance.reshape(1, -1, size)
    largest = np.maximum(np.abs(blocks).max(axis=2, keepdims=True), 1e-12)
    best, least = largest / most, np.full(largest.shape, np.inf)
    for reach in _REACHES:
        scales = largest * reach / most
        errors = ((blocks - _nearest(blocks, scales, most) * scales) ** 2 * importance).sum(axis=2, keepdims=True)
        better = errors < least
        best, least = np.where(better, scales, best), np.where(better, errors, least)
    if block:
        best = np.maximum(best, _LEAST_HALF).astype(np.float16).astype(np.float64)
    return np.repeat(best[:, :, 0], size, axis=1)


def _nearest(weights: Floats, scales: Floats, most: int) -> Floats:
    return np.asarray(np.clip(np.rint(weights / scales), -most, most))


def _rounded_in_turn(weights: Floats, moments: Floats, scales: Floats, most: int) -> Floats:
    """Round one input after another, the largest first; those that are left make up for what that changes."""
    damped = _damped(moments)
    order = np.argsort(-np.diag(damped), kind="stable")
    weights, scales, damped = weights[:, order].copy(), scales[:, order], damped[np.ix_(order, order)]
    # the upper factor of the inverse, from the lower one of the matrix in reverse
    lower = cholesky(damped[::-1, ::-1], lower=True)[::-1, ::-1]
    factor = solve_triangular(lower, np.eye(len(lower)))
    steps = np.zeros_like(weights)
    for start in range(0, len(factor), _COLUMNS):
        end = min(start + _COLUMNS, len(factor))
        errors = np.zeros((len(weights), end - start))
        for column in range(start, end):
            now = weights[:, column : column + 1]
            own = scales[:, column : column + 1]
            steps[:, column : column + 1] = _nearest(now, own, most)
            error = (now - steps[:, column : column + 1] * own) / factor[column, column]
            weights[:, column + 1 : end] -= error @ factor[column : column + 1, column + 1 : end]
            errors[:, column - start] = error[:, 0]
        weights[:, end:] -= errors @ factor[start:end, end:]
    unordered = np.empty_like(steps)
    unordered[:, order] = steps
    return unordered


def _refitted(weights: Floats, moments: Floats, steps: Floats, scales: Floats) -> Floats:
    """The scales of rows that fit the steps best, (outputs, 1)."""
    along = steps @ moments
    size, overlap = np.einsum("ok,ok->o", along, steps), np.einsum("ok,ok->o", along, weights)
    better = (size > 0) & (overlap > 0)
    fitted = np.where(better, overlap / np.where(size > 0, size, 1), scales[:, 0])
    return np.asarray(fitted[:, None])
