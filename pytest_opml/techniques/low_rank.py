"""Low-rank factorisation: a layer becomes two thinner ones in a row, where that takes fewer multiplications.

Source: X. Zhang et al., "Accelerating very deep convolutional networks for classification and detection", 2016: what
counts is not how well the kernel is kept but how well the outputs are, so the factors are the principal components of
the layer's outputs on training examples, and the ranks are shared out by the energy of the outputs that they lose.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ..errors import TechniqueError
from ..models.cloning import clone
from .base import Changes, ModelState, Technique, TrainingContext
from .channel_groups import nodes_of
from .channel_moments import Moments, moments_of
from .channel_removal import multiply_accumulates

if TYPE_CHECKING:
    import keras

    from ..tensors import Batch

FINE_TUNING_RATE = 5e-4
FINE_TUNING_EPOCHS = 3
_EXAMPLES, _BATCH = 1024, 64
# Vectorised kernels work on 8 channels at a time.
_MULTIPLE = 8
_BISECTIONS = 60

Matrix = npt.NDArray[np.float64]


class Factors(NamedTuple):
    """A layer whose outputs are to have few dimensions.

    Attributes:
        name: of the layer.
        kernel: as a matrix (width, outputs).
        mean: (width,) of what the layer takes in.
        directions: (outputs, outputs) orthonormal columns, those of most energy first.
        lost: (outputs + 1,) the share of the outputs' energy that is lost with so many directions.
        positions: in the output, for one example.
    """

    name: str
    kernel: Matrix
    mean: Matrix
    directions: Matrix
    lost: Matrix
    positions: int

    @property
    def whole_cost(self) -> int:
        """Multiply-accumulates of the layer as it is, for one example."""
        return self.positions * self.kernel.size

    def cost(self, rank: int) -> int:
        """Multiply-accumulates of the two layers."""
        return self.positions * rank * sum(self.kernel.shape)

    def ranks(self) -> npt.NDArray[np.intp]:
        """The ranks that are worth while, ascending."""
        most = min(*self.kernel.shape, (self.kernel.size - 1) // sum(self.kernel.shape))
        step = _MULTIPLE if most >= 2 * _MULTIPLE else 1
        return np.arange(step, most + 1, step)


class LowRank(Technique):
    """``low-rank-S``: layers split into two thinner ones until the share S of their multiplications is gone.

    Convolutions and dense layers but for the last are split, each to the rank that its outputs need; then all layers
    are fine-tuned.
    """

    argument: ClassVar[str | None] = "share"

    share: float = Field(gt=0, lt=1, description="the share of these layers' multiply-accumulates to remove")
    epochs: int = Field(default=FINE_TUNING_EPOCHS, ge=0, le=1000, description="of fine-tuning")
    rate: float = Field(default=FINE_TUNING_RATE, gt=0, le=1, description="of AdamW at its height")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        layers = factors_of(state.model, _examples(context))
        ranks = self._ranks(layers, state.model.name)
        model = factorised(state.model, [layer for layer in layers if layer.name in ranks], ranks)
        tuning = context.fine_tune(model, epochs=self.epochs, learning_rate=self.rate)
        lost = [float(layer.lost[ranks[layer.name]]) for layer in layers if layer.name in ranks]
        changes: Changes = {
            "low_rank.layers": len(ranks),
            "low_rank.ranks": ", ".join(
                f"{layer.name} {ranks[layer.name]}/{layer.kernel.shape[1]}" for layer in layers if layer.name in ranks
            ),
            "low_rank.most_energy_lost": round(max(lost), 4),
            "low_rank.multiply_accumulates_before": multiply_accumulates(state.model),
            "low_rank.multiply_accumulates_after": multiply_accumulates(model),
            "low_rank.parameters_before": int(state.model.count_params()),
            "low_rank.parameters_after": int(model.count_params()),
            "low_rank.fine_tuning_epochs": tuning.epochs,
        }
        return replace(
            state, model=model, training_s=state.training_s + tuning.seconds, changes=state.changes | changes
        )

    def _ranks(self, layers: list[Factors], model: str) -> dict[str, int]:
        whole = sum(layer.whole_cost for layer in layers)
        least = sum(min(layer.whole_cost, layer.cost(int(layer.ranks()[0]))) for layer in layers)
        if not layers or least > (1 - self.share) * whole:
            most = (
                f"no more than {1 - least / whole:.0%} of these multiplications can go"
                if layers
                else "no layer can be split"
            )
            raise TechniqueError(f"low-rank-{self.share:g}: {most} in {model}; nothing changed")
        return allocate(layers, (1 - self.share) * whole)


def _examples(context: TrainingContext) -> Iterator[Batch]:
    chosen = np.random.default_rng(context.case.seed).permutation(len(context.x_train))[:_EXAMPLES]
    return (context.x_train.take(chosen[start : start + _BATCH]) for start in range(0, len(chosen), _BATCH))


def factors_of(model: keras.Model, batches: Iterator[Batch]) -> list[Factors]:
    """Return what is needed to split each layer of a model where that saves anything, from the input on.

    Args:
        model: functional or sequential.
        batches: of examples, that show what the layers give.
    """
    import keras

    nodes = [node for node in nodes_of(model) if isinstance(node.operation, (keras.layers.Conv2D, keras.layers.Dense))]
    names = [node.operation.name for node in nodes]
    usable = [
        node
        for node in nodes[:-1]
        if names.count(node.operation.name) == 1
        and type(node.operation) in (keras.layers.Conv2D, keras.layers.Dense)
        and getattr(node.operation, "groups", 1) == 1
        and None not in node.outputs[0].shape[1:]
    ]
    moments = moments_of(model, [node.operation.name for node in usable], batches)
    layers = [_factors(node, moments[node.operation.name]) for node in usable if node.operation.name in moments]
    return [layer for layer in layers if layer.ranks().size]


def _factors(node: Any, moments: Moments) -> Factors:
    layer = node.operation
    kernel = layer.kernel.numpy().astype(np.float64).reshape(-1, layer.kernel.shape[-1])
    energies, directions = np.linalg.eigh(kernel.T @ moments.covariance @ kernel)
    energies = np.maximum(energies[::-1], 0)
    left = np.concatenate([np.cumsum(energies[::-1])[::-1], [0.0]])
    lost = left / max(float(left[0]), float(np.finfo(np.float64).tiny))
    positions = int(np.prod(node.outputs[0].shape[1:-1]))
    return Factors(layer.name, kernel, moments.mean, directions[:, ::-1], lost, positions)


def allocate(layers: list[Factors], cost: float) -> dict[str, int]:
    """Return the rank of each layer that is split, so that the shares of energy lost have about the least sum.

    Args:
        layers: that can be split.
        cost: multiply-accumulates of all of them that may be left.
    """

    def chosen(price: float) -> tuple[dict[str, int], float]:
        """The best ranks where a multiply-accumulate has a price, and their cost."""
        ranks, total = dict[str, int](), 0.0
        for layer in layers:
            options = layer.ranks()
            costs = layer.cost(1) * options.astype(np.float64)
            best = int(np.argmin(layer.lost[options] + price * costs))
            if layer.lost[options[best]] + price * costs[best] < price * layer.whole_cost:
                ranks[layer.name] = int(options[best])
            total += costs[best] if layer.name in ranks else layer.whole_cost
        return ranks, total

    # Above a price of one share of energy for one multiplication, each layer has its lowest rank.
    low, high = -60.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if chosen(2.0**middle)[1] <= cost else (middle, high)
    return chosen(2.0**high)[0]


def factorised(model: keras.Model, layers: list[Factors], ranks: dict[str, int]) -> keras.Model:
    """Return a copy of a model in which some layers are two in a row; the first is called ``NAME_factor``.

    Args:
        model: functional or sequential; it is not changed.
        layers: of it, to be split.
        ranks: how many channels there are between the two, by the layer's name.
    """
    import keras

    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    first: dict[str, Any] = {}

    def split(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer.name not in ranks:
            return type(layer).from_config(config)
        size = "filters" if "filters" in config else "units"
        plain = {"name": f"{layer.name}_factor", "use_bias": False, "activation": "linear", size: ranks[layer.name]}
        first[layer.name] = type(layer).from_config(config | plain)
        once = {"kernel_size": (1, 1), "strides": (1, 1), "dilation_rate": (1, 1)} if size == "filters" else {}
        return type(layer).from_config(config | once | {"use_bias": True})

    def call(layer: Any, *tensors: Any, **options: Any) -> Any:
        if layer.name in first:
            return layer(first[layer.name](*tensors, **options))
        return layer(*tensors, **options)

    smaller = clone(model, split, recursive=False, call_function=call)
    for layer in layers:
        directions = layer.directions[:, : ranks[layer.name]]
        factor, second = first[layer.name], smaller.get_layer(layer.name)
        thin = layer.kernel @ directions
        bias = layer.mean @ (layer.kernel - thin @ directions.T)
        original = model.get_layer(layer.name)
        if original.use_bias:
            bias = bias + original.bias.numpy()
        factor.set_weights([thin.reshape(factor.kernel.shape)])
        second.set_weights([directions.T.reshape(second.kernel.shape), bias])
    return smaller
