"""What Slurm's own programs say, asked for all jobs and nodes at once: each call costs its controller a message."""

from __future__ import annotations

import os
import re
import subprocess
from typing import NamedTuple

from ...printable import printable
from .slurm_nodes import FORMAT, SlurmNode, parse_nodes

_PATIENCE_S = 60.0  # a controller that schedules answers late
_UNDER_WAY = {
    *("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT"),
}
_OWN_FAULTS = {
    "TIMEOUT": "its job has reached its time limit, which --time in [tool.opml.slurm] sets",
    "DEADLINE": "its job has reached its deadline",
    "OUT_OF_MEMORY": "its job was out of memory",
}


class SlurmError(Exception):
    """Slurm cannot be asked, or refuses; its text is one line."""


class JobState(NamedTuple):
    """What has become of a job.

    Attributes:
        state: in Slurm's words, such as ``RUNNING``.
        node: that it is or was on; None where it has none.
    """

    state: str
    node: str | None

    @property
    def is_under_way(self) -> bool:
        """Whether it waits, runs, or has something left to do."""
        return self.state in _UNDER_WAY

    @property
    def own_fault(self) -> str:
        """What would come of the job on each node, in words; empty where the node is to blame, or who cancelled it."""
        return _OWN_FAULTS.get(self.state, "")


def list_nodes() -> list[SlurmNode]:
    """Return the nodes, once for each of their partitions.

    Raises:
        SlurmError: nobody tells.
    """
    return parse_nodes(_run("sinfo", "--noheader", "--Node", f"--format={FORMAT}"))


def list_jobs(name: str) -> dict[str, JobState]:
    """Return the jobs of a name by their ids, those that have ended some minutes ago at the most among them.

    squeue and not sacct, which needs a database that not every cluster has.

    Args:
        name: of the jobs.

    Raises:
        SlurmError: nobody tells.
    """
    # of one user: the controller sends those alone
    lines = _run(
        *("squeue", "--noheader", "--array", "--states=all", "--format=%i|%T|%N"),
        *(f"--user={os.getuid()}", f"--name={name}"),
    ).splitlines()
    rows = (line.strip().split("|", 2) for line in lines)
    return {job: JobState(state, node or None) for job, state, node in rows}


def cancel_jobs(name: str, *, only_pending: bool = False) -> None:
    """Cancel all jobs of a name.

    Args:
        name: of the jobs.
        only_pending: whether those that run are spared.

    Raises:
        SlurmError: nobody does.
    """
    _run("scancel", f"--name={name}", *(["--state=PENDING"] if only_pending else []))


def most_jobs_of_array() -> int:
    """Return how many jobs may be submitted at once.

    Raises:
        SlurmError: nobody tells.
    """
    match = re.search(r"^MaxArraySize\s*=\s*(\d+)", _run("scontrol", "show", "config"), re.MULTILINE)
    return max(int(match[1]), 1) if match else 1


def said(text: str) -> str:
    """Return what a program of Slurm's says in its error output, as one line without ``sbatch: error:``."""
    lines = (re.sub(r"^\w+: (error|fatal): ", "", line.strip()) for line in text.splitlines())
    return printable("; ".join(filter(None, lines)))


def _run(*command: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - programs of Slurm, and names that are our own
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=True
        )
    except FileNotFoundError as error:
        raise SlurmError(f"{command[0]} is not installed here") from error
    except subprocess.TimeoutExpired as error:
        raise SlurmError(f"{command[0]} has not answered for {_PATIENCE_S:g} s") from error
    except subprocess.CalledProcessError as error:
        raise SlurmError(said(error.stderr) or f"{command[0]} ended with {error.returncode}") from error
    return done.stdout
