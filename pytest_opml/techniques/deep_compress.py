"""Pruning, clustering and entropy coding together.

Source: S. Han, H. Mao, W. J. Dally, "Deep compression", 2015; DEFLATE's Huffman stage stands for its third.
"""

from __future__ import annotations

from pydantic import Field

from .base import ModelState, Technique, TrainingContext
from .cluster import Cluster
from .prune import FINE_TUNING_EPOCHS, FINE_TUNING_RATE, Prune


class DeepCompress(Technique):
    """``deep-compress``: most weights removed, the others clustered, and the file deflated."""

    sparsity: float = Field(default=0.7, gt=0, lt=1, description="the share of weights to remove, between 0 and 1")
    clusters: int = Field(default=32, ge=2, le=65_536, description="distinct weights a layer")
    epochs: int = Field(default=FINE_TUNING_EPOCHS, ge=0, le=1000, description="of fine-tuning the pruned weights")
    rate: float = Field(default=FINE_TUNING_RATE, gt=0, le=1, description="of AdamW at its height")
    finetune: int = Field(default=1, ge=0, le=1000, description="epochs of fine-tuning the centroids")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        pruned = Prune(sparsity=self.sparsity, epochs=self.epochs, rate=self.rate).apply(state, context)
        return Cluster(clusters=self.clusters, finetune=self.finetune).apply(pruned, context)
