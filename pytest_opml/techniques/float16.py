"""Half precision as in the paper: float16 weights on disk, ``mixed_float16`` compute, in training already.

Source: P. Micikevicius et al., "Mixed precision training", 2017. On a device without float16 arithmetic such training
takes several times as long; there it starts from the model that was trained in float32 for the baseline.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from ..errors import TechniqueError
from ..measure.arithmetic import NumberFormat
from ..models.dtype_policy import flat_layers, under_policy
from .base import Changes, ModelState, Technique, TrainingContext
from .model_function import Precision

if TYPE_CHECKING:
    from ..records.device import Device

_LARGEST = float(np.finfo(np.float16).max)
_POLICY = "mixed_float16"


class Float16(Technique):
    """Every layer but the last computes in float16; first in a chain, in training too where that is fast."""

    preserves_answers: ClassVar[Precision | None] = "float16"
    computes_in: ClassVar[NumberFormat | None] = NumberFormat("tensorflow", "float16")

    train: Literal["auto", "mixed", "float32"] = Field(
        default="auto",
        description="precision of training, first in a chain; auto is mixed where the device has float16 arithmetic",
    )

    def training_policy(self, device: Device) -> str:
        """See ``Technique.training_policy``."""
        mixed = device.float16_in_hardware if self.train == "auto" else self.train == "mixed"
        return _POLICY if mixed else super().training_policy(device)

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:  # noqa: ARG002 - the role's signature
        """See ``Technique.apply``."""
        if state.float16_weights:
            raise TechniqueError("float16: the weights are stored as float16 already; nothing changed")
        weights = state.model.get_weights()
        if not any(array.any() for array in weights):
            raise TechniqueError("float16: the model has no weights; nothing changed")
        largest = max(float(np.abs(array).max()) for array in weights)
        if largest > _LARGEST:
            raise TechniqueError(f"float16: a weight of {largest:.3g} is beyond the largest float16 ({_LARGEST:.0f})")
        computing = sum(layer.dtype_policy.name == _POLICY for layer in flat_layers(state.model))
        model = state.model
        if not computing:
            model, computing = under_policy(state.model, _POLICY)
        exact = sum(float(np.sum((w - w.astype(np.float16)) ** 2, dtype=np.float64)) for w in weights)
        energy = sum(float(np.sum(w.astype(np.float64) ** 2)) for w in weights)
        changes: Changes = {
            "float16.layers_computing_in_half": computing,
            "float16.weights_stored_in_half": int(sum(array.size for array in weights)),
            "float16.relative_error": float(f"{np.sqrt(exact / energy):.3g}"),
        }
        return replace(state, model=model, float16_weights=True, changes=state.changes | changes)
