"""What a user is told of the nodes of a fleet while a run goes on: each thing once, and in one line."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ray_fleet import UnitEnd
    from .schedule import Fault, Schedule

_SHOWN = 8  # characters of a node's id
_LOOK_S = 5.0


def short_id(node: str | None) -> str:
    """Return what is shown of the id of a node; ``?`` where it is not known."""
    return (node or "?")[:_SHOWN]


class NodeNotes:
    """Collects what is to be told of nodes, until somebody takes it.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._looked_at = clock, clock()
        self._waiting: list[str] = []
        self._told: set[str] = set()

    def add_fault(self, end: UnitEnd, fault: Fault, reason: str) -> None:
        """Note that an attempt ended without an answer.

        Args:
            end: of the attempt.
            fault: whose it is; that of the work itself is in the record, and not noted.
            reason: in words.
        """
        node = f"{end.attempt.kind} node {short_id(end.node)}"
        if fault == "lost":
            self._add(f"{node} is lost, and what it was at is done by another: {reason}")
        elif fault == "node":
            self._add(f"{node} cannot run cases, which go to another: {reason}")

    def look_at(self, schedule: Schedule) -> None:
        """Note which nodes get no more work, and which are slow."""
        for node, reason in schedule.set_aside.items():
            self._add(f"node {short_id(node)} gets no more cases: {reason}")
        if self._clock() - self._looked_at < _LOOK_S:  # it looks at all that all nodes have done
            return
        self._looked_at = self._clock()
        for slow in schedule.slow_nodes():
            if slow.node not in self._told:  # whose ratio changes with each work
                self._told.add(slow.node)
                ratio = f"{slow.ratio:.1f} times as long as is usual for its kind"
                self._add(f"{slow.kind} node {short_id(slow.node)} takes {ratio}; its times may not be comparable")

    def _add(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._waiting.append(text)

    def take(self) -> list[str]:
        """Return what was not taken before."""
        taken, self._waiting = self._waiting, []
        return taken
