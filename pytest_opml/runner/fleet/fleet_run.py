"""A run on a fleet: all that is known is submitted at once, and what comes back is kept until somebody asks for it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ... import registry
from ...printable import printable
from ...progress import Progress
from ...records.result import Key
from ...records.run import Failure
from ...settings import Settings
from ..plan import CollectedRun
from ..shared_results import MeasuredCase
from .base import Told, UnitEnd
from .fleets import open_fleet
from .kind_devices import KindDevices
from .makings import Makings, check_making_apart, making_key, orders_of_makings
from .node_notes import NodeNotes
from .node_seconds import NodeSeconds
from .node_types import NodeWait
from .orders import OrderedCase, RunOrder, UnitAnswer, UnitOrder
from .schedule import Attempt, Fault, Schedule, Work

if TYPE_CHECKING:
    from ...records.device import Device

Listener = Callable[[OrderedCase, MeasuredCase], None]
Plans = Mapping[str, CollectedRun]
_POLL_S = 0.5


class FleetRun:
    """What a run has submitted to a fleet, on all its kinds of nodes, and what has come of it.

    Args:
        settings: of the run, which name the fleet.
        root: the user's project.
        plans: what was collected, by the kind of node that it is to be measured on.
        on_waiting: is told of what kind no node is there yet.

    Attributes:
        fleet: the nodes.
        devices: of the kinds of them.
        node_seconds: for which they worked.

    Raises:
        UsageError: there is no such fleet, or it lacks a kind.
    """

    def __init__(self, settings: Settings, root: Path, plans: Plans, on_waiting: Callable[[str], None]) -> None:
        check_making_apart(settings, plans)
        self.fleet, self.node_seconds = open_fleet(settings, root), NodeSeconds()
        self._root, self._wait_s, self._make_on, self._measured_on = root, settings.wait_s, settings.make_on, [*plans]
        self._faults, self._kinds = dict[str, str](), dict[str, str]()
        self._units: dict[str, UnitOrder] = {}
        self._avoided: dict[str, Sequence[str]] = {}
        self._schedules: dict[str, Schedule] = {}
        self._makings, self._notes = Makings(), NodeNotes()
        self._unit_of: dict[Key, str] = {}
        self._outcomes: dict[Key, MeasuredCase] = {}
        self._prepared: dict[str, tuple[Sequence[UnitOrder], Listener]] = {}
        needs = {kind: plan.needs_tensorflow for kind, plan in plans.items()}
        needs |= dict.fromkeys(filter(None, [self._make_on]), True)
        try:
            self.devices = KindDevices(self.fleet, settings, needs, on_waiting)
        except BaseException:
            self.fleet.close()
            raise

    def prepare(self, settings: Settings, plan: CollectedRun, units: Sequence[UnitOrder], on_outcome: Listener) -> None:
        """Take what is to be submitted on one kind of node, and send what holds for all of it.

        Args:
            settings: of the run on that kind.
            plan: what was collected for it.
            units: to be submitted when the run starts.
            on_outcome: is given what came of each case as soon as it is there, whoever waits for which.
        """
        kind = settings.gpu
        made_on = self.devices.of(self._make_on) if self._make_on else None
        order = _order(settings, plan, self._root, made_on)
        self.fleet.use(kind, order)
        if self._make_on and self._make_on not in self._measured_on:
            self.fleet.use(self._make_on, replace(order, settings=order.settings.on(self._make_on)))
        self._prepared[kind] = units, on_outcome

    def start(self) -> None:
        """Hand over all that was collected, on all kinds at once."""
        self.submit({kind: units for kind, (units, _) in self._prepared.items()})

    def submit(self, units: Mapping[str, Sequence[UnitOrder]]) -> None:
        """Hand over units, by the kind of node that measures them."""
        nodes = Counter(node.kind for node in self.fleet.nodes() if not self.fleet.starts(node.kind))
        makings = orders_of_makings(units, self._units) if self._make_on else {}
        works = [self._work(str(self._make_on), making) for making in makings.values()]
        for kind, of_kind in units.items():
            for unit in of_kind:
                self._unit_of |= dict.fromkeys((Key(ordered.case.id, kind) for ordered in unit.cases), unit.key)
                making = making_key(unit)
                works.append(self._work(kind, unit, needs=(making,) if making in makings else ()))
        schedule = Schedule(works, dict.fromkeys((kind for work in works for kind in work.kinds), 0) | nodes)
        self._schedules |= dict.fromkeys((work.key for work in works), schedule)
        for attempt in schedule.start():
            if schedule.is_ready(attempt.key):
                self._submit(attempt)
            else:
                self._makings.hold(attempt, making_key(self._units[attempt.key]))

    def _work(self, kind: str, unit: UnitOrder, needs: tuple[str, ...] = ()) -> Work:
        self._units[unit.key], self._kinds[unit.key] = unit, kind
        return Work(key=unit.key, kinds=(kind,), seconds=float(len(unit.cases)), needs=needs)

    def _submit(self, attempt: Attempt) -> None:
        """Hand an attempt over, unless all nodes failed under its unit and none will come: it would wait for ever."""
        schedule, unit = self._schedules[attempt.key], self._units[attempt.key]
        nodes = [] if self.fleet.starts(attempt.kind) else self.fleet.nodes_of(attempt.kind)
        again: Attempt | None = attempt
        while again and nodes and all(node.id in again.avoid for node in nodes):
            again = schedule.failed(again, None, "lost")
        if again:
            self._avoided[unit.key] = again.avoid
            self.fleet.submit(again, unit)
        else:
            self._give_up(unit, f"each of the {len(nodes)} {attempt.kind} nodes has failed under it", None)

    def is_submitted(self, key: Key) -> bool:
        """Return whether a case is among what was handed over."""
        return key in self._unit_of

    def wait(self, key: Key, on_told: Callable[[Told], None]) -> MeasuredCase:
        """Return what came of a case on a kind of node, as soon as it is there.

        Args:
            key: of the case, which was submitted.
            on_told: is told what is heard of its unit meanwhile.
        """
        heard = None
        wait = NodeWait(self._wait_s, self.fleet, lambda text: on_told(Told(None, "", Progress(text, is_waiting=True))))
        while key not in self._outcomes:
            for end in self.fleet.poll(_POLL_S):
                self._heed(end)
            current = self._makings.current(self._unit_of[key])
            kind, avoided = self._kinds[current], self._avoided.get(current, ())
            is_there = any(node.id not in avoided for node in self.fleet.nodes_of(kind))
            if reason := wait.end(kind, is_there=is_there):
                self._give_up_all(kind if not self.fleet.nodes_of(kind) else "", self._units[current], reason)
            self.node_seconds.hear(self.fleet.told(), self._kinds)
            told = self.fleet.told().get(current)
            if told and told != heard:
                heard = told
                on_told(told)
            for note in self._notes.take():
                on_told(Told(None, "", Progress(note, is_note=True)))
        return self._outcomes[key]

    def _heed(self, end: UnitEnd) -> None:
        """Take down what came of an attempt, and begin another where a node was to blame."""
        self.node_seconds.add(end)
        attempt, answer = end.attempt, end.answer
        schedule, unit = self._schedules[attempt.key], self._units[attempt.key]
        if self._is_over(unit) or not schedule.is_wanted(attempt):
            return
        if answer and not answer.fault:
            schedule.finished(attempt, end.node or "", answer.seconds)
            self._notes.look_at(schedule)
            if unit.is_making:
                self._release(unit.key)
            else:
                self._store_outcomes(unit, answer.outcomes)
            return
        fault: Fault = "node" if answer else "lost" if end.is_lost else "work"
        self._faults[attempt.key] = answer.fault if answer else end.error
        again = schedule.failed(attempt, end.node, fault)
        self._notes.add_fault(end, fault, self._faults[attempt.key])
        self._notes.look_at(schedule)
        if again:
            self._submit(again)
        else:
            self._give_up(unit, schedule.given_up[attempt.key], answer)

    def _is_over(self, unit: UnitOrder) -> bool:
        """Whether a unit was given up, since no node was there; then what still comes of it is not wanted."""
        if unit.is_making:
            return not self._makings.is_awaited(unit.key)
        return Key(unit.cases[0].case.id, self._kinds[unit.key]) in self._outcomes

    def _release(self, making: str) -> None:
        """Submit what has waited for a making; where that was given up, the nodes that measure make it themselves."""
        for attempt in self._makings.release(making):
            self._submit(attempt)

    def _store_outcomes(self, unit: UnitOrder, outcomes: Mapping[str, MeasuredCase]) -> None:
        kind = self._kinds[unit.key]
        for ordered in unit.cases:
            outcome = self._outcomes[Key(ordered.case.id, kind)] = outcomes[ordered.case.id]
            self._prepared[kind][1](ordered, outcome)

    def _give_up_all(self, kind: str, unit: UnitOrder, reason: str) -> None:
        """Give a unit up, and all others that a node of the kind would have to do now."""
        of_kind = [key for key, own in self._kinds.items() if own == kind and self._makings.current(key) == key]
        for lost in (unit, *(self._units[key] for key in of_kind)):
            if not self._is_over(lost):
                self._give_up(lost, reason, None)

    def _give_up(self, unit: UnitOrder, reason: str, answer: UnitAnswer | None) -> None:
        """Keep what the last node came to; the other cases have failed for the fleet's sake."""
        if unit.is_making:
            self._release(unit.key)
            return
        fault, outcomes = self._faults.get(unit.key, ""), answer.outcomes if answer else {}
        message = printable(": ".join(filter(None, (reason, fault))))
        self._store_outcomes(unit, {**_failures(unit, self.devices.of(self._kinds[unit.key]), message), **outcomes})

    def close(self) -> None:
        """End all that still runs on the nodes for this run, at once."""
        self.fleet.close()


def _order(settings: Settings, plan: CollectedRun, root: Path, made_on: Device | None) -> RunOrder:
    return RunOrder(
        made_on=made_on,
        settings=replace(settings, store=None, json_path=None, baseline=None),  # all of these are the driver's part
        has_own_cache=settings.has_default_cache,
        plan=plan._replace(collected_cases=()),
        registrations=tuple(_beside(root, entry) for entry in registry.registrations()),
    )


def _failures(unit: UnitOrder, device: Device, message: str) -> dict[str, MeasuredCase]:
    texts = {"kind": "error", "message": message, "device": device}
    return {
        ordered.case.id: MeasuredCase(failure=Failure.model_validate({"case": ordered.case, **texts}))
        for ordered in unit.cases
    }


def _beside(root: Path, entry: registry.Registration) -> registry.Registration:
    """A registration whose file is named from the project on, which a node has somewhere else."""
    if entry.file is None or root not in Path(entry.file).parents:
        return entry
    return entry._replace(file=os.path.relpath(entry.file, root))
