"""Structured pruning: whole filters are removed, so that the network is smaller and faster on any hardware.

Sources: H. Li et al., "Pruning filters for efficient ConvNets", 2016; J. Luo et al., "ThiNet: a filter level pruning
method for deep neural network compression", 2017, for what the layer behind makes up for; P. Molchanov et al., "Pruning
convolutional neural networks for resource efficient inference", 2017, for cutting and training in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ..errors import TechniqueError
from ..models.logits import up_to_logits
from .agreement import require_copy
from .base import Changes, ModelState, Technique, TrainingContext
from .channel_aims import Aim, filters, latency, multiply_accumulates
from .channel_allocation import nearest_allowed
from .channel_groups import Channels
from .channel_latency import batch_seconds
from .channel_moments import examples_for_moments
from .channel_removal import cut, ignored
from .channel_removal import multiply_accumulates as count_multiply_accumulates
from .channel_sensitivity import ChannelOrder, CuttableNetwork, harm_curves
from .kernels import require_finite
from .model_function import call, rows_of, tensors_of

if TYPE_CHECKING:
    import keras


FINE_TUNING_RATE = 5e-4
FINE_TUNING_EPOCHS = 3
# Times that some of the filters go and the network is trained on for an epoch; the last takes the other epochs.
_ROUNDS = 2
_HARM_EXAMPLES = 128


class FilterPrune(Technique):
    """``filter-prune-S``: the share S of all filters removed where that harms least, then all layers fine-tuned.

    Layers whose outputs are added or multiplied lose the same filters. The classes, and what feeds a layer of a kind
    that is not understood, stay whole. At least 8 filters stay in each layer, and an eighth.
    """

    argument: ClassVar[str | None] = "share"
    name: ClassVar[str] = "filter-prune"
    aim: ClassVar[Aim] = filters

    share: float = Field(gt=0, lt=1, description="the share of all filters to remove, between 0 and 1")
    trunks: Literal["whole", "cut"] = Field(default="whole", description="what residual blocks are added to")
    epochs: int = Field(default=FINE_TUNING_EPOCHS, ge=0, le=1000, description="of fine-tuning")
    rate: float = Field(default=FINE_TUNING_RATE, gt=0, le=1, description="of AdamW at its height")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        require_finite(f"{self.name}-{self.share:g} is given", state.model)
        network = self._network(state.model, context)
        try:
            left = type(self).aim(network, self.share)
        except TechniqueError as error:
            raise TechniqueError(f"{self.name}-{self.share:g}: {error}") from None
        model, rounds = state.model, max(1, min(_ROUNDS, self.epochs))
        tunings = []
        for turn in range(1, rounds + 1):
            counts = [
                nearest_allowed(int(count), count - (count - end) * turn / rounds)
                for count, end in zip(network.whole, left, strict=True)
            ]
            model = self._smaller(model, counts, context, network.order if turn == 1 else None)
            epochs = 1 if turn < rounds else self.epochs - rounds + 1
            tunings.append(context.fine_tune(model, epochs=epochs, learning_rate=self.rate))
        changes = self._changes(network, model) | {
            "filter_prune.fine_tuning_epochs": sum(tuning.epochs for tuning in tunings)
        }
        training_s = state.training_s + sum(tuning.seconds for tuning in tunings)
        return replace(state, model=model, training_s=training_s, changes=state.changes | changes)

    def _network(self, model: keras.Model, context: TrainingContext) -> CuttableNetwork:
        channels = Channels(model)
        spaces = channels.spaces(trunks=self.trunks == "cut")
        order = ChannelOrder(model, channels, spaces, examples_for_moments(context.x_train, context.case.seed))
        curves = harm_curves(order, _answers_of(model, context))
        if all(len(curve.left) == 1 for curve in curves):
            trunks = " besides its trunks" if len(channels.spaces()) > len(spaces) else ""
            raise TechniqueError(
                f"{self.name}-{self.share:g}: no layer of {model.name}{trunks} has filters to spare; nothing changed"
            )
        return CuttableNetwork(model, channels, order, curves, self.trunks == "cut", context.case.batch)

    def _smaller(
        self, model: keras.Model, left: list[int], context: TrainingContext, order: ChannelOrder | None
    ) -> keras.Model:
        """The network with so many channels left in each space, its layers refitted for those."""
        channels = Channels(model)
        spaces = channels.spaces(trunks=self.trunks == "cut")
        order = order or ChannelOrder(model, channels, spaces, examples_for_moments(context.x_train, context.case.seed))
        removed = order.removed(left)
        order.refit(removed)
        smaller = cut(model, channels, removed)
        with ignored(model, channels, removed):
            require_copy(f"{self.name}-{self.share:g}: the smaller network", model, smaller, context)
        return smaller

    def _changes(self, network: CuttableNetwork, model: keras.Model) -> Changes:
        before = {name: ids.size for name, ids in network.channels.produced.items()}
        after = {name: int(model.get_layer(name).kernel.shape[-1]) for name in before}
        return {
            "filter_prune.filters_before": sum(before.values()),
            "filter_prune.filters_removed": sum(before.values()) - sum(after.values()),
            "filter_prune.parameters_before": int(network.model.count_params()),
            "filter_prune.parameters_after": int(model.count_params()),
            "filter_prune.multiply_accumulates_before": count_multiply_accumulates(network.model),
            "filter_prune.multiply_accumulates_after": count_multiply_accumulates(model),
            "filter_prune.filters_left": ", ".join(
                f"{name} {after[name]}/{count}" for name, count in before.items() if after[name] < count
            ),
        }


class FilterPruneMacs(FilterPrune):
    """``filter-prune-macs-S``: filters removed until the share S of all multiply-accumulates is gone.

    See ``FilterPrune``.
    """

    name: ClassVar[str] = "filter-prune-macs"
    aim: ClassVar[Aim] = multiply_accumulates

    share: float = Field(gt=0, lt=1, description="the share of multiply-accumulates to remove, between 0 and 1")


class FilterPruneLatency(FilterPrune):
    """``filter-prune-latency-S``: filters removed until the share S of the time on this device is gone.

    The time is that of the case's batches in a Keras file. See ``FilterPrune``.
    """

    name: ClassVar[str] = "filter-prune-latency"
    aim: ClassVar[Aim] = latency

    share: float = Field(gt=0, lt=1, description="the share of the measured time to remove, between 0 and 1")

    def needs_device(self) -> bool:
        """Return True: a channel is worth the time that it takes there."""
        return True

    def _changes(self, network: CuttableNetwork, model: keras.Model) -> Changes:
        before, after = batch_seconds([network.model, model], network.batch)
        return super()._changes(network, model) | {
            "filter_prune.batch_ms_before": round(1e3 * before, 3),
            "filter_prune.batch_ms_after": round(1e3 * after, 3),
        }


def _answers_of(model: keras.Model, context: TrainingContext) -> Callable[[], npt.NDArray[np.float64]]:
    """What asks the model about examples besides those, where there are enough."""
    import tensorflow as tf

    chosen = np.random.default_rng(context.case.seed).permutation(len(context.x_train))[-_HARM_EXAMPLES:]
    tensors = tensors_of(model, context.x_train.take(chosen))
    logits = up_to_logits(model)
    graph = tf.function(lambda *given: call(logits, given), autograph=False)
    return lambda: rows_of(graph(*tensors))
