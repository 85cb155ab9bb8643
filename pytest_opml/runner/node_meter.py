"""What a run has used so far of the machines of one kind of device."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..records.node_use import NodeUse

if TYPE_CHECKING:
    from .options import RunOptions


class NodeTime(NamedTuple):
    """Machines, and the seconds that a run had of them, all together."""

    nodes: int
    seconds: float


class Stopwatch:
    """Adds up the seconds for which something was worked on."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._since: float | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the seconds for which the block runs; a block within it changes nothing."""
        if self._since is not None:
            yield
            return
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._seconds, self._since = self.seconds, None

    @property
    def seconds(self) -> float:
        """So far; those of a block that runs among them."""
        since = self._since
        return self._seconds + (0.0 if since is None else time.monotonic() - since)


class _Runner(Protocol):
    """What the meter asks of whoever runs cases."""

    @property
    def node_time(self) -> NodeTime:
        """The time in which cases were worked on, so far."""


class NodeMeter:
    """Reads what a run has used of one kind of device.

    Args:
        options: of the run on this kind, which may have a price.
        runner: runs its cases.
        held_since: when the run began to hold the one machine that it is on, on the monotonic clock; None where only
            the time counts in which cases were worked on.
    """

    def __init__(self, options: RunOptions, runner: _Runner, held_since: float | None) -> None:
        self._profile = options.device.profile
        self._price = options.settings.prices.get(self._profile)
        self._runner, self._held_since = runner, held_since

    def read(self) -> NodeUse:
        """Return what was used so far."""
        since = self._held_since
        nodes, seconds = self._runner.node_time if since is None else NodeTime(1, time.monotonic() - since)
        return NodeUse(profile=self._profile, nodes=nodes, seconds=seconds, price_per_hour=self._price)
