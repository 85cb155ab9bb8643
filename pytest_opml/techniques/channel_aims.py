"""What a network is to cost without some of its filters: fewer filters, multiplications or milliseconds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import TechniqueError
from .channel_allocation import Cost, Counts, allocate, filter_cost, multiply_accumulate_cost
from .channel_latency import batch_seconds, latency_cost
from .channel_removal import cut
from .channel_sensitivity import CuttableNetwork

# How far a measured share may be from the one asked for, and how often the network is cut for it: the times of its
# parts do not quite add up to its own.
_TOLERANCE, _TRIES = 0.02, 5

Aim = Callable[[CuttableNetwork, float], Counts]


def filters(network: CuttableNetwork, share: float) -> Counts:
    """Return how many channels stay in each space where a share of all filters goes.

    Args:
        network: to be cut.
        share: of its filters.

    Raises:
        TechniqueError: so many cannot go.
    """
    cost = filter_cost(network.channels, network.order.spaces)
    left = _left(network, cost, share)
    _check(network, 1 - cost(left) / cost(network.whole), share, "filters")
    return left


def multiply_accumulates(network: CuttableNetwork, share: float) -> Counts:
    """Return how many channels stay in each space where a share of all multiplications goes; see ``filters``."""
    cost = multiply_accumulate_cost(network.model, network.channels, network.order.spaces)
    left = _left(network, cost, share)
    _check(network, 1 - cost(left) / cost(network.whole), share, "multiply-accumulates")
    return left


def latency(network: CuttableNetwork, share: float) -> Counts:
    """Return how many channels stay in each space where a share of the time on this device goes; see ``filters``.

    The times of the network's parts say where to cut. The cut network itself is timed beside the whole one, and cut
    anew where it is not as fast as it should be, or faster.
    """
    cost, aimed = latency_cost(network), share
    attempts: list[tuple[float, Counts]] = []
    for _ in range(_TRIES):
        left = _left(network, cost, aimed)
        smaller = cut(network.model, network.channels, network.order.removed(left))
        before, after = batch_seconds([network.model, smaller], network.batch)
        attempts.append((1 - after / before, left))
        is_same = len(attempts) > 1 and np.array_equal(left, attempts[-2][1])
        if is_same or abs(attempts[-1][0] - share) <= _TOLERANCE:
            break
        aimed = min(0.99, aimed * share / max(attempts[-1][0], share / 2))
    reached, left = min(attempts, key=lambda attempt: abs(attempt[0] - share))
    _check(network, reached, share - 2 * _TOLERANCE, "time")
    return left


def _left(network: CuttableNetwork, cost: Cost, share: float) -> Counts:
    return allocate(network.curves, cost, cost(network.whole) * (1 - share))


def _check(network: CuttableNetwork, reached: float, least: float, what: str) -> None:
    if reached < least - 1e-9:
        trunks = "" if network.trunks else ", and trunks stay whole"
        raise TechniqueError(
            f"no more than {max(0.0, reached):.0%} of the {what} of {network.model.name} can go: at least 8 filters "
            f"and an eighth stay in each layer{trunks}"
        )
