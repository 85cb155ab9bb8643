"""Half precision as in the paper: float16 weights on disk, ``mixed_float16`` compute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import TechniqueError
from .base import Draft, Material, Technique

_LARGEST = float(np.finfo(np.float16).max)


class Float16(Technique):
    """Every layer but the last computes in float16; softmax stays in float32, as Keras advises."""

    def apply(self, draft: Draft, material: Material) -> Draft:  # noqa: ARG002 - the role's signature
        """See ``Technique.apply``."""
        import keras

        if draft.half:
            raise TechniqueError("float16: the weights are stored as float16 already; nothing changed")
        last = draft.model.layers[-1].name
        converted = 0

        def in_half(layer: keras.layers.Layer) -> keras.layers.Layer:
            nonlocal converted
            config = layer.get_config()
            if isinstance(layer, keras.layers.InputLayer) or layer.name == last:
                return type(layer).from_config(config)
            converted += 1
            return type(layer).from_config(config | {"dtype": "mixed_float16"})

        model = keras.models.clone_model(draft.model, clone_function=in_half)
        weights = draft.model.get_weights()
        largest = max(float(np.abs(array).max()) for array in weights)
        if largest > _LARGEST:
            raise TechniqueError(f"float16: a weight of {largest:.3g} is beyond the largest float16 ({_LARGEST:.0f})")
        model.set_weights(weights)
        exact = sum(float(np.sum((w - w.astype(np.float16)) ** 2, dtype=np.float64)) for w in weights)
        energy = sum(float(np.sum(w.astype(np.float64) ** 2)) for w in weights)
        changes: dict[str, float | int | str] = {
            "float16.layers_computing_in_half": converted,
            "float16.weights_stored_in_half": int(sum(array.size for array in weights)),
            "float16.relative_error": float(f"{np.sqrt(exact / energy):.3g}"),
        }
        return replace(draft, model=model, half=True, changes=draft.changes | changes)
