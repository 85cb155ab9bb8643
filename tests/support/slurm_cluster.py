"""A cluster of Slurm's on this machine: its own programs, as Debian has them, and nodes that pretend to have GPUs."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

import psutil
import pytest

from tests.support.waiting import wait_for

_PRETENDED = Path(__file__).with_name("pretended")
_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
_CPUS = 2  # of each node; all are cores of this machine
# What takes a kernel's control groups is left out: a container may have none.
_CONFIG = """
ClusterName=opml
SlurmctldHost=localhost
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={folder}/prolog
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
ReturnToService=2
MpiDefault=none
"""
# The variables that a task gets beside those of its job: the node's, as a real one would have its own GPU.
_PROLOG = """#!/bin/sh
echo "export PYTHONPATH={pretended}:$PYTHONPATH"
[ -e {folder}/broken-$SLURMD_NODENAME ] && exit
case $SLURMD_NODENAME in cpu*) ;; *) echo "export PRETENDED=${{SLURMD_NODENAME%n*}}" ;; esac
"""


class SlurmJob(NamedTuple):
    """A job that waits or runs."""

    id: str
    state: str
    node: str


class SlurmCluster:
    """A controller and nodes of some kinds, named by them: ``v100n1``.

    Attributes:
        config: the file that ``SLURM_CONF`` names for all who use the cluster.
    """

    def __init__(self, folder: Path, kinds: Sequence[str]) -> None:
        self.folder, self.config = folder, folder / "slurm.conf"
        counts = {kind: kinds[: place + 1].count(kind) for place, kind in enumerate(kinds)}
        self.nodes = [f"{kind}n{number}" for kind, count in counts.items() for number in range(1, count + 1)]

    def write(self) -> None:
        """Write the configuration."""
        ports = _free_ports(len(self.nodes) + 1)
        texts = [_CONFIG.format(folder=self.folder, port=ports.pop(), user=getpass.getuser())]
        resources = []
        for node in self.nodes:
            kind = node.partition("n")[0]
            gres = "" if kind == "cpu" else f" Gres=gpu:{kind}:1"
            address = f"NodeName={node} NodeHostname={node} NodeAddr=127.0.0.1 Port={ports.pop()}"
            texts.append(f"{address} CPUs={_CPUS} RealMemory=4000{gres}")
            if gres:
                resources.append(f"NodeName={node} Name=gpu Type={kind} File=/dev/null")
            (self.folder / f"spool-{node}").mkdir()
        texts.append("PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP")
        texts.append(f"PartitionName=second Nodes={self.nodes[-1]} MaxTime=INFINITE State=UP")
        (self.folder / "state").mkdir()
        self.config.write_text("\n".join([*texts, ""]), "utf-8")
        (self.folder / "gres.conf").write_text("\n".join([*resources, ""]), "utf-8")
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n", "utf-8")
        prolog = self.folder / "prolog"
        prolog.write_text(_PROLOG.format(pretended=_PRETENDED, folder=self.folder), "utf-8")
        prolog.chmod(0o755)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)

    def start(self, stack: ExitStack) -> None:
        """Start its programs, which end with the stack."""
        folder, where = self.folder, ("-f", str(self.config))
        files = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munged.pid", "log-file": "munged.log"}
        places = [f"--{option}={folder / name}" for option, name in (files | {"seed-file": "munge.seed"}).items()]
        self._start(stack, "munged", "--foreground", "--force", *places)
        wait_for(lambda: (folder / "munge.socket").exists())
        self._start(stack, "slurmctld", "-D", *where)
        wait_for(lambda: self._ask("scontrol", "ping").returncode == 0)
        for node in self.nodes:
            self._start(stack, "slurmd", "-D", "-N", node, *where, name=node)
        wait_for(lambda: self.states() == dict.fromkeys(self.nodes, "idle"))

    def _start(self, stack: ExitStack, program: str, *arguments: str, name: str | None = None) -> None:
        with (self.folder / f"{name or program}.out").open("wb") as output:
            process = subprocess.Popen(
                [_path_of(program), *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"SLURM_CONF": str(self.config)},
            )
        stack.callback(_end, process)

    def _ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"SLURM_CONF": str(self.config)}
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)

    def states(self) -> dict[str, str]:
        """Return what the nodes do."""
        lines = self._ask("sinfo", "--noheader", "--Node", "--format=%N|%T").stdout.splitlines()
        return dict(line.split("|") for line in lines)

    def jobs(self) -> list[SlurmJob]:
        """Return the jobs that wait or run, or of which something is left on a node."""
        lines = self._ask("squeue", "--noheader", "--array", "--format=%i|%T|%N").stdout.splitlines()
        return [SlurmJob(*line.split("|")) for line in lines]

    def processes(self) -> list[psutil.Process]:
        """Return what runs on this machine in jobs of the cluster, or was left by them."""
        of_jobs = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                variables = process.environ()
                if variables.get("SLURM_CONF") == str(self.config) and "SLURM_JOB_ID" in variables:
                    of_jobs.append(process)
        return of_jobs

    def cancel(self, job: str) -> None:
        """Cancel a job, as a user or an administrator may."""
        self._ask("scancel", job).check_returncode()

    def take_down(self, node: str) -> None:
        """Have the controller take a node for lost."""
        self._ask("scontrol", "update", f"nodename={node}", "state=down", "reason=test").check_returncode()

    def lose_gpu(self, node: str) -> None:
        """Have a node not see its GPU any more, of which the controller knows nothing."""
        (self.folder / f"broken-{node}").touch()

    def restore(self) -> None:
        """End all jobs, and bring back what the nodes have lost."""
        for path in self.folder.glob("broken-*"):
            path.unlink()
        self._ask("scancel", f"--user={getpass.getuser()}").check_returncode()
        for node, state in self.states().items():
            if state.startswith("down"):
                self._ask("scontrol", "update", f"nodename={node}", "state=resume").check_returncode()
        wait_for(lambda: set(self.states().values()) <= {"idle", "planned"})


@contextmanager
def slurm_cluster(folder: Path, kinds: Sequence[str]) -> Iterator[SlurmCluster]:
    """Start a cluster with a node for each of these kinds, and end it after the block.

    Skips the test where Slurm is not installed, or fails it where the run is to have it.
    """
    for program in _PROGRAMS:
        if not _path_of(program):
            _is_missing(f"{program}: apt-get install slurm-wlm munge")
    cluster = SlurmCluster(folder, kinds)
    cluster.write()
    with ExitStack() as stack:
        cluster.start(stack)
        yield cluster
        cluster.restore()


def _is_missing(what: str) -> NoReturn:
    if os.environ.get("OPML_TEST_SLURM") == "required":
        pytest.fail(f"a test needs {what}")
    pytest.skip(f"needs {what}")


def _path_of(program: str) -> str:
    """Where a program is, in the folders of an administrator too; an empty text where it is nowhere."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin") or ""


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
