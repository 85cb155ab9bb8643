"""A fleet that is simulated event by event, with an engine that places work as the schedule asks."""

from __future__ import annotations

import heapq
import itertools
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pytest_opml.runner.fleet.schedule import Attempt, Schedule, Work


@dataclass(frozen=True, kw_only=True)
class FleetSetup:
    """What a fleet is like. Times are in seconds; a node's life and its replacement have exponential lengths.

    Attributes:
        nodes: the number of slots of each kind, in each of which one node after another lives.
        lifetime_s: of a node, on average.
        replacement_s: after which the next node lives, on average.
        bad: the share of nodes whose disk is full: all work fails there.
        slow: the share of nodes of half the speed.
        fault_s: that work takes to fail on a bad node.
        work_faults: the share of works that fail by themselves.
        late_reports: whether a lost node reports its work as finished long after.
        by_readiness: whether an attempt joins the end of its queue when what its work needs is done, as Ray has it;
            else it has the place of its work in the order of the schedule, as with a priority of Slurm's.
    """

    nodes: Mapping[str, int]
    lifetime_s: float = 72 * 3600.0
    replacement_s: float = 1200.0
    bad: float = 0.02
    slow: float = 0.05
    fault_s: float = 30.0
    work_faults: float = 0.002
    late_reports: bool = True
    by_readiness: bool = False


class Node(NamedTuple):
    """One node: its id, when it lives in seconds from the start, and what it is like."""

    id: str
    kind: str
    born: float
    dies: float
    speed: float
    is_bad: bool


class Outcome(NamedTuple):
    """What came of a simulation.

    Attributes:
        makespan: seconds until all work was done or given up.
        bound: seconds that no order could have undercut on the nodes that lived, of work that can be divided and is
            never lost, and of the longest chain of works that need each other.
        chain: seconds of the longest such chain, with the tries of its works that were lost with their nodes.
        bound_by: what sets the greater of the two: "all" work, a kind of node, a "path", or its "losses".
        driver_s: seconds of CPU that the schedule itself took.
        attempts: that were begun.
        longest_avoid: nodes that an attempt had to avoid, at most.
    """

    makespan: float
    bound: float
    chain: float
    bound_by: str
    driver_s: float
    attempts: int
    longest_avoid: int

    @property
    def strict_ratio(self) -> float:
        """The makespan over the bound in which nothing is ever lost."""
        return self.makespan / self.bound

    @property
    def ratio(self) -> float:
        """The makespan over the bound that grants the longest chain its lost tries."""
        return self.makespan / max(self.bound, self.chain)


def _lives(slot: str, kind: str, setup: FleetSetup, seed: int) -> Iterator[Node]:
    """The nodes of one slot, which are the same whatever the schedule does."""
    chance, born = random.Random(f"{seed} {slot}"), 0.0
    for number in itertools.count():
        dies = born + chance.expovariate(1 / setup.lifetime_s)
        is_bad, is_slow = chance.random() < setup.bad, chance.random() < setup.slow
        yield Node(f"{slot}-{number}", kind, born, dies, 0.5 if is_slow else 1.0, is_bad)
        born = dies + chance.expovariate(1 / setup.replacement_s)


@dataclass
class _Queue:
    """The work that is ready for one kind of node, and the nodes that have none."""

    waiting: list[tuple[float, Attempt]] = field(default_factory=list)
    idle: dict[str, Node] = field(default_factory=dict)


