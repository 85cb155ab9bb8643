"""A fleet of machines that Slurm schedules: units are its jobs, each alone on a node of its kind.

The driver and the nodes share the folder of the project, as all that run on Slurm share their work. Which attempt
follows a fault is not left to Slurm (``--no-requeue``), since it does not know which node is to blame.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DeviceError, SettingsError, StorageError
from .base import Description, FleetNode, GivenNodes, Told, UnitEnd
from .node_types import NodeWait
from .orders import RunOrder, UnitOrder
from .slurm_client import SlurmError, most_jobs_of_array
from .slurm_inventory import SlurmInventory
from .slurm_job import describe
from .slurm_jobs import JobEnd, SlurmJobs
from .slurm_submissions import SlurmSubmissions

if TYPE_CHECKING:
    from ...settings import Settings
    from .schedule import Attempt

_LOOK_S = 0.5
_TELL_S = 15.0  # after which a job should have begun and said what its node is
_MOST_JOBS = 1000  # of an array


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
            self._inventory = SlurmInventory(options)
            most = min(most_jobs_of_array(), _MOST_JOBS)
        except SlurmError as error:
            raise SettingsError(
                f"--opml-fleet=slurm: Slurm does not answer here ({error}); run pytest where sbatch works, as on a "
                "login node of the cluster"
            ) from error
        try:
            self._jobs = SlurmJobs(root)
        except OSError as error:
            raise SettingsError(f"--opml-fleet=slurm: {error.filename}: {error.strerror}") from error
        self._submissions = SlurmSubmissions(self._jobs, self._inventory, most)
        self._asked: dict[str, str] = {}
        self._described: dict[str, JobEnd] = {}
        self._ends: list[UnitEnd] = []

    def nodes(self) -> list[FleetNode]:
        """Return the nodes that take jobs, as they were within the last ten seconds; one of several kinds for each."""
        return self._inventory.nodes()

    def nodes_of(self, kind: str) -> list[FleetNode]:
        """Return the nodes of a kind."""
        return self._inventory.nodes_of(kind)

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
        """Write what holds for all units of a kind where the jobs read it.

        Raises:
            StorageError: it cannot be written.
        """
        try:
            self._submissions.use(kind, order)
        except OSError as error:
            raise StorageError(f"--opml-fleet=slurm: {self._jobs.folder.path}: {error.strerror}") from error

    def submit(self, attempt: Attempt, unit: UnitOrder) -> None:
        """Take an attempt, which goes to Slurm with all that were taken until the next poll."""
        self._submissions.add(attempt, unit)

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
            (job,) = self._jobs.submit([question], self._inventory.job_options(kind, avoid))
        except SlurmError as error:
            raise DeviceError(f"--opml-gpu={kind}: Slurm refuses a job on such a node: {error}") from error
        self._asked[job] = kind
        self._described.pop(kind, None)  # of the node before

    def description(self, kind: str, wait: NodeWait) -> Description:
        """Return what the node of a kind that was asked last has said of itself.

        Args:
            kind: of node.
            wait: for a node to be up; it is told as well that the job has not answered for long.

        Raises:
            DeviceError: the wait is over.
        """
        tell_at = time.monotonic() + _TELL_S
        self._take_ended()
        while kind not in self._described:
            if reason := wait.end(kind, is_there=bool(self.nodes_of(kind))):
                raise DeviceError(f"--opml-gpu={kind}: {reason}")
            if time.monotonic() > tell_at:
                wait.tell(f"waiting for a {kind} node, for which a job is in the queue")
                tell_at = math.inf
            time.sleep(_LOOK_S)
            self._take_ended()
        end = self._described[kind]
        return Description(*(end.answer or (end.node or "", None, end.error)))

    def poll(self, seconds: float) -> list[UnitEnd]:
        """Wait so long for an attempt to end, and return all that have ended."""
        self._ends += self._submissions.submit_waiting()
        self._take_ended()
        if not self._ends:
            time.sleep(seconds)
        ends, self._ends = self._ends, []
        return ends

    def _take_ended(self) -> None:
        for end in self._jobs.take_ended():
            if end.job in self._asked:
                self._described[self._asked.pop(end.job)] = end
            else:
                self._ends.append(self._submissions.end(end))

    def told(self) -> Mapping[str, Told]:
        """Return what was last heard of each unit that runs, by its key, as it was within the last second."""
        return self._submissions.told()

    def close(self) -> None:
        """End all that runs on the nodes for this run, at once."""
        self._jobs.close()
