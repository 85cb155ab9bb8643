"""Clustering, pruning and quantisation-aware training as tensorflow-model-optimization does them.

Source: https://www.tensorflow.org/model_optimization; M. Zhu, S. Gupta, "To prune, or not to prune", 2017 (the schedule
of the sparsity); B. Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", 2018.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import psutil
from pydantic import Field

from ..errors import TechniqueError
from ..measure.arithmetic import NumberFormat
from .base import Changes, ModelState, Technique, TrainingContext
from .gradual_masks import magnitude_masks
from .tf_keras.client import run_legacy
from .tf_keras.files import Outcome

if TYPE_CHECKING:
    import keras

# Those of the kinds that tfmot clusters and prunes; it leaves depthwise kernels alone, which lose too much.
_KERNELS = {
    "Conv1D": "kernel",
    "Conv2D": "kernel",
    "Conv2DTranspose": "kernel",
    "Conv3D": "kernel",
    "Dense": "kernel",
    "SeparableConv1D": "pointwise_kernel",
    "SeparableConv2D": "pointwise_kernel",
}


# Of AdamW at its highest, after warming up; of pruning, which has more to make up for. At 1e-3, without warming up and
# without a teacher, half of the weights pruned cost Lite0 0.59 of accuracy on CIFAR-10.
_RATE, _PRUNING_RATE = 1e-4, 3e-4


def kernels_by_layer(model: keras.Model) -> dict[str, keras.Variable]:
    """Return the kernel of each layer that tfmot works on."""
    return {
        layer.name: getattr(layer, _KERNELS[type(layer).__name__])
        for layer in model.layers
        if type(layer).__name__ in _KERNELS
    }


def _distinct(variable: keras.Variable) -> int:
    return len(np.unique(variable.numpy()))


def _put_back(model: keras.Model, outcome: Outcome) -> None:
    for name, arrays in outcome.weights.items():
        model.get_layer(name).set_weights(arrays)


class TfmotCluster(Technique):
    """``tfmot-cluster-K``: K shared weights a layer, fine-tuned together with the others."""

    argument: ClassVar[str | None] = "clusters"

    clusters: int = Field(ge=2, le=65_536, description="distinct weights a layer, 2 to 65,536")
    epochs: int = Field(default=1, ge=0, le=1000, description="of fine-tuning")
    rate: float = Field(default=_RATE, gt=0, le=1, description="of AdamW at its highest")
    start: Literal["kmeans", "linear"] = Field(default="kmeans", description="how the first centroids are chosen")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        written = f"tfmot-cluster-{self.clusters}"
        kernels = {
            name: kernel for name, kernel in kernels_by_layer(state.model).items() if _distinct(kernel) > self.clusters
        }
        if not kernels:
            raise TechniqueError(f"{written}: no layer has more distinct weights than that; nothing changed")
        self._check_memory(written, kernels)
        outcome = run_legacy(
            written,
            "cluster",
            state.model,
            context,
            layers=list(kernels),
            clusters=self.clusters,
            epochs=self.epochs,
            rate=self.rate,
            start="KMEANS_PLUS_PLUS" if self.start == "kmeans" else "LINEAR",
        )
        _put_back(state.model, outcome)
        distinct = max(_distinct(kernel) for kernel in kernels.values())
        if distinct > self.clusters:
            raise TechniqueError(f"{written}: a layer came back with {distinct} distinct weights")
        changes: Changes = {
            "tfmot_cluster.layers": len(kernels),
            "tfmot_cluster.most_distinct_weights": distinct,
            "tfmot_cluster.share_of_weights": round(
                sum(int(np.prod(kernel.shape)) for kernel in kernels.values()) / state.model.count_params(), 4
            ),
            "tfmot_cluster.fine_tuning_epochs": outcome.epochs,
        }
        return replace(
            state, deflate=True, training_s=state.training_s + outcome.training_s, changes=state.changes | changes
        )

    def _check_memory(self, written: str, kernels: dict[str, keras.Variable]) -> None:
        """It compares every weight with every centroid at once."""
        weights, name = max((int(np.prod(kernel.shape)), name) for name, kernel in kernels.items())
        needed, available = 4 * weights * self.clusters, psutil.virtual_memory().available
        if needed > available:
            raise TechniqueError(
                f"{written}: layer {name} of {weights:,} weights takes {needed / 1e9:.1f} GB of memory (weights x K x "
                f"4 bytes), {available / 1e9:.1f} GB are available; use cluster-{self.clusters}"
            )


class TfmotPrune(Technique):
    """``tfmot-prune-S``: the share S of the weights removed step by step while all layers are trained.

    Half of the weights of each layer cost Lite0 0.6 of accuracy before training, half of all weights, chosen by their
    scores, 0.16: so these decide how many each layer loses.
    """

    argument: ClassVar[str | None] = "sparsity"

    sparsity: float = Field(gt=0, lt=1, description="the share of weights to remove, between 0 and 1")
    shares: Literal["scored", "even"] = Field(
        default="scored", description="of each layer: by its weights' scores, as in prune-S, or the same of all"
    )
    epochs: int = Field(default=3, ge=1, le=1000, description="of training, at the most")
    rate: float = Field(default=_PRUNING_RATE, gt=0, le=1, description="of AdamW at its highest")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        written = f"tfmot-prune-{self.sparsity:g}"
        kernels = kernels_by_layer(state.model)

        def zeros() -> int:
            return sum(int(np.sum(kernel.numpy() == 0)) for kernel in kernels.values())

        before = zeros()
        outcome = run_legacy(
            written,
            "prune",
            state.model,
            context,
            sparsities=self.by_layer({name: kernel.numpy() for name, kernel in kernels.items()}),
            epochs=self.epochs,
            rate=self.rate,
        )
        _put_back(state.model, outcome)
        if zeros() <= before:
            raise TechniqueError(f"{written}: as many weights were zero before; nothing changed")
        total = sum(int(np.prod(kernel.shape)) for kernel in kernels.values())
        changes: Changes = {
            "tfmot_prune.layers": len(kernels),
            "tfmot_prune.sparsity": round(zeros() / total, 4),
            "tfmot_prune.share_of_weights": round(total / state.model.count_params(), 4),
            "tfmot_prune.epochs": outcome.epochs,
        }
        return replace(
            state, deflate=True, training_s=state.training_s + outcome.training_s, changes=state.changes | changes
        )

    def by_layer(self, kernels: dict[str, npt.NDArray[np.float32]]) -> dict[str, float]:
        """Return the share of each layer's weights to remove, by its name; a layer that keeps all is not there."""
        if self.shares == "even":
            return dict.fromkeys(kernels, self.sparsity)
        masks = magnitude_masks(list(kernels.values()), self.sparsity)
        return {name: 1 - float(mask.mean()) for name, mask in zip(kernels, masks, strict=True) if not mask.all()}


