"""How many channels each space loses so that a network costs as little as it should at the least harm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .channel_groups import Channels, Ids, nodes_of

if TYPE_CHECKING:
    import keras

# Vectorised kernels work on 8 channels at a time; narrow layers have too few to round.
_MULTIPLE, _NARROW = 8, 32

Counts = npt.NDArray[np.intp]
Cost = Callable[[Counts], float]


@dataclass(frozen=True)
class HarmCurve:
    """What cutting one space alone does to the answers of a network.

    Attributes:
        left: how many channels stay, falling; all of them first.
        harm: that each does, zero first.
    """

    left: tuple[int, ...]
    harm: tuple[float, ...]

    def at(self, left: int) -> float:
        """Return the harm of leaving so many, along the lower hull of what was measured.

        Along the hull the next channels never do less harm than the last ones, so that the cheapest next step is always
        on the way to the cheapest end.
        """
        rising = np.maximum.accumulate(np.asarray(self.harm, np.float64))
        removed = self.left[0] - np.asarray(self.left, np.float64)
        hull = [0]
        while hull[-1] < len(removed) - 1:
            start = hull[-1]
            slopes = (rising[start + 1 :] - rising[start]) / (removed[start + 1 :] - removed[start])
            hull.append(start + 1 + int(np.flatnonzero(slopes == slopes.min())[-1]))
        return float(np.interp(self.left[0] - left, removed[hull], rising[hull]))


def counts_allowed(count: int) -> list[int]:
    """How many channels a space of ``count`` may be left with, falling: multiples of 8 from 32 on, and 8 at least."""
    step = _MULTIPLE if count >= _NARROW else 1
    below = range((count - 1) // step * step, _MULTIPLE - 1, -step)
    return [count, *below]


def nearest_allowed(count: int, left: float) -> int:
    """Return the number of channels nearest to ``left`` that a space of ``count`` may be left with."""
    return min(counts_allowed(count), key=lambda allowed: (abs(allowed - left), -allowed))


def allocate(curves: Sequence[HarmCurve], cost: Cost, most: float) -> Counts:
    """Return how many channels each space is left with for a network that costs ``most``.

    Step by step the space that does least harm for what it saves is cut on. No space is left with less than its curve
    reaches; where the network costs more even so, all are cut as far as that.

    Args:
        curves: of each space.
        cost: of a network with so many channels in each space; it falls with each.
        most: that the network may cost.
    """
    left = np.array([curve.left[0] for curve in curves], dtype=np.intp)
    steps = [[count for count in counts_allowed(curve.left[0]) if count >= curve.left[-1]] for curve in curves]
    harms = [[curve.at(count) for count in counts] for curve, counts in zip(curves, steps, strict=True)]
    places = [0] * len(curves)
    now = cost(left)
    while now > most:
        best, best_price = -1, np.inf
        for space, place in enumerate(places):
            if place + 1 == len(steps[space]):
                continue
            smaller = left.copy()
            smaller[space] = steps[space][place + 1]
            saved = now - cost(smaller)
            price = (harms[space][place + 1] - harms[space][place]) / saved if saved > 0 else np.inf
            if price < best_price:
                best, best_price = space, price
        if best < 0:
            return left
        places[best] += 1
        left[best] = steps[best][places[best]]
        now = cost(left)
    return left


def filter_cost(channels: Channels, spaces: Sequence[Ids]) -> Cost:
    """Return what counts the filters of all convolutions and dense layers."""
    produced = np.concatenate([channels.roots(ids) for ids in channels.produced.values()])
    inside = np.array([np.isin(produced, space).sum() / len(space) for space in spaces])
    rest = len(produced) - float(sum(inside * [len(space) for space in spaces]))
    return lambda left: rest + float(inside @ left)


def multiply_accumulate_cost(model: keras.Model, channels: Channels, spaces: Sequence[Ids]) -> Cost:
    """Return what counts the multiplications with a weight for one example."""
    import keras

    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
    layers = [node for node in nodes_of(model) if isinstance(node.operation, kinds)]
    sizes = np.array([len(space) for space in spaces])
    factors, taken, given = [], [], []
    for node in layers:
        layer, name = node.operation, node.operation.name
        kernel = tuple(layer.kernel.shape)
        factors.append(float(np.prod(kernel)) * float(np.prod(node.outputs[0].shape[1:-1])))
        taken.append(_shares(channels, channels.inputs.get(name), spaces))
        given.append(_shares(channels, channels.outputs[name] if name in channels.produced else None, spaces))
    factor, takes, gives = np.array(factors), np.array(taken), np.array(given)

    def cost(left: Counts) -> float:
        removed = 1 - left / sizes
        return float(factor @ ((1 - takes @ removed) * (1 - gives @ removed)))

    return cost


def _shares(channels: Channels, ids: Ids | None, spaces: Sequence[Ids]) -> npt.NDArray[np.float64]:
    """Which share of the channels of a tensor belongs to each space."""
    if ids is None:
        return np.zeros(len(spaces))
    roots: Any = channels.roots(ids)
    return np.array([np.isin(roots, space).mean() for space in spaces])
