"""The model as trained: float32 in a plain ``.keras`` file."""

from __future__ import annotations

from .base import ModelState, Technique, TrainingContext


class Baseline(Technique):
    """Changes nothing; what the other techniques are compared with."""

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:  # noqa: ARG002 - the role's signature
        """See ``Technique.apply``."""
        return state
