"""Weight clustering: each layer keeps K distinct weights, which makes the deflated file small.

Source: S. Han, H. Mao, W. J. Dally, "Deep compression", 2015 (weight sharing and its fine-tuning).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from ..errors import TechniqueError
from ..models.training import fine_tune
from .base import Changes, Draft, Material, Technique
from .kernels import kernels_of
from .sharing import Shared, Tied, settled, share

# Layers of few weights hold a twentieth of a network and most of the harm of coarse clustering: at K = 64 Lite0 fell
# from 0.94 to 0.83 on digits when they were clustered as coarsely as the others, to 0.93 when they kept 256.
_SMALL, _SMALL_CLUSTERS = 20_000, 256
_FINE_TUNING_RATE = 1e-4
# Each thread holds some 80 bytes a weight of the layer in hand.
_MOST_THREADS = 4
_BITS = {f"{bits}bit": 2**bits for bits in range(1, 17)}


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

    def apply(self, draft: Draft, material: Material) -> Draft:
        """See ``Technique.apply``."""
        variables = kernels_of(draft.model)
        variables = variables[self.skip in ("first", "ends") : len(variables) - (self.skip in ("last", "ends"))]
        originals = {id(variable): variable.numpy() for variable in variables} if self.finetune else {}
        energy = sum(float(np.sum(np.square(variable.numpy(), dtype=np.float64))) for variable in variables)
        with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as threads:
            found = list(threads.map(self._shared, variables))
        pairs = [(variable, shared) for variable, shared in zip(variables, found, strict=True) if shared is not None]
        if not pairs:
            raise TechniqueError(
                f"cluster-{self.clusters}: no layer has more distinct weights than that; nothing changed"
            )
        for variable, shared in pairs:
            variable.assign(shared.weights())
        seconds = self._fine_tuned(draft, material, pairs) if self.finetune else 0.0
        error = sum(shared.error for _, shared in pairs)
        if self.finetune:
            differences = (variable.numpy() - originals[id(variable)] for variable, _ in pairs)
            error = sum(float(np.sum(np.square(difference, dtype=np.float64))) for difference in differences)
        total = sum(int(np.prod(variable.shape)) for variable in draft.model.weights)
        changes: Changes = {
            "cluster.layers": len(pairs),
            "cluster.share_of_weights": round(sum(shared.labels.size for _, shared in pairs) / total, 4),
            "cluster.most_distinct_weights": max(len(np.unique(variable.numpy())) for variable, _ in pairs),
            "cluster.relative_error": float(f"{np.sqrt(error / energy):.3g}"),
        }
        if self.finetune:
            changes["cluster.fine_tuning_epochs"] = self.finetune
        return replace(draft, compress=True, training_s=draft.training_s + seconds, changes=draft.changes | changes)

    def _shared(self, variable: Any) -> Shared | None:
        weights = variable.numpy()
        k = max(self.clusters, _SMALL_CLUSTERS) if weights.size < _SMALL else self.clusters
        return share(weights, k)

    def _fine_tuned(self, draft: Draft, material: Material, pairs: list[tuple[Any, Shared]]) -> float:
        for variable, shared in pairs:
            variable.constraint = Tied(shared)
        try:
            seconds = fine_tune(
                draft.model,
                material.x_train,
                material.y_train,
                epochs=self.finetune,
                batch=material.case.batch,
                seed=material.case.seed,
                learning_rate=_FINE_TUNING_RATE,
            )
        finally:
            for variable, _ in pairs:
                variable.constraint = None
        for variable, shared in pairs:
            variable.assign(settled(shared, variable.numpy()).weights())
        return seconds
