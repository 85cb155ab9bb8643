"""Weight clustering: each layer keeps K distinct weights, which makes the deflated file small.

Source: S. Han, H. Mao, W. J. Dally, "Deep compression", 2015 (weight sharing and its fine-tuning).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field, field_validator

from ..errors import TechniqueError
from ..runtimes.threads import process_threads
from .base import Changes, ModelState, Technique, TrainingContext
from .kernels import kernels_of
from .shared_weights import ClusterMeans, SharedWeights, cluster_weights, round_clusters

# Layers of few weights hold a twentieth of a network and most of the harm of coarse clustering: at K = 64 Lite0 fell
# from 0.94 to 0.83 on digits when they were clustered as coarsely as the others, to 0.93 when they kept 256.
_SMALL, _SMALL_CLUSTERS = 20_000, 256
_FINE_TUNING_RATE = 1e-4
# Each thread holds some 30 bytes a weight of the layer in hand; two add 1.3 times its size to ResNet50.
_MOST_THREADS = 2
_BITS = {f"{bits}bit": 2**bits for bits in range(1, 17)}


class _Clustered(NamedTuple):
    """A layer's kernel and the error that clustering it made; how it is shared only where it will be fine-tuned."""

    variable: Any
    error: float
    shared: SharedWeights | None


class Cluster(Technique):
    """``cluster-K``: K-means over each layer's kernel; layers under 20,000 weights get at least 256 clusters.

    ``cluster-8bit`` is ``cluster-256``. Exact zeros of a pruned layer stay zeros.
    """

    argument: ClassVar[str | None] = "clusters"

    clusters: int = Field(ge=2, le=65_536, description="distinct weights a layer, 2 to 65,536, or bits: 1bit to 16bit")
    skip: Literal["none", "first", "last", "ends"] = Field(default="none", description="layers to leave as they are")
    finetune: int = Field(default=0, ge=0, le=1000, description="epochs of fine-tuning the centroids")

    @field_validator("clusters", mode="before")
    @classmethod
    def _in_bits(cls, value: Any) -> Any:
        return _BITS.get(value, value) if isinstance(value, str) else value

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        variables = kernels_of(state.model)
        variables = variables[self.skip in ("first", "ends") : len(variables) - (self.skip in ("last", "ends"))]
        originals = {id(variable): variable.numpy() for variable in variables} if self.finetune else {}
        energy = sum(float(np.sum(np.square(variable.numpy(), dtype=np.float64))) for variable in variables)
        with ThreadPoolExecutor(min(_MOST_THREADS, process_threads())) as threads:
            clustered = [one for one in threads.map(self._clustered, variables) if one]
        if not clustered:
            raise TechniqueError(
                f"cluster-{self.clusters}: no layer has more distinct weights than that; nothing changed"
            )
        error, seconds = sum(one.error for one in clustered), 0.0
        if self.finetune:
            seconds = self._fine_tuned(state, context, clustered)
            differences = (one.variable.numpy() - originals[id(one.variable)] for one in clustered)
            error = sum(float(np.sum(np.square(difference, dtype=np.float64))) for difference in differences)
        total = sum(int(np.prod(variable.shape)) for variable in state.model.weights)
        changes: Changes = {
            "cluster.layers": len(clustered),
            "cluster.share_of_weights": round(sum(int(np.prod(one.variable.shape)) for one in clustered) / total, 4),
            "cluster.most_distinct_weights": max(len(np.unique(one.variable.numpy())) for one in clustered),
            "cluster.relative_error": float(f"{np.sqrt(error / energy):.3g}"),
        }
        if self.finetune:
            changes["cluster.fine_tuning_epochs"] = self.finetune
        return replace(state, deflate=True, training_s=state.training_s + seconds, changes=state.changes | changes)

    def _clustered(self, variable: Any) -> _Clustered | None:
        weights = variable.numpy()
        k = max(self.clusters, _SMALL_CLUSTERS) if weights.size < _SMALL else self.clusters
        shared = cluster_weights(weights, k)
        if not shared:
            return None
        variable.assign(shared.weights())
        return _Clustered(variable, shared.error, shared if self.finetune else None)

    def _fine_tuned(self, state: ModelState, context: TrainingContext, clustered: list[_Clustered]) -> float:
        pairs = [(one.variable, one.shared) for one in clustered if one.shared]
        for variable, shared in pairs:
            variable.constraint = ClusterMeans(shared)
        try:
            seconds = context.fine_tune(state.model, epochs=self.finetune, learning_rate=_FINE_TUNING_RATE).seconds
        finally:
            for variable, _ in pairs:
                variable.constraint = None
        for variable, shared in pairs:
            variable.assign(round_clusters(shared, variable.numpy()).weights())
        return seconds
