"""The weights that compression works on."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import TechniqueError


def kernels_of(model: Any) -> list[Any]:
    """The kernel variables of convolutions and dense layers; biases and normalisation are few and carry scales."""
    return [variable for variable in model.weights if len(variable.shape) >= 2 and variable.dtype == "float32"]


def require_finite(when: str, model: Any) -> None:
    """Refuse weights that are no numbers, which no technique can make anything of.

    Args:
        when: the step, and whether it takes or leaves the weights, for the message.
        model: of Keras.

    Raises:
        TechniqueError: some are NaN or infinite; names the first variable by its layer.
    """
    for variable in model.weights:
        array = np.asarray(variable)
        if array.dtype.kind != "f" and "float" not in str(variable.dtype):
            continue
        count = int(np.count_nonzero(~np.isfinite(array.astype(np.float32))))
        if count:
            raise TechniqueError(
                f"{when} weights that are NaN or infinite: {count:,} of {array.size:,} in {variable.path}"
            )