class SimulatedFleet:
    """Runs a schedule on a simulated fleet.

    Args:
        schedule: that nothing was asked of yet.
        works: of the schedule.
        seconds: that each really takes on a node of full speed, by key.
        setup: what the fleet is like.
        seed: of the fleet's chances.
    """

    def __init__(
        self, schedule: Schedule, works: Sequence[Work], seconds: Mapping[str, float], setup: FleetSetup, seed: int
    ) -> None:
        self.schedule, self._setup, self._seconds, self._seed = schedule, setup, seconds, seed
        self._works = {work.key: work for work in works}
        self._dependents: dict[str, list[str]] = {}
        for work in works:
            for need in work.needs:
                self._dependents.setdefault(need, []).append(work.key)
        chance = random.Random(seed)
        self._failing = {work.key for work in works if chance.random() < setup.work_faults}
        self._counter = itertools.count()
        self._places: dict[str, int] = {}  # of each work, in the order of the schedule
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._queues = {kind: _Queue() for kind in setup.nodes}
        self._held: dict[str, tuple[float, Attempt]] = {}  # by key, until what they need is done
        self._running: dict[str, tuple[Attempt, float]] = {}  # by node, with when it began
        self._lost_s: dict[str, float] = {}  # by key
        self._slots: dict[str, Iterator[Node]] = {}
        self.nodes: list[Node] = []
        self.now = self.driver_s = 0.0
        self.attempts = self.longest_avoid = 0

    def run(self) -> Outcome:
        """Run until all work is done or given up."""
        for kind, count in self._setup.nodes.items():
            for slot in (f"{kind}-{number}" for number in range(count)):
                self._slots[slot] = _lives(slot, kind, self._setup, seed=self._seed)
                self._replace(slot)
        for attempt in self._driven(self.schedule.start):
            self._enqueue(attempt)
        while self._events and not self.schedule.is_done:
            self.now, _, react, about = heapq.heappop(self._events)
            react(*about)
        bounds = self._bounds()
        chain = bounds.pop("losses")
        name = "losses" if chain > max(bounds.values()) else max(bounds, key=lambda name: bounds[name])
        return Outcome(self.now, max(bounds.values()), chain, name, self.driver_s, self.attempts, self.longest_avoid)

    def _driven(self, call: Callable[..., Any], *about: object) -> Any:
        started = time.process_time()
        result = call(*about)
        self.driver_s += time.process_time() - started
        return result

    def _at(self, moment: float, react: Callable[..., None], *about: object) -> None:
        heapq.heappush(self._events, (moment, next(self._counter), react, about))

    def _replace(self, slot: str) -> None:
        node = next(self._slots[slot])
        self._at(node.born, self._join, slot, node)

    def _join(self, slot: str, node: Node) -> None:
        self.nodes.append(node)
        self._queues[node.kind].idle[node.id] = node
        self._at(node.dies, self._lose, slot, node)
        self._dispatch(node.kind)

    def _lose(self, slot: str, node: Node) -> None:
        self._queues[node.kind].idle.pop(node.id, None)
        attempt, begun = self._running.pop(node.id, (None, 0.0))
        if attempt is not None:
            self._lost_s[attempt.key] = self._lost_s.get(attempt.key, 0.0) + self.now - begun
            self._fail(attempt, node, "lost")
            if self._setup.late_reports:
                self._at(self.now + 600, self.schedule.finished, attempt, node.id, 1.0)
        self._replace(slot)

    def _enqueue(self, attempt: Attempt) -> None:
        self.longest_avoid = max(self.longest_avoid, len(attempt.avoid))
        place = self._places.setdefault(attempt.key, len(self._places))
        place = next(self._counter) if self._setup.by_readiness else place
        if self.schedule.is_ready(attempt.key):
            heapq.heappush(self._queues[attempt.kind].waiting, (place, attempt))
            self._dispatch(attempt.kind)
        else:
            self._held[attempt.key] = place, attempt

    def _release(self, key: str) -> None:
        """Let work into its queue that waited for this one, or for what was given up with it."""
        for dependent in self._dependents.get(key, ()):
            if dependent in self.schedule.given_up:
                self._release(dependent)
            elif dependent in self._held and self.schedule.is_ready(dependent):
                place, attempt = self._held.pop(dependent)
                place = next(self._counter) if self._setup.by_readiness else place
                heapq.heappush(self._queues[attempt.kind].waiting, (place, attempt))
                self._dispatch(attempt.kind)

    def _dispatch(self, kind: str) -> None:
        queue, passed = self._queues[kind], []
        while queue.waiting and queue.idle:
            place, attempt = heapq.heappop(queue.waiting)
            if not self.schedule.is_wanted(attempt):
                continue
            node = next((node for name, node in queue.idle.items() if name not in attempt.avoid), None)
            if node is None:
                passed.append((place, attempt))
                continue
            del queue.idle[node.id]
            self._begin(attempt, node)
        for entry in passed:
            heapq.heappush(queue.waiting, entry)

    def _begin(self, attempt: Attempt, node: Node) -> None:
        assert node.id not in self.schedule.set_aside
        assert node.id not in attempt.avoid
        assert node.kind == attempt.kind
        work = self._works[attempt.key]
        assert node.kind in work.kinds
        assert all(need in self.schedule.done or need in self.schedule.given_up for need in work.needs)
        self.attempts += 1
        self._running[node.id] = attempt, self.now
        remade = sum(self._seconds[need] for need in work.needs if need in self.schedule.given_up)
        seconds = self._setup.fault_s if node.is_bad else (self._seconds[attempt.key] + remade) / node.speed
        self._at(self.now + seconds, self._end, attempt, node, seconds)

    def _end(self, attempt: Attempt, node: Node, seconds: float) -> None:
        if self._running.get(node.id, (None,))[0] != attempt:
            return  # the node was lost before
        del self._running[node.id]
        if node.is_bad:
            self._fail(attempt, node, "node")
        elif attempt.key in self._failing:
            self._fail(attempt, node, "work")
        else:
            self._driven(self.schedule.finished, attempt, node.id, seconds)
            self._release(attempt.key)
        if node.id not in self.schedule.set_aside:
            self._queues[node.kind].idle[node.id] = node
            self._dispatch(node.kind)

    def _fail(self, attempt: Attempt, node: Node, fault: str) -> None:
        again = self._driven(self.schedule.failed, attempt, node.id, fault)
        if again is None:
            self._release(attempt.key)
        else:
            self._enqueue(again)

    def _bounds(self) -> dict[str, float]:
        """Times before which no order could have ended, of the works that were done."""
        done = [work for work in self._works.values() if work.key in self.schedule.done]
        bounds = {"all": earliest_end(sum(self._seconds[work.key] for work in done), self.nodes)}
        for kind in self._queues:
            load = sum(self._seconds[work.key] for work in done if work.kinds == (kind,))
            bounds[kind] = earliest_end(load, [node for node in self.nodes if node.kind == kind])
        bounds["path"] = longest_chain(done, self._seconds)
        tried = self._lost_s | {work.key: self._seconds[work.key] + self._lost_s.get(work.key, 0.0) for work in done}
        bounds["losses"] = longest_chain(list(self._works.values()), tried)
        return bounds


def longest_chain(works: Sequence[Work], seconds: Mapping[str, float]) -> float:
    """Return the length of the longest chain of works that need each other.

    Args:
        works: each behind those that it needs.
        seconds: that each took, by key; none where it has no entry.
    """
    paths: dict[str, float] = {}
    for work in works:
        paths[work.key] = seconds.get(work.key, 0.0) + max((paths.get(need, 0.0) for need in work.needs), default=0.0)
    return max(paths.values(), default=0.0)


def earliest_end(load: float, nodes: Sequence[Node]) -> float:
    """Return when nodes can have done so many seconds of work, as if it could be divided and none of it were lost.

    Args:
        load: seconds of work on a node of full speed.
        nodes: that can do it, each from its birth to its death; bad ones do nothing.
    """
    changes = sorted(
        change for node in nodes if not node.is_bad for change in ((node.born, node.speed), (node.dies, -node.speed))
    )
    speed = moment = 0.0
    for time_s, change in changes:
        if speed * (time_s - moment) >= load and speed > 0:
            break
        load -= speed * (time_s - moment)
        speed, moment = speed + change, time_s
    return moment + load / speed if load > 0 and speed > 1e-9 else moment if load <= 0 else math.inf
