"""A fleet of machines that Slurm schedules: units are its jobs, each alone on a node of its kind.

The driver and the nodes share the folder of the project, as all that run on Slurm share their work. Jobs that are
submitted together are one array. Which attempt follows a fault is not left to Slurm (``--no-requeue``), since it does
not know which node is to blame.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...errors import DeviceError, SettingsError
from . import slurm_nodes
from .base import NOTHING_TOLD, FleetNode, GivenNodes, Told, UnitEnd
from .orders import RunOrder, UnitOrder
from .slurm_client import SlurmError, list_nodes, most_jobs_of_array
from .slurm_job import describe, read_told, run_unit
from .slurm_jobs import JobEnd, SlurmJobs
from .slurm_nodes import SlurmNode

if TYPE_CHECKING:
    from ...records.device import Device
    from ...settings import Settings
    from .schedule import Attempt

_LOOK_S = 10.0  # between two questions for the nodes
_TOLD_S = 1.0
_AGAIN_S = 30.0  # until jobs that were refused are submitted again
_TELL_S = 15.0  # after which a job should have begun and said what its node is
_MOST_FAULTS = 2  # of a node that says what it is
_MOST_JOBS = 1000  # of an array


class _Submission(NamedTuple):
    """An attempt, and what is to be done in it."""

    number: int
    attempt: Attempt
    unit: UnitOrder


class _Nodes:
    """The nodes that take jobs, as they were within the last ten seconds, and the user's word on their kinds."""

    def __init__(self, options: Mapping[str, Mapping[str, str]]) -> None:
        self._options = options
        self._nodes, self._looked_at = list_nodes(), time.monotonic()

    def _current(self) -> list[SlurmNode]:
        if time.monotonic() - self._looked_at > _LOOK_S:
            self._looked_at = time.monotonic()
            with suppress(SlurmError):  # of a controller that restarts nothing is heard for a while
                self._nodes = list_nodes()
        return self._nodes

    def all(self) -> list[FleetNode]:
        kinds = dict.fromkeys(self._options)
        kinds |= dict.fromkeys(kind for node in self._current() for kind in node.kinds)
        return [node for kind in kinds for node in self.of(kind)]

    def of(self, kind: str) -> list[FleetNode]:
        of_kind = slurm_nodes.nodes_of(kind, self._current(), self._options.get(kind))
        return [FleetNode(name, kind, cpus) for name, cpus in {node.name: node.cpus for node in of_kind}.items()]

    def job_options(self, kind: str, avoid: Sequence[str]) -> dict[str, str]:
        of_user = self._options.get(kind)
        options = slurm_nodes.job_options(kind, self._current()) if of_user is None else dict(of_user)
        excluded = dict.fromkeys([*filter(None, options.get("exclude", "").split(",")), *avoid])
        return options | ({"exclude": ",".join(excluded)} if excluded else {})


