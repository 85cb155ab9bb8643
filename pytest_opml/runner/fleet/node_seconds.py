"""The seconds for which the nodes of a fleet worked for a run, lost attempts among them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..node_meter import NodeTime

if TYPE_CHECKING:
    from .ray_fleet import Told, UnitEnd


_ECHO_S = 2.0


class _Begun(NamedTuple):
    """An attempt that the driver has heard of: on which node it is, and since when."""

    kind: str
    node: str
    since: float


class _Lost(NamedTuple):
    """What the node of a lost attempt said last, which stays on the board, and when it was lost."""

    words: Told | None
    at: float


class NodeSeconds:
    """Adds up, by the kind of node, for how long units were worked on.

    A unit that was answered took what its node says. One whose node was lost took the time from when it was first heard
    of until it was lost; so does one that still runs, up to now. Of an attempt that nobody heard of, nothing counts.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._nodes: defaultdict[str, set[str]] = defaultdict(set)
        self._begun: dict[str, _Begun] = {}
        self._lost: dict[str, _Lost] = {}
        self._told: Mapping[str, Told] = {}

    def hear(self, told: Mapping[str, Told], kinds: Mapping[str, str]) -> None:
        """Take down which units have begun.

        Args:
            told: what was last heard of each unit that runs, by its key.
            kinds: of the nodes that units go to, by their keys.
        """
        self._told = told
        for key in self._begun.keys() - told.keys():  # it is done, and its answer, which says how long it took, comes
            del self._begun[key]
        for key, words in told.items():
            if words.node and key not in self._begun and not self._is_echo(key, words):
                self._begun[key] = _Begun(kinds[key], words.node, self._clock())
                self._nodes[kinds[key]].add(words.node)

    def _is_echo(self, key: str, words: Told) -> bool:
        """Whether these are words of a lost node, some of which come in after it was lost."""
        lost = self._lost.get(key)
        if lost and self._clock() - lost.at < _ECHO_S:
            lost = self._lost[key] = lost._replace(words=words)
        return lost is not None and lost.words == words

    def add(self, end: UnitEnd) -> None:
        """Count an attempt that has ended, however it did."""
        key, kind = end.attempt.key, end.attempt.kind
        begun = self._begun.pop(key, None)
        if end.answer:
            self._seconds[kind] += end.answer.seconds
            self._nodes[kind] |= {end.node} if end.node else set()
        elif begun:
            self._seconds[kind] += self._clock() - begun.since
        self._lost[key] = _Lost(self._told.get(key), self._clock())

    def of(self, kind: str) -> NodeTime:
        """Return what was used of a kind of node so far."""
        running = sum(self._clock() - begun.since for begun in self._begun.values() if begun.kind == kind)
        return NodeTime(len(self._nodes[kind]), self._seconds[kind] + running)
