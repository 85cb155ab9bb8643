"""Which channels of a network go first, and what its answers lose with them, measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..progress import report_progress
from .channel_allocation import Counts, HarmCurve, nearest_allowed
from .channel_elimination import Intake, refitted, removal_order
from .channel_groups import Channels, Ids
from .channel_moments import Moments, moments_of
from .mask_refit import assign_kernel, changed_variables

if TYPE_CHECKING:
    import keras

    from ..tensors import Batch

# Of the channels of a space; between them it is interpolated, and nothing is cut further than the last.
_SHARES = (0.25, 0.5, 0.75, 0.875)

Answers = npt.NDArray[np.float64]


class ChannelOrder:
    """The channels of a network in the order in which they go, and the layers that have to do without them.

    Args:
        model: functional or sequential.
        channels: of it.
        spaces: whose channels may go.
        batches: of examples that tell what its layers take in.

    Attributes:
        spaces: as given, each in the order in which its channels go.
    """

    def __init__(self, model: keras.Model, channels: Channels, spaces: Sequence[Ids], batches: Iterable[Batch]) -> None:
        self._model, self._channels = model, channels
        readers = [self._layers_behind(space) for space in spaces]
        names = dict.fromkeys(name for names in readers for name in names)
        moments = moments_of(model, names, batches)
        self._intakes = {name: self._intake(name, moments[name]) for name in names}
        self.spaces = [self._ordered(*pair) for pair in zip(spaces, readers, strict=True)]

    def removed(self, left: Sequence[int] | Counts) -> Ids:
        """Return the channels that go where each space is left with so many."""
        going = [space[: len(space) - int(count)] for space, count in zip(self.spaces, left, strict=True)]
        return np.concatenate([np.empty(0, np.intp), *going])

    def refit(self, removed: Ids) -> None:
        """Give the layers that take in removed channels the weights that make up for these as far as they can."""
        for name, intake in self._intakes.items():
            if np.isin(intake.channels, removed).any():
                assign_kernel(self._model, self._channels, name, *refitted(intake, removed))

    @contextmanager
    def tried(self, removed: Ids) -> Iterator[None]:
        """While the block runs the model answers as it would without some channels."""
        names = [name for name, intake in self._intakes.items() if np.isin(intake.channels, removed).any()]
        variables = [variable for name in names for variable in changed_variables(self._model, self._channels, name)]
        before = [(variable, variable.numpy()) for variable in variables]
        try:
            self.refit(removed)
            yield
        finally:
            for variable, array in before:
                variable.assign(array)

    def _layers_behind(self, space: Ids) -> list[str]:
        return [
            name
            for name in self._channels.produced
            if np.isin(self._channels.roots(self._channels.inputs[name]), space).any()
        ]

    def _intake(self, name: str, moments: Moments) -> Intake:
        kernel = self._model.get_layer(name).kernel.numpy().astype(np.float64)
        rows = self._channels.roots(self._channels.inputs[name])
        kernel = kernel.reshape(-1, kernel.shape[-1])
        return Intake(np.tile(rows, len(kernel) // len(rows)), kernel, moments)

    def _ordered(self, space: Ids, readers: Sequence[str]) -> Ids:
        """By what their loss costs; by the norms of the filters where a layer behind them is too wide to tell."""
        intakes = [self._intakes[name] for name in readers]
        if intakes and all(intake.moments.covariance is not None for intake in intakes):
            return removal_order(space, intakes)
        norms = dict.fromkeys(space.tolist(), 0.0)
        for name, ids in self._channels.produced.items():
            roots = self._channels.roots(ids)
            if np.isin(roots, space).any():
                kernel = self._model.get_layer(name).kernel.numpy()
                for root, norm in zip(roots.tolist(), filter_norms(kernel, self._scale(name)), strict=True):
                    norms[root] += float(norm)
        return space[np.argsort([norms[root] for root in space.tolist()], kind="stable")]

    def _scale(self, name: str) -> npt.NDArray[np.float32] | None:
        normalisation = self._channels.normalised.get(name)
        if normalisation is None:
            return None
        gamma = normalisation.gamma.numpy() if normalisation.scale else 1.0
        scale = gamma / np.sqrt(normalisation.moving_variance.numpy() + normalisation.epsilon)
        return np.asarray(scale, dtype=np.float32)


def filter_norms(kernel: npt.NDArray[np.float32], scale: npt.NDArray[np.float32] | None) -> npt.NDArray[np.float64]:
    """The L1 norm of each filter over the layer's mean.

    Args:
        kernel: (..., filters).
        scale: (filters,) what the batch normalisation after the layer multiplies each filter by, where there is one.
    """
    norms = np.abs(kernel).sum(axis=tuple(range(kernel.ndim - 1)), dtype=np.float64)
    norms = norms if scale is None else norms * np.abs(scale)
    return np.asarray(norms / max(float(norms.mean()), float(np.finfo(np.float64).tiny)))


def harm_curves(order: ChannelOrder, answer: Callable[[], Answers]) -> list[HarmCurve]:
    """Measure what cutting each space alone does to the answers.

    Args:
        order: of the model's channels.
        answer: asks the model, (n, k) as it is now; logits tell more than probabilities.

    Returns:
        For each space the squared change of the answers, as a share of their variance.
    """
    uncut, curves = answer(), []
    scale = max(float(uncut.var(axis=0).mean()), 1e-30)
    whole = [len(space) for space in order.spaces]
    for number, count in enumerate(whole):
        report_progress("measuring what each layer's filters are worth, layer", number + 1, len(whole))
        counts = sorted({nearest_allowed(count, count * (1 - share)) for share in _SHARES} - {count}, reverse=True)
        harms = [0.0]
        for left in counts:
            with order.tried(order.removed([*whole[:number], left, *whole[number + 1 :]])):
                harms.append(float(np.mean((answer() - uncut) ** 2)) / scale)
        curves.append(HarmCurve((count, *counts), tuple(harms)))
    return curves


@dataclass(frozen=True)
class CuttableNetwork:
    """A network, and what is known of its channels.

    Attributes:
        model: functional or sequential.
        channels: of it.
        order: in which they go.
        curves: what cutting each space does to the answers.
        trunks: whether the trunks are among the spaces.
        batch: examples at a time, where it is timed.
    """

    model: keras.Model
    channels: Channels
    order: ChannelOrder
    curves: list[HarmCurve]
    trunks: bool
    batch: int

    @property
    def whole(self) -> Counts:
        """How many channels each space has."""
        return np.array([len(space) for space in self.order.spaces], dtype=np.intp)
