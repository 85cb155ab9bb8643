"""What the nodes of a fleet did with their work: which of them are set aside, and which are slow."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

MOST_FAULTY_WORKS = 2  # of one node; each may have been the work's own fault, but two different ones hardly are
MOST_FAULTS_IN_A_ROW = 3  # be it of the same work
MOST_FAULTY_NODES = 3  # under one work, at which the work is to blame
_FEWEST_TO_COMPARE = 3  # nodes
MOST_ON_DEMAND = 32  # set aside of a kind without a known number of nodes: where all are faulty, their image is


class SlowNode(NamedTuple):
    """A node that took longer than others of its kind.

    Attributes:
        node: its id.
        kind: of node.
        ratio: its median of measured to expected seconds, over what is usual for its kind.
        works: how many it did.
    """

    node: str
    kind: str
    ratio: float
    works: int


class _Record:
    """What one node did."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.faulty_works: set[str] = set()
        self.faults_in_a_row = 0
        self.ratios: list[float] = []


class NodeHealth:
    """Counts what nodes did, and sets aside those on which work fails that is not to blame.

    At most half of a kind's nodes are set aside: where most of them fail, the kind or the work is at fault. And never
    so many that a work, with the nodes that failed under it, would have nowhere to go and wait for good.

    Args:
        nodes: the number of nodes of each kind; 0 where they are started on demand.
    """

    def __init__(self, nodes: Mapping[str, int]) -> None:
        self._nodes = dict(nodes)
        self._most = {kind: count // 2 if count else MOST_ON_DEMAND for kind, count in nodes.items()}
        self._avoided: dict[str, set[frozenset[str]]] = {kind: set() for kind in nodes}
        self._records: dict[str, _Record] = {}
        self._of_kind: dict[str, tuple[str, ...]] = dict.fromkeys(nodes, ())
        self.set_aside: dict[str, str] = {}

    def avoided(self, kind: str, faulty: Sequence[str]) -> tuple[str, ...]:
        """Return which nodes of a kind a work must not go to: those set aside, and those that failed under it.

        Args:
            kind: of node.
            faulty: ids of the nodes of the kind that failed under the work. The first of them are left out where all
                nodes would be avoided.
        """
        aside, count = self._of_kind[kind], self._nodes[kind]
        own = [node for node in dict.fromkeys(faulty) if node not in self.set_aside]
        if count:
            own = own[max(0, len(own) + len(aside) - (count - 1)) :]
        # with more nodes, half of them and those that may fail under a work are never all
        if own and count and count // 2 + MOST_FAULTY_NODES - 1 > count - 1:
            self._avoided[kind].add(frozenset(own))
        return aside + tuple(own)

    def _can_spare(self, node: str, kind: str) -> bool:
        aside = {*self._of_kind[kind], node}
        if len(aside) > self._most[kind]:
            return False
        return all(len(aside | own) < self._nodes[kind] for own in self._avoided[kind])

    def _record(self, node: str, kind: str) -> _Record:
        return self._records.setdefault(node, _Record(kind))

    def add_success(self, node: str, kind: str, seconds: float, expected: float) -> None:
        """Note work that a node has done.

        Args:
            node: its id.
            kind: of node.
            seconds: that it took.
            expected: seconds; nothing is learned about the speed where they are 0.
        """
        record = self._record(node, kind)
        record.faults_in_a_row = 0
        if expected > 0:
            record.ratios.append(seconds / expected)

    def add_fault(self, node: str, kind: str, key: str) -> None:
        """Note a fault of a node, and set it aside where it had enough of them.

        Args:
            node: its id.
            kind: of node.
            key: of the work that met the fault.
        """
        record = self._record(node, kind)
        record.faulty_works.add(key)
        record.faults_in_a_row += 1
        if node in self.set_aside or not self._can_spare(node, kind):
            return
        if len(record.faulty_works) >= MOST_FAULTY_WORKS:
            works = ", ".join(sorted(record.faulty_works)[:3])
            self.set_aside[node] = f"{len(record.faulty_works)} works failed there: {works}"
        elif record.faults_in_a_row >= MOST_FAULTS_IN_A_ROW:
            self.set_aside[node] = f"{record.faults_in_a_row} faults in a row, of {key}"
        else:
            return
        self._of_kind[kind] += (node,)

    def slow_nodes(self, beyond: float, fewest: int) -> list[SlowNode]:
        """Return the nodes that take longer than is usual for their kind, the slowest first.

        What is usual for a kind is the median over its nodes, since an expectation may be wrong for all of them. So of
        fewer than three nodes none is slow.

        Args:
            beyond: the ratio of measured to expected seconds above which a node is slow.
            fewest: works that a node must have done.
        """
        ratios: dict[str, dict[str, float]] = {}
        for node, record in self._records.items():
            if len(record.ratios) >= fewest:
                ratios.setdefault(record.kind, {})[node] = statistics.median(record.ratios)
        slow = []
        for kind, medians in ratios.items():
            usual = statistics.median(medians.values())
            for node, median in medians.items():
                if len(medians) >= _FEWEST_TO_COMPARE and median > beyond * usual:
                    ratio = median / usual if usual else float("inf")
                    slow.append(SlowNode(node, kind, ratio, len(self._records[node].ratios)))
        return sorted(slow, key=lambda node: (-node.ratio, node.node))
