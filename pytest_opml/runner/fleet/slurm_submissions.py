"""The attempts of a run on Slurm: those that wait until sbatch takes them, and those that it has taken.

Jobs that are submitted together are one array. What holds for all units of a kind is written once, and each job reads
it: in each job's own file, of n units it would be written n times, and it is as long as n cases.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .base import NOTHING_TOLD, Told, UnitEnd
from .orders import RunOrder, UnitOrder
from .slurm_client import SlurmError
from .slurm_inventory import SlurmInventory
from .slurm_job import read_told, run_unit
from .slurm_jobs import JobEnd, SlurmJobs

if TYPE_CHECKING:
    from .schedule import Attempt

_TOLD_S = 1.0
_AGAIN_S = 30.0  # until jobs that were refused are submitted again


class _Submission(NamedTuple):
    """An attempt, and what is to be done in it."""

    number: int
    attempt: Attempt
    unit: UnitOrder


class SlurmSubmissions:
    """What is handed to Slurm for the units of a run, and what is heard of them.

    Args:
        jobs: of the run.
        inventory: says what gets a job a node of a kind.
        most: jobs that are submitted at once.
    """

    def __init__(self, jobs: SlurmJobs, inventory: SlurmInventory, most: int) -> None:
        self._jobs, self._inventory = jobs, inventory
        self._size = self._most = most
        self._orders: dict[str, Path] = {}
        self._waiting: dict[tuple[str, tuple[str, ...]], list[_Submission]] = {}
        self._submitted: dict[str, _Submission] = {}
        self._count = self._order_count = 0
        self._not_before = self._read_at = -math.inf
        self._told: Mapping[str, Told] = {}

    def use(self, kind: str, order: RunOrder) -> None:
        """Write what holds for all units of a kind where the jobs read it.

        Args:
            kind: of node.
            order: is written; into a new file, since jobs may read the one before.

        Raises:
            OSError: it cannot be written.
        """
        self._order_count += 1
        self._orders[kind] = self._jobs.write(f"order-{self._order_count}.pkl", order)

    def add(self, attempt: Attempt, unit: UnitOrder) -> None:
        """Take an attempt, which is submitted with all that wait."""
        self._count += 1
        submission = _Submission(self._count, attempt, unit)
        self._waiting.setdefault((attempt.kind, attempt.avoid), []).append(submission)

    def submit_waiting(self) -> list[UnitEnd]:
        """Submit what waits; what exceeds a limit of the cluster waits on until jobs have ended.

        Returns:
            The ends of those that Slurm does not take, however few they are.
        """
        if not self._waiting or time.monotonic() < self._not_before:
            return []
        ends: list[UnitEnd] = []
        groups, self._waiting = self._waiting, {}
        for (kind, avoid), members in groups.items():
            left = deque(members)
            ends += self._submit_group(kind, avoid, left)
            if left:
                self._waiting[kind, avoid] = [*left]
                self._not_before = time.monotonic() + _AGAIN_S
        return ends

    def _submit_group(self, kind: str, avoid: Sequence[str], left: deque[_Submission]) -> list[UnitEnd]:
        """Submit attempts in arrays, shorter ones where those are refused, and leave those that must wait."""
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
                ends = [UnitEnd(one.attempt, None, None, f"sbatch: {error}") for one in left]  # all alike
                left.clear()
                return ends
            # a limit on the jobs that wait holds for a while only
            self._size = min(2 * self._size, self._most)
            for _ in part:
                left.popleft()
        return []

    def _submit_array(self, kind: str, avoid: Sequence[str], part: Sequence[_Submission]) -> None:
        functions = [
            partial(run_unit, self._jobs.folder, member.number, self._orders[kind], member.unit) for member in part
        ]
        jobs = self._jobs.submit(functions, self._inventory.job_options(kind, avoid))
        self._submitted |= dict(zip(jobs, part, strict=True))

    def end(self, end: JobEnd) -> UnitEnd:
        """Return how the attempt ended that a job was for."""
        number, attempt, _ = self._submitted.pop(end.job)
        path = self._jobs.folder.told / str(number)
        if end.answer:
            unit_end = UnitEnd(attempt, *end.answer)
        else:
            unit_end = UnitEnd(attempt, end.node or _told_by(path).node, None, end.error, end.is_lost)
        path.unlink(missing_ok=True)
        return unit_end

    def told(self) -> Mapping[str, Told]:
        """Return what was last heard of each unit that runs, by its key, as it was within the last second."""
        if time.monotonic() - self._read_at > _TOLD_S:
            self._read_at = time.monotonic()
            keys = {str(one.number): one.attempt.key for one in self._submitted.values()}
            with suppress(OSError):  # without it, progress is not seen for a while
                files = {path.name: path for path in self._jobs.folder.told.iterdir()}
                self._told = {keys[name]: _told_by(files[name]) for name in keys.keys() & files.keys()}
        return self._told


def _told_by(path: Path) -> Told:
    try:
        return read_told(path)
    except OSError:
        return NOTHING_TOLD
