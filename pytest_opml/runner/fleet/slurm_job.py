"""What a job of Slurm's does on its node: a unit, or to say what the node is; the project's folder is what it shares.

A job ends by itself where its driver is gone: Slurm runs what it was given, whoever still wants it.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...errors import OpmlError, one_line
from ...progress import Progress
from .base import Told
from .heartbeat import watch
from .node import describe_node, measure_unit
from .orders import UnitAnswer
from .slurm_client import SlurmError, cancel_jobs

if TYPE_CHECKING:
    from ...records.device import Device
    from .orders import RunOrder, UnitOrder

_TELL_S = 1.0


class JobFolder(NamedTuple):
    """What the driver and the jobs of a run share.

    Attributes:
        path: on the file system of both.
        name: of all jobs of the run.
    """

    path: Path
    name: str

    @property
    def heartbeat(self) -> Path:
        """The driver's sign of life."""
        return self.path / "heartbeat"

    @property
    def told(self) -> Path:
        """The folder of what the jobs say of themselves."""
        return self.path / "told"

    @property
    def jobs(self) -> Path:
        """The folder of submitit's files."""
        return self.path / "jobs"


def run_unit(folder: JobFolder, number: int, order_path: Path, unit: UnitOrder) -> tuple[str, UnitAnswer]:
    """Measure a unit on the node where this runs.

    Args:
        folder: of the run.
        number: of the attempt in it.
        order_path: of the file that has the order of the run.
        unit: the cases.

    Returns:
        The node's name and its answer.
    """
    node = _begin(folder)
    last, stage = 0.0, ("", "")

    def tell(case_id: str, progress: Progress) -> None:
        nonlocal last, stage
        now, here = time.monotonic(), (case_id, progress.stage)
        if here != stage or now - last >= _TELL_S:
            last, stage = now, here
            with suppress(OSError):  # progress that is not seen costs nobody a result
                write_told(folder.told / str(number), Told(node, case_id, progress))

    try:
        order: RunOrder = pickle.loads(order_path.read_bytes())  # noqa: S301 - of the driver, in a folder of its user's
    except OSError as error:
        return node, UnitAnswer({}, fault=one_line(error))
    return node, measure_unit(order, unit, tell)


def describe(
    folder: JobFolder, kind: str, threads: int | None, needs_tensorflow: bool
) -> tuple[str, Device | None, str]:
    """Return what the node is where this runs, or why it can run nothing.

    Args:
        folder: of the run.
        kind: that it is to be of.
        threads: that a runtime may use.
        needs_tensorflow: whether cases need TensorFlow.

    Returns:
        The node's name, and its device or the fault.
    """
    node = _begin(folder)
    try:
        return node, describe_node(kind, threads, needs_tensorflow=needs_tensorflow), ""
    except (OpmlError, OSError) as error:
        return node, None, one_line(error)


def write_told(path: Path, told: Told) -> None:
    """Write what a node says of a unit, so that nobody reads half of it.

    Args:
        path: of the file.
        told: is written.
    """
    new_path = path.with_suffix(".new")
    new_path.write_text(json.dumps(told), "utf-8")
    new_path.replace(path)


def read_told(path: Path) -> Told:
    """Return what a node has said of a unit.

    Args:
        path: of the file.

    Raises:
        OSError: nothing is there.
    """
    node, case_id, progress = json.loads(path.read_text("utf-8"))
    return Told(node, case_id, Progress(*progress))


def _begin(folder: JobFolder) -> str:
    """Have this process end as soon as it is cancelled or nobody waits for it, and return the node's name."""
    # submitit overhears the first, and has the job begin again on the second: what follows from a fault says the driver
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    watch(folder.heartbeat, lambda: _end(folder))
    return os.environ["SLURMD_NODENAME"]


def _end(folder: JobFolder) -> None:
    # each of those that wait would begin, and wait for a sign of life itself
    with suppress(SlurmError, subprocess.SubprocessError):
        cancel_jobs(folder.name, only_pending=True)
    os.kill(os.getpid(), signal.SIGKILL)