class SlurmFleet(GivenNodes):
    """The driver's side of a run on Slurm.

    Args:
        options: of sbatch by the kinds of nodes, where the user has some.
        root: the user's project.

    Raises:
        MissingDependencyError: submitit is not installed.
        SettingsError: Slurm does not answer here, or the project's folder cannot be written to.
    """

    def __init__(self, options: Mapping[str, Mapping[str, str]], root: Path) -> None:
        try:
            self._nodes = _Nodes(options)
            self._size = min(most_jobs_of_array(), _MOST_JOBS)
        except SlurmError as error:
            raise SettingsError(
                f"--opml-fleet=slurm: Slurm does not answer here ({error}); run pytest where sbatch works, as on a "
                "login node of the cluster"
            ) from error
        try:
            self._jobs = SlurmJobs(root)
        except OSError as error:
            raise SettingsError(f"--opml-fleet=slurm: {error.filename}: {error.strerror}") from error
        self._orders: dict[str, RunOrder] = {}
        self._waiting: dict[tuple[str, tuple[str, ...]], list[_Submission]] = {}
        self._submissions: dict[str, _Submission] = {}
        self._asked: dict[str, str] = {}
        self._described: dict[str, JobEnd] = {}
        self._ends: list[UnitEnd] = []
        self._count = 0
        self._not_before = self._read_at = -math.inf
        self._told: Mapping[str, Told] = {}

    def nodes(self) -> list[FleetNode]:
        """Return the nodes that take jobs, as they were within the last ten seconds; one of several kinds for each."""
        return self._nodes.all()

    def nodes_of(self, kind: str) -> list[FleetNode]:
        """Return the nodes of a kind."""
        return self._nodes.of(kind)

    def check_kinds(self, kinds: Sequence[str]) -> None:
        """Refuse kinds that no node has, before Slurm is asked for a job on one.

        Raises:
            DeviceError: a kind is missing.
        """
        has = Counter(node.kind for node in self.nodes())
        if missing := [kind for kind in kinds if kind not in has]:
            there = ", ".join(f"{number} {kind}" for kind, number in sorted(has.items())) or "no node that takes jobs"
            hint = f'; say in [tool.opml.slurm] how sbatch gets one, as by {missing[0]} = "--partition=..."'
            hint = "; name one or several of them" if missing == ["auto"] else hint
            raise DeviceError(f"--opml-gpu={','.join(missing)}: not in the fleet, which has {there}{hint}")

    def use(self, kind: str, order: RunOrder) -> None:
        """Take what holds for all units of a kind; it goes with each."""
        self._orders[kind] = order

    def submit(self, attempt: Attempt, unit: UnitOrder) -> None:
        """Take an attempt, which goes to Slurm with all that were taken until the next poll."""
        self._count += 1
        submission = _Submission(self._count, attempt, unit)
        self._waiting.setdefault((attempt.kind, attempt.avoid), []).append(submission)

    def ask(self, kind: str, settings: Settings, *, needs_tensorflow: bool, avoid: Sequence[str] = ()) -> None:
        """Ask a node of a kind what its device is, by a job of its own.

        Args:
            kind: of node.
            settings: of the run.
            needs_tensorflow: whether cases need TensorFlow.
            avoid: names of nodes that are not asked.

        Raises:
            DeviceError: no node has the kind, or Slurm refuses the job.
        """
        self.check_kinds([kind])
        question = partial(describe, self._jobs.folder, kind, settings.threads, needs_tensorflow)
        try:
            (job,) = self._jobs.submit([question], self._nodes.job_options(kind, avoid))
        except SlurmError as error:
            raise DeviceError(f"--opml-gpu={kind}: Slurm refuses a job on such a node: {error}") from error
        self._asked[job] = kind

    def describe(
        self, kind: str, settings: Settings, *, needs_tensorflow: bool, on_waiting: Callable[[str], None]
    ) -> Device:
        """Return the device of the first node of a kind that can run cases, of which one was asked.

        Args:
            kind: of node.
            settings: of the run.
            needs_tensorflow: whether cases need TensorFlow.
            on_waiting: is told that the job has not answered yet.

        Raises:
            DeviceError: no node of the kind can run cases.
        """
        faults: dict[str, list[str]] = {}
        while True:
            end = self._description(kind, on_waiting)
            node, device, fault = end.answer or (end.node or "", None, end.error)
            if device is not None:
                described: Device = device
                return described
            faults.setdefault(node, []).append(fault)
            avoid = [name for name, texts in faults.items() if name and len(texts) >= _MOST_FAULTS]
            lost = len(faults.get("", ()))
            if lost > _MOST_FAULTS or all(one.id in avoid for one in self.nodes_of(kind)):
                reasons = "; ".join(dict.fromkeys(text for texts in faults.values() for text in texts))
                raise DeviceError(f"--opml-gpu={kind}: no node of the fleet can run cases: {reasons}")
            self.ask(kind, settings, needs_tensorflow=needs_tensorflow, avoid=avoid)

    def _description(self, kind: str, on_waiting: Callable[[str], None]) -> JobEnd:
        tell_at = time.monotonic() + _TELL_S
        while kind not in self._described:
            self._take_ended()
            time.sleep(_TOLD_S / 2)
            if time.monotonic() > tell_at:
                on_waiting(f"waiting for a {kind} node, for which a job is in the queue")
                tell_at = math.inf
        return self._described.pop(kind)

    def poll(self, seconds: float) -> list[UnitEnd]:
        """Wait so long for an attempt to end, and return all that have ended."""
        self._submit_waiting()
        self._take_ended()
        if not self._ends:
            time.sleep(seconds)
        ends, self._ends = self._ends, []
        return ends

    def _submit_waiting(self) -> None:
        """Submit what was taken; what exceeds a limit of the cluster waits until jobs have ended."""
        if not self._waiting or time.monotonic() < self._not_before:
            return
        groups, self._waiting = self._waiting, {}
        for (kind, avoid), members in groups.items():
            if left := self._submit_group(kind, avoid, deque(members)):
                self._waiting[kind, avoid] = [*left]
                self._not_before = time.monotonic() + _AGAIN_S

    def _submit_group(self, kind: str, avoid: Sequence[str], left: deque[_Submission]) -> deque[_Submission]:
        """Submit attempts in arrays, shorter ones where those are refused, and return what must wait."""
        while left:
            part = [*islice(left, self._size)]
            try:
                self._submit_array(kind, avoid, part)
            except SlurmError as error:
                self._size = max(len(part) // 2, 1)
                if self._jobs.running:  # a limit, perhaps; sbatch itself may have tried for minutes
                    break
                if len(part) > 1:
                    continue
                self._ends += [UnitEnd(one.attempt, None, None, f"sbatch: {error}") for one in left]  # all alike
                left.clear()
            else:
                for _ in part:
                    left.popleft()
        return left

    def _submit_array(self, kind: str, avoid: Sequence[str], part: Sequence[_Submission]) -> None:
        functions = [
            partial(run_unit, self._jobs.folder, member.number, self._orders[kind], member.unit) for member in part
        ]
        jobs = self._jobs.submit(functions, self._nodes.job_options(kind, avoid))
        self._submissions |= dict(zip(jobs, part, strict=True))

    def _take_ended(self) -> None:
        for end in self._jobs.take_ended():
            if end.job in self._asked:
                self._described[self._asked.pop(end.job)] = end
                continue
            number, attempt, _ = self._submissions.pop(end.job)
            path = self._jobs.folder.told / str(number)
            if end.answer:
                node, answer = end.answer
                self._ends.append(UnitEnd(attempt, node, answer))
            else:
                node = end.node or _told_by(path).node
                self._ends.append(UnitEnd(attempt, node, None, end.error, end.is_lost))
            path.unlink(missing_ok=True)

    def told(self) -> Mapping[str, Told]:
        """Return what was last heard of each unit that runs, by its key, as it was within the last second."""
        if time.monotonic() - self._read_at > _TOLD_S:
            self._read_at = time.monotonic()
            keys = {str(one.number): one.attempt.key for one in self._submissions.values()}
            with suppress(OSError):  # without it, progress is not seen for a while
                files = {path.name: path for path in self._jobs.folder.told.iterdir()}
                self._told = {keys[name]: _told_by(files[name]) for name in keys.keys() & files.keys()}
        return self._told

    def close(self) -> None:
        """End all that runs on the nodes for this run, at once."""
        self._jobs.close()


def _told_by(path: Path) -> Told:
    try:
        return read_told(path)
    except OSError:
        return NOTHING_TOLD
