"""The schedule of a run on a fleet: what is handed to the engine, in which order, and what follows from each outcome.

It is a pure state machine, without files, clock, chance or threads: an engine (Ray, Slurm, the simulation of the tests)
tells it what happened, and is told what to do. An engine:

- queues the attempts of ``start`` for their kinds of nodes, in their order. A node takes the first whose work
  ``is_ready`` and that does not name it under ``avoid``; nodes that are ``set_aside`` get nothing more.
- asks, before it runs an attempt, whether it still ``is_wanted``.
- reports what came of it, by ``finished`` or ``failed``, as often as it likes: a second report changes nothing.
- gives the attempt that ``failed`` returns, if any, the place that its work had in the order of ``start``, before all
  that was behind it. At the end of a queue, a making that was lost would hold up what waits for it until all else is
  done.
- reports "lost", of no node, where none is left that an attempt may go to, and none will come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from .node_health import MOST_FAULTY_NODES, NodeHealth, SlowNode
from .work import (
    Work,
    allowed_kinds,
    check_works,
    critical_paths,
    dependents_of,
    least_loaded,
    place_works,
    sort_by_needs,
)

__all__ = ["MOST_LOSSES", "Attempt", "Fault", "Schedule", "Work"]

# "lost": the node is gone. "node": it cannot do any work (a full disk, a driver that errs). "work": its own failure.
Fault = Literal["lost", "node", "work"]

MOST_LOSSES = 5  # after which work is tried again; more of them, and it is the work that ends its nodes


class Attempt(NamedTuple):
    """One try to do a work.

    Attributes:
        key: of the work.
        kind: of node that it goes to.
        number: 1 for the first try.
        avoid: ids of the nodes that it must not go to.
    """

    key: str
    kind: str
    number: int
    avoid: tuple[str, ...]


class _Tries:
    """What came of the tries of one work so far."""

    __slots__ = ("faulty_nodes", "kind", "losses", "number")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.number = 0
        self.losses = 0
        self.faulty_nodes: list[tuple[str, str]] = []


class Schedule:
    """Hands out all work of a run once, and again where a node was to blame, until each is done or given up.

    Work that other work needs is *making*: its results are shared, and whoever needs them can make them again. So a
    measuring whose making was given up still runs. A making that needs what was given up is given up with it: the
    measuring behind it would otherwise be the third to run into the same error.

    Args:
        works: all work of the run.
        nodes: the number of nodes of each kind, known or expected; 0 where they are started on demand.

    Attributes:
        done: ids of the nodes that did the work, by its key.
        given_up: the reasons, by the key of the work.

    Raises:
        ValueError: when two works have one key, one could never run, or one waits for itself.
    """

    def __init__(self, works: Iterable[Work], nodes: Mapping[str, int]) -> None:
        self._works: dict[str, Work] = {}
        for work in works:
            if work.key in self._works:
                raise ValueError(f"two works have the key {work.key}")
            self._works[work.key] = work
        self._nodes = dict(nodes)
        check_works(self._works, self._nodes)
        self._dependents = dependents_of(self._works)
        self._sorted = sort_by_needs(self._works, self._dependents)
        self._waits = {key: len(set(work.needs)) for key, work in self._works.items()}
        self._tries: dict[str, _Tries] = {}
        self._loads = dict.fromkeys(self._nodes, 0.0)
        self._health = NodeHealth(self._nodes)
        self.done: dict[str, str] = {}
        self.given_up: dict[str, str] = {}

    @property
    def is_done(self) -> bool:
        """Whether all work is done or given up."""
        return not self.pending

    @property
    def pending(self) -> int:
        """The number of works that are neither done nor given up."""
        return len(self._works) - len(self.done) - len(self.given_up)

    @property
    def set_aside(self) -> Mapping[str, str]:
        """The reasons why nodes get no more work, by their ids."""
        return MappingProxyType(self._health.set_aside)

    def slow_nodes(self, beyond: float = 2.0, fewest: int = 3) -> list[SlowNode]:
        """Return the nodes that take longer than is expected of their kind, the slowest first.

        Args:
            beyond: the ratio of measured to expected seconds above which a node is slow, where 1 is usual for its kind.
            fewest: works that a node must have done; of these the median counts.
        """
        return self._health.slow_nodes(beyond, fewest)

    def is_ready(self, key: str) -> bool:
        """Return whether all that the work needs is done or given up."""
        return not self._waits[key]

    def is_wanted(self, attempt: Attempt) -> bool:
        """Return whether the attempt is the newest of a work that is neither done nor given up."""
        tries = self._tries.get(attempt.key)
        return tries is not None and tries.number == attempt.number and not self._has_ended(attempt.key)

    def start(self) -> list[Attempt]:
        """Return the first attempts of all work, in the order in which each kind of node should take them.

        The longest critical path comes first (Graham, 1969: Bounds on multiprocessing timing anomalies), so that a
        making comes before all that waits for it, whatever the kinds of both.

        Raises:
            RuntimeError: when it was called before.
        """
        if self._tries:
            raise RuntimeError("the work of this schedule is handed out already")
        paths = critical_paths(self._works, self._dependents, self._sorted)
        kinds = place_works(self._works.values(), self._nodes)
        attempts = []
        # stable: of equal paths, which work of no length makes, that which is needed stays in front
        for key in sorted(self._sorted, key=lambda key: -paths[key]):
            self._tries[key] = _Tries(kinds[key])
            attempts.append(self._next_attempt(key))
        return attempts

    def finished(self, attempt: Attempt, node: str, seconds: float) -> None:
        """Note that a node has done the work.

        Args:
            attempt: that ended; one that is not wanted changes nothing.
            node: its id.
            seconds: that the work took there.
        """
        if not self.is_wanted(attempt):
            return
        self._health.add_success(node, attempt.kind, seconds, self._works[attempt.key].seconds)
        self.done[attempt.key] = node
        self._end(attempt.key)

    def failed(self, attempt: Attempt, node: str | None, fault: Fault) -> Attempt | None:
        """Note that the work was not done, and return what to try next.

        Args:
            attempt: that ended; one that is not wanted changes nothing.
            node: its id; None where none was found or it is not known.
            fault: whose it is.

        Returns:
            The next attempt; None where there is none: the work is in ``given_up`` then, or the attempt was not wanted.
        """
        if not self.is_wanted(attempt):
            return None
        reason = self._count(attempt, node, fault)
        if reason is not None:
            self._give_up(attempt.key, reason)
            return None
        self._loads[attempt.kind] -= self._works[attempt.key].seconds
        return self._next_attempt(attempt.key)

    def _count(self, attempt: Attempt, node: str | None, fault: Fault) -> str | None:
        """Count a fault, and return why the work is given up for it, or None."""
        if fault == "work":
            return "it failed by itself"
        tries = self._tries[attempt.key]
        if node is not None and fault == "node":
            was_set_aside = node in self._health.set_aside
            self._health.add_fault(node, attempt.kind, attempt.key)
            if not was_set_aside:  # else the attempt was under way already, and says nothing of the work
                tries.faulty_nodes.append((node, attempt.kind))
                if len(tries.faulty_nodes) < MOST_FAULTY_NODES:
                    return None
                return f"nodes failed under it: {', '.join(node for node, _ in tries.faulty_nodes)}"
        tries.losses += 1
        return f"its node was lost {tries.losses} times" if tries.losses > MOST_LOSSES else None

    def _next_attempt(self, key: str) -> Attempt:
        work, tries = self._works[key], self._tries[key]
        if tries.number:  # the first kind was chosen among all works; a further one goes where there is least left
            kinds = allowed_kinds(work, self._nodes)
            tries.kind = least_loaded(kinds, self._loads, self._nodes, work.seconds)
        tries.number += 1
        self._loads[tries.kind] += work.seconds
        faulty = [node for node, kind in tries.faulty_nodes if kind == tries.kind]
        return Attempt(key, tries.kind, tries.number, self._health.avoided(tries.kind, faulty))

    def _has_ended(self, key: str) -> bool:
        return key in self.done or key in self.given_up

    def _give_up(self, key: str, reason: str) -> None:
        """Give work up, and every making that needs it, near or far."""
        doomed = [(key, reason)]
        for failed, why in doomed:  # which grows on the way
            if self._has_ended(failed):
                continue
            self.given_up[failed] = why
            self._end(failed)
            makings = (dependent for dependent in self._dependents.get(failed, ()) if dependent in self._dependents)
            doomed += [(making, f"it needs {failed}, which was given up") for making in makings]

    def _end(self, key: str) -> None:
        self._loads[self._tries[key].kind] -= self._works[key].seconds
        for dependent in self._dependents.get(key, ()):
            self._waits[dependent] -= 1
