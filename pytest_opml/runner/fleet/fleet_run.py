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
from .node_types import NodeWait
from .orders import OrderedCase, RunOrder, UnitAnswer, UnitOrder
from .ray_fleet import RayFleet, Told, UnitEnd
from .schedule import Attempt, Fault, Schedule, Work

if TYPE_CHECKING:
    from ...case import Case
    from ...records.device import Device

Listener = Callable[[OrderedCase, MeasuredCase], None]
_POLL_S = 0.5


class FleetRun:
    """What a run has submitted to a fleet, on all its kinds of nodes, and what has come of it.

    Args:
        settings: of the run, which name the fleet.
        root: the user's project.
        plans: what was collected, by the kind of node that it is to be measured on.

    Attributes:
        fleet: the nodes.

    Raises:
        UsageError: there is no such fleet, or it lacks a kind.
    """

    def __init__(self, settings: Settings, root: Path, plans: Mapping[str, CollectedRun]) -> None:
        self.fleet = RayFleet(str(settings.fleet), root)
        self._root, self._wait_s = root, settings.wait_s
        self._faults: dict[str, str] = {}
        self._units: dict[str, UnitOrder] = {}
        self._kinds: dict[str, str] = {}
        self._avoided: dict[str, Sequence[str]] = {}
        self._schedules: dict[str, Schedule] = {}
        self._unit_of: dict[Key, str] = {}
        self._outcomes: dict[Key, MeasuredCase] = {}
        self._devices: dict[str, Device] = {}
        self._prepared: dict[str, Sequence[UnitOrder]] = {}
        self._listeners: dict[str, Listener] = {}
        try:
            for kind, plan in plans.items():
                self.fleet.ask(kind, settings, needs_tensorflow=plan.needs_tensorflow)
            self.fleet.check_kinds(list(plans))
        except BaseException:
            self.fleet.close()
            raise

    def device(
        self, settings: Settings, plan: CollectedRun, on_progress: Callable[[Case | None, Progress], None]
    ) -> Device:
        """Return the device of the nodes of one kind; waits until one is there.

        Args:
            settings: of the run on that kind.
            plan: what was collected for it.
            on_progress: is told, of no case, that none is there yet.

        Raises:
            DeviceError: no node of the kind can run cases.
        """
        kind = settings.gpu
        self._devices[kind] = self.fleet.describe(
            kind,
            settings,
            needs_tensorflow=plan.needs_tensorflow,
            on_waiting=lambda text: on_progress(None, Progress(text, is_waiting=True)),
        )
        return self._devices[kind]

    def prepare(self, settings: Settings, plan: CollectedRun, units: Sequence[UnitOrder], on_outcome: Listener) -> None:
        """Take what is to be submitted on one kind of node, and send what holds for all of it.

        Args:
            settings: of the run on that kind.
            plan: what was collected for it.
            units: to be submitted when the run starts.
            on_outcome: is given what came of each case as soon as it is there, whoever waits for which.
        """
        kind = settings.gpu
        order = RunOrder(
            settings=replace(settings, store=None, json_path=None, baseline=None),  # all of these are the driver's part
            has_own_cache=settings.has_default_cache,
            plan=plan._replace(collected_cases=()),
            registrations=tuple(_beside(self._root, entry) for entry in registry.registrations()),
        )
        self.fleet.use(kind, order)
        self._listeners[kind], self._prepared[kind] = on_outcome, units

    def start(self) -> None:
        """Hand over all that was collected, on all kinds at once."""
        self.submit(self._prepared)

    def submit(self, units: Mapping[str, Sequence[UnitOrder]]) -> None:
        """Hand over units, by the kind of node that measures them."""
        nodes = Counter(node.kind for node in self.fleet.nodes() if not self.fleet.types.starts(node.kind))
        works = []
        for kind, of_kind in units.items():
            for unit in of_kind:
                self._units[unit.key], self._kinds[unit.key] = unit, kind
                self._unit_of |= dict.fromkeys((Key(ordered.case.id, kind) for ordered in unit.cases), unit.key)
                works.append(Work(key=unit.key, kinds=(kind,), seconds=float(len(unit.cases))))
        schedule = Schedule(works, dict.fromkeys(units, 0) | nodes)
        self._schedules |= dict.fromkeys((work.key for work in works), schedule)
        for attempt in schedule.start():
            self._submit(attempt)

    def _submit(self, attempt: Attempt) -> None:
        """Hand an attempt over, unless all nodes failed under its unit and none will come: it would wait for ever."""
        schedule, unit = self._schedules[attempt.key], self._units[attempt.key]
        nodes = [] if self.fleet.types.starts(attempt.kind) else self.fleet.nodes_of(attempt.kind)
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
        heard, unit = None, self._unit_of[key]
        wait = NodeWait(
            key.profile,
            self._wait_s,
            self.fleet.types,
            lambda text: on_told(Told(None, "", Progress(text, is_waiting=True))),
        )
        while key not in self._outcomes:
            for end in self.fleet.poll(_POLL_S):
                self._heed(end)
            is_there = any(node.id not in self._avoided[unit] for node in self.fleet.nodes_of(key.profile))
            if reason := wait.end(is_there=is_there):
                self._give_up(self._units[unit], reason, None)
            told = self.fleet.told().get(unit)
            if told and told != heard:
                heard = told
                on_told(told)
        return self._outcomes[key]

    def _heed(self, end: UnitEnd) -> None:
        """Take down what came of an attempt, and begin another where a node was to blame."""
        attempt, answer = end.attempt, end.answer
        schedule, unit = self._schedules[attempt.key], self._units[attempt.key]
        is_over = Key(unit.cases[0].case.id, attempt.kind) in self._outcomes  # given up, since no node was there
        if is_over or not schedule.is_wanted(attempt):
            return
        if answer and not answer.fault:
            schedule.finished(attempt, end.node or "", answer.seconds)
            self._store_outcomes(unit, answer.outcomes)
            return
        fault: Fault = "node" if answer else "lost" if end.is_lost else "work"
        self._faults[attempt.key] = answer.fault if answer else end.error
        again = schedule.failed(attempt, end.node, fault)
        if again:
            self._submit(again)
        else:
            self._give_up(unit, schedule.given_up[attempt.key], answer)

    def _store_outcomes(self, unit: UnitOrder, outcomes: Mapping[str, MeasuredCase]) -> None:
        kind = self._kinds[unit.key]
        for ordered in unit.cases:
            outcome = self._outcomes[Key(ordered.case.id, kind)] = outcomes[ordered.case.id]
            self._listeners[kind](ordered, outcome)

    def _give_up(self, unit: UnitOrder, reason: str, answer: UnitAnswer | None) -> None:
        """Keep what the last node came to; the other cases have failed for the fleet's sake."""
        device, outcomes = self._devices[self._kinds[unit.key]], answer.outcomes if answer else {}
        fault = self._faults.get(unit.key, "")
        message = printable(": ".join(filter(None, (reason, fault))))
        texts = {"kind": "error", "message": message, "device": device}
        failed = (
            (ordered.case, MeasuredCase(failure=Failure.model_validate({"case": ordered.case, **texts})))
            for ordered in unit.cases
        )
        self._store_outcomes(unit, {case.id: outcomes.get(case.id, failure) for case, failure in failed})

    def close(self) -> None:
        """End all that still runs on the nodes for this run, at once."""
        self.fleet.close()


def _beside(root: Path, entry: registry.Registration) -> registry.Registration:
    """A registration whose file is named from the project on, which a node has somewhere else."""
    if entry.file is None or root not in Path(entry.file).parents:
        return entry
    return entry._replace(file=os.path.relpath(entry.file, root))
