"""The optimizer of training and fine-tuning: AdamW with warm-up, a cosine and rates by layer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

# So small that it changes little within some hundred steps at the rates of fine-tuning.
WEIGHT_DECAY = 1e-2
WARM_UP = 0.1


def adamw(
    variables: list[Any],
    learning_rate: float,
    steps: int,
    *,
    warm_up: float,
    weight_decay: float,
    shares: Mapping[int, float] | None = None,
) -> Any:
    """Return AdamW whose rate rises linearly, then falls to zero along a cosine, so that the last steps settle.

    Args:
        variables: that it trains. Only those of two axes and more decay: kernels, not offsets nor scales.
        learning_rate: at its highest.
        steps: of training.
        warm_up: the share of the steps in which it rises.
        weight_decay: the share of a weight that a step takes away, times the rate.
        shares: of the rate that a variable has, by its ``id``; those that are not there have all of it.
    """
    import keras

    rising = round(warm_up * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        learning_rate / rising if rising else learning_rate,
        max(1, steps - rising),
        warmup_target=learning_rate if rising else None,
        warmup_steps=rising,
    )
    if shares:
        optimizer = _by_layer()(rate, weight_decay, [shares.get(id(variable), 1.0) for variable in variables])
    else:
        optimizer = keras.optimizers.AdamW(rate, weight_decay=weight_decay)
    if flat := [variable for variable in variables if len(variable.shape) < 2]:
        optimizer.exclude_from_weight_decay(var_list=flat)
    return optimizer


@cache
def _by_layer() -> Any:
    """The class of AdamW with a share of the rate for each variable; Keras is not loaded before it is needed."""
    import keras

    class AdamWByLayer(keras.optimizers.AdamW):  # type: ignore[misc,unused-ignore]
        def __init__(self, learning_rate: Any, weight_decay: float, shares: list[float]) -> None:
            super().__init__(learning_rate, weight_decay=weight_decay)
            self._shares = shares

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            share = self._shares[self._get_variable_index(variable)]
            super().update_step(gradient, variable, learning_rate * share)

    return AdamWByLayer