class TfmotQat(Technique):
    """``tfmot-qat``: trained on with the rounding of 8 bits emulated, then converted to a ``.tflite`` file."""

    ends_chain: ClassVar[bool] = True
    computes_in: ClassVar[NumberFormat | None] = NumberFormat("litert", "int8")

    epochs: int = Field(default=1, ge=1, le=1000, description="of training")
    rate: float = Field(default=_RATE, gt=0, le=1, description="of AdamW at its highest")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        outcome = run_legacy("tfmot-qat", "qat", state.model, context, epochs=self.epochs, rate=self.rate)
        changes = share_in_8_bits(outcome.flatbuffer) | {"tfmot_qat.epochs": outcome.epochs}
        return replace(
            state,
            flatbuffer=outcome.flatbuffer,
            suffix=".tflite",
            training_s=state.training_s + outcome.training_s,
            changes=state.changes | changes,
        )


def share_in_8_bits(flatbuffer: bytes) -> Changes:
    """What of a TFLite file's tensors is int8.

    Raises:
        TechniqueError: no weight is.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=flatbuffer)
    tensors = interpreter.get_tensor_details()
    produced = {index for operation in interpreter._get_ops_details() for index in operation["outputs"]}
    produced |= {tensor["index"] for tensor in interpreter.get_input_details()}
    weights = [tensor for tensor in tensors if tensor["index"] not in produced]
    results = [tensor for tensor in tensors if tensor["index"] in produced]
    sizes = {
        kind: sum(int(np.prod(t["shape"])) for t in weights if t["dtype"] == kind)
        for kind in {t["dtype"] for t in weights}
    }
    eight = sizes.get(np.int8, 0)
    if not eight:
        raise TechniqueError("tfmot-qat: no weight is held in 8 bits; nothing changed")
    return {
        "tfmot_qat.share_of_weights": round(eight / sum(sizes.values()), 4),
        "tfmot_qat.share_of_results": round(sum(t["dtype"] == np.int8 for t in results) / len(results), 4),
    }
