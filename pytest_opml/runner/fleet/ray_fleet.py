"""A fleet of machines that Ray joins: units are its tasks, which it puts on nodes by the kind of their accelerator.

Tasks and not actors: of an actor whose node is lost its units are lost, too. A worker process of Ray's is used for many
units (``max_calls=0``), for each new one would import TensorFlow again. Which attempt follows a fault is not left to
Ray (``max_retries=0``), since it does not know which node is to blame.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from ...errors import DeviceError, MissingDependencyError, OpmlError, StorageError, one_line
from ...progress import Progress
from .base import NOTHING_TOLD, Description, FleetNode, Told, UnitEnd
from .cluster_facts import read_facts, unusable
from .node import describe_node, measure_unit
from .node_kinds import kind_of, label_selector
from .node_types import NodeTypes, NodeWait
from .orders import RunOrder, UnitAnswer, UnitOrder
from .project import enter_project, pack_project

if TYPE_CHECKING:
    from ...records.device import Device
    from ...settings import Settings
    from .schedule import Attempt

_NODE = "ray.io/node-id"
# One in each node, which nobody has to declare; two drivers of one fleet share it.
_SLOT = "opml_slot"
_TELL_S, _LOOK_S = 0.5, 1.0


class RayFleet:
    """The driver's side of a run on a fleet.

    Args:
        address: of the cluster: ``auto`` for the one that this machine is a part of, or ``HOST:PORT``.
        root: the user's project, which is sent to the nodes.

    Raises:
        MissingDependencyError: Ray is not installed.
        SettingsError: there is no such cluster, it lets this process not in, or the project is too large to be sent.
        StorageError: a file of the project cannot be read.
    """

    def __init__(self, address: str, root: Path) -> None:
        self._ray = ray = _imported()
        self._running: dict[Any, Attempt] = {}
        self._ended: SimpleQueue[Any] = SimpleQueue()
        self._nodes: list[FleetNode] = []
        self._looked_at = self._read_at = -math.inf
        self._told: Mapping[str, Told] = {}
        self._asked: dict[str, Any] = {}
        self._orders: dict[str, Any] = {}
        facts = read_facts(address)  # refuses in one line what Ray would try for long, or end this process for
        try:
            ray.init(
                address=address,
                namespace="pytest-opml",
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
            raise unusable(address, facts.mismatch or one_line(error)) from error
        self._types = NodeTypes(ray._raylet.GcsClient(facts.address) if facts.has_autoscaler else None)
        # from a thread of its own, into the middle of a test report; no setting of the engine's leaves it out
        ray._private.worker.print_to_stdstream = _print_nothing
        self._board = _board(ray)
        try:
            self._project = ray.put(pack_project(root))
        except OpmlError:
            ray.shutdown()
            raise
        # in bytes, since the engine fetches what a reference stands for before each unit, and counts who holds it
        self._project_reference = ray.cloudpickle.dumps(self._project)
        self._run, self._describe = ray.remote(max_calls=0)(_run), ray.remote(max_calls=0)(_describe)

    def nodes(self) -> list[FleetNode]:
        """Return the nodes that are alive and take tasks, as they were within the last second."""
        if time.monotonic() - self._looked_at > _LOOK_S:
            self._looked_at = time.monotonic()
            self._nodes = [
                FleetNode(node["NodeID"], kind_of(node["Labels"]), node["Resources"]["CPU"])
                for node in self._ray.nodes()
                if node["Alive"] and node["Resources"].get("CPU", 0) >= 1
            ]
        return self._nodes

    def check_kinds(self, kinds: Sequence[str]) -> None:
        """Refuse kinds that no node has or could have, of each of which a node was asked.

        Ray would wait for them for ever, without a word.

        Raises:
            DeviceError: a kind is missing.
        """
        self._types.check(kinds, lambda: [node.kind for node in self.nodes()])

    def starts(self, kind: str) -> bool:
        """Return whether the cluster starts nodes of a kind, which had none when it was checked."""
        return self._types.starts(kind)

    def failures(self) -> list[str]:
        """Return the names of the node types of which the cluster could not start a node; it does not say why."""
        return self._types.failures()

    def use(self, kind: str, order: RunOrder) -> None:
        """Send what holds for all units of a kind; the nodes fetch it once each."""
        self._orders[kind] = self._ray.put(order)

    def submit(self, attempt: Attempt, unit: UnitOrder) -> None:
        """Hand an attempt to Ray, which runs it as soon as a node of its kind has its slot free."""
        options = self._options(attempt.kind, attempt.avoid) | {"name": f"opml {unit.key}"}
        task = self._run.options(**options)
        reference = task.remote(self._orders[attempt.kind], unit, self._board, self._project_reference)
        self._running[reference] = attempt
        # to ask Ray which of many have ended takes as long as there are many
        reference.future().add_done_callback(lambda _: self._ended.put(reference))

    def ask(self, kind: str, settings: Settings, *, needs_tensorflow: bool, avoid: Sequence[str] = ()) -> None:
        """Ask a node of a kind what its device is; it gets ready for units on the way.

        Args:
            kind: of node.
            settings: of the run.
            needs_tensorflow: whether cases need TensorFlow.
            avoid: ids of nodes that are not asked.
        """
        task = self._describe.options(**self._options(kind, avoid))
        self._asked[kind] = task.remote(kind, settings.threads, needs_tensorflow, self._project_reference)

    def description(self, kind: str, wait: NodeWait) -> Description:
        """Return what the node of a kind that was asked last has said of itself.

        Args:
            kind: of node.
            wait: for a node to be there.

        Raises:
            DeviceError: the wait is over.
        """
        try:
            while not self._ray.wait([self._asked[kind]], timeout=_LOOK_S)[0]:
                if reason := wait.end(kind, is_there=bool(self.nodes_of(kind))):
                    raise DeviceError(f"--opml-gpu={kind}: {reason}")
            return Description(*self._ray.get(self._asked[kind]))
        except self._ray.exceptions.RayError as error:  # the node is lost, and soon not among those that are there
            return Description("", None, _first_sentence(error))

    def _options(self, kind: str, avoid: Sequence[str]) -> dict[str, Any]:
        cpus = min((node.cpus for node in self.nodes_of(kind)), default=1)
        options: dict[str, Any] = {
            "num_cpus": cpus,
            "max_retries": 0,
            "label_selector": label_selector(kind) | ({_NODE: f"!in({','.join(avoid)})"} if avoid else {}),
            "resources": {self._ray._raylet.IMPLICIT_RESOURCE_PREFIX + _SLOT: 1},
        }
        return options if kind == "cpu" else options | {"num_gpus": 1}

    def nodes_of(self, kind: str) -> list[FleetNode]:
        """Return the nodes of a kind."""
        return [node for node in self.nodes() if node.kind == kind]

    def poll(self, seconds: float) -> list[UnitEnd]:
        """Wait so long for an attempt to end, and return all that have ended."""
        ends = []
        with suppress(Empty):
            ends.append(self._end(self._ended.get(timeout=seconds)))
            while True:
                ends.append(self._end(self._ended.get_nowait()))
        return ends

    def _end(self, reference: Any) -> UnitEnd:
        attempt, errors = self._running.pop(reference), self._ray.exceptions
        try:
            node, answer = self._ray.get(reference)
            return UnitEnd(attempt, node, answer)
        except errors.RayTaskError as error:
            is_lost = isinstance(error.cause, errors.ObjectLostError)  # what it was sent did not come
            return UnitEnd(attempt, None, None, one_line(error.cause or error), is_lost)
        except errors.RayError as error:
            return UnitEnd(attempt, self._node_of(attempt), None, _first_sentence(error), is_lost=True)

    def _node_of(self, attempt: Attempt) -> str | None:
        return self.told().get(attempt.key, NOTHING_TOLD).node

    def told(self) -> Mapping[str, Told]:
        """Return what was last heard of each unit that runs, by its key, as it was within the last half second."""
        if time.monotonic() - self._read_at > _TELL_S:
            self._read_at = time.monotonic()
            # without it, progress is not seen for a while: its node is lost, or somebody is slow
            with suppress(self._ray.exceptions.RayError):
                self._told = self._ray.get(self._board.read.remote(), timeout=_TELL_S)
        return self._told

    def close(self) -> None:
        """End all that runs on the nodes for this run, at once."""
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        self._running.clear()
        self._ray.shutdown()


class _Board:
    """An actor without a CPU: the nodes write on it how far they are, and the driver reads it."""

    def __init__(self) -> None:
        self._told: dict[str, Told] = {}

    def tell(self, key: str, told: Told) -> None:
        self._told[key] = told

    def forget(self, key: str) -> None:
        self._told.pop(key, None)

    def read(self) -> dict[str, Told]:
        return self._told


def _board(ray: Any) -> Any:
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        ray.get_runtime_context().get_node_id(), soft=True
    )
    actor = ray.remote(num_cpus=0, max_restarts=-1)(_Board)
    return actor.options(scheduling_strategy=here).remote()


def _run(order: RunOrder, unit: UnitOrder, board: Any, project: bytes) -> tuple[str, UnitAnswer]:
    """The task of Ray's: a unit on the node where this runs."""
    node = _imported().get_runtime_context().get_node_id()
    last, stage = 0.0, ("", "")

    def tell(case_id: str, progress: Progress) -> None:
        nonlocal last, stage
        now, here = time.monotonic(), (case_id, progress.stage)
        if here != stage or now - last >= _TELL_S:
            last, stage = now, here
            board.tell.remote(unit.key, Told(node, case_id, progress))

    try:
        _enter(project)
    except (StorageError, OSError) as error:
        return node, UnitAnswer({}, fault=one_line(error))
    answer = measure_unit(order, unit, tell)
    board.forget.remote(unit.key)  # of one that never comes here, the board knows on which node it was
    return node, answer


def _enter(project: bytes) -> None:
    ray = _imported()
    enter_project(lambda: ray.get(ray.cloudpickle.loads(project)))


def _describe(kind: str, threads: int | None, needs_tensorflow: bool, project: bytes) -> tuple[str, Device | None, str]:
    """The task of Ray's that says what a node is, or why it can run nothing."""
    node = _imported().get_runtime_context().get_node_id()
    try:
        _enter(project)  # first: the server that cases are forked from keeps the folder in which it begins
        return node, describe_node(kind, threads, needs_tensorflow=needs_tensorflow), ""
    except (OpmlError, OSError) as error:
        return node, None, one_line(error)


def _imported() -> Any:
    try:
        import ray
        import ray._private.worker
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise MissingDependencyError("--opml-fleet", "ray", extra="fleet") from error
    return ray


def _print_nothing(*_: object, **__: object) -> None:
    """What the engine says of a lost node is a page of its log; we say it in a line, see ``NodeNotes``."""


def _first_sentence(error: Exception) -> str:
    """What an error of Ray's says, without its advice and its dump."""
    return next(_lines(str(error)), type(error).__name__).partition(". ")[0]


def _lines(text: str) -> Iterator[str]:
    return (line.strip() for line in text.splitlines() if line.strip())
