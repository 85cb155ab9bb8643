"""Magnitude pruning, little by little while the network is trained on.

Sources: S. Han et al., "Learning both weights and connections for efficient neural networks", 2015; M. Zhu and S.
Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model compression", 2017.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from ..errors import TechniqueError
from .base import Changes, ModelState, Technique, TrainingContext
from .channel_moments import examples_for_moments
from .gradual_masks import RISE, GradualMasks
from .kernels import kernels_of, require_finite
from .mask_refit import refit_masked

FINE_TUNING_RATE = 3e-4
FINE_TUNING_EPOCHS = 3


class Prune(Technique):
    """``prune-S``: the share S of all kernel weights set to zero, little by little while all layers are fine-tuned."""

    argument: ClassVar[str | None] = "sparsity"

    sparsity: float = Field(gt=0, lt=1, description="the share of weights to remove, between 0 and 1")
    epochs: int = Field(default=FINE_TUNING_EPOCHS, ge=0, le=1000, description="of fine-tuning")
    rate: float = Field(default=FINE_TUNING_RATE, gt=0, le=1, description="of AdamW at its height")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        variables = kernels_of(state.model)
        before = sum(int(np.count_nonzero(variable.numpy())) for variable in variables)
        require_finite(f"prune-{self.sparsity:g} is given", state.model)
        masks = GradualMasks(
            variables,
            self.sparsity,
            lambda masks: refit_masked(state.model, masks, examples_for_moments(context.x_train, context.case.seed)),
        )
        with masks.held():
            tuning = context.fine_tune(
                state.model,
                epochs=self.epochs,
                learning_rate=self.rate,
                on_step=masks.before_step,
                settled=RISE,
            )
        left = [int(np.count_nonzero(variable.numpy())) for variable in variables]
        if sum(left) >= before:
            raise TechniqueError(f"prune-{self.sparsity:g}: as many weights were zero before; nothing changed")
        sizes = [int(np.prod(variable.shape)) for variable in variables]
        changes: Changes = {
            "prune.sparsity": round(1 - sum(left) / sum(sizes), 4),
            "prune.densest_layer": round(max(n / size for n, size in zip(left, sizes, strict=True)), 4),
            "prune.sparsest_layer": round(min(n / size for n, size in zip(left, sizes, strict=True)), 4),
            "prune.share_of_weights": round(sum(sizes) / state.model.count_params(), 4),
            "prune.fine_tuning_epochs": tuning.epochs,
        }
        return replace(
            state, deflate=True, training_s=state.training_s + tuning.seconds, changes=state.changes | changes
        )
