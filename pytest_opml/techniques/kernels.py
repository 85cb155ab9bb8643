"""The weights that compression works on."""

from __future__ import annotations

from typing import Any


def kernels_of(model: Any) -> list[Any]:
    """The kernel variables of convolutions and dense layers; biases and normalisation are few and carry scales."""
    return [variable for variable in model.weights if len(variable.shape) >= 2 and variable.dtype == "float32"]
