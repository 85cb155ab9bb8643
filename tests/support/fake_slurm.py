"""Slurm's programs in a few lines of Python: sbatch runs a job at once on this machine, squeue says how it ended."""

from __future__ import annotations

import sys
from pathlib import Path

_PROGRAM = """#!{python}
import os, re, signal, subprocess, sys
from pathlib import Path
folder, name = Path({folder!r}), Path(sys.argv[0]).name
with open(folder / "calls", "a") as calls:
    print(name, *sys.argv[1:], file=calls)
{body}
"""
_SBATCH = r"""
text = Path(sys.argv[-1]).read_text()
refusal, held = folder / "refusal", folder / "held"
if refusal.exists():
    sys.exit("sbatch: error: " + refusal.read_text())
job = str(len([*folder.glob("script-*")]) + 1)
(folder / f"script-{job}").write_text(text)
count = re.search(r"--array=0-(\d+)", text)
for number in range(int(count[1]) + 1) if count else [None]:
    environment = os.environ | {"SLURM_JOB_ID": job, "SLURMD_NODENAME": "node1"}
    name = job if number is None else f"{job}_{number}"
    if number is not None:
        environment |= {"SLURM_ARRAY_JOB_ID": job, "SLURM_ARRAY_TASK_ID": str(number)}
    log = re.search(r"--output=(\S+)", text)[1].replace("%A_%a", name).replace("%j", name)
    command = ["bash", str(folder / f"script-{job}")]
    root = re.search(r"--chdir=(\S+)", text)[1]
    if not held.exists():
        with open(log, "wb") as output:
            subprocess.Popen(command, cwd=root, env=environment, stdout=output, stderr=output, start_new_session=True)
    with open(folder / "jobs", "a") as jobs:
        print(f"{name}|{held.read_text() if held.exists() else 'RUNNING|node1'}", file=jobs)
print(f"Submitted batch job {job}")
"""
_SQUEUE = "print((folder / 'jobs').read_text(), end='')"
_SINFO = "print((folder / 'nodes').read_text(), end='')"
_SCONTROL = "print('MaxArraySize            = 1001')"
NODES = """\
node1|4|idle|up|main*|gpu:v100:2(S:0-1)|(null)
node2|4|mixed|up|main*|(null)|(null)
"""


class FakeSlurm:
    """The programs in a folder, and what they were called with.

    Attributes:
        folder: to be the first of ``PATH``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        bodies = {
            "sbatch": _SBATCH,
            "squeue": _SQUEUE,
            "sinfo": _SINFO,
            "scontrol": _SCONTROL,
            "scancel": "",
            "srun": "",
        }
        for name, body in bodies.items():
            path = folder / name
            path.write_text(_PROGRAM.format(python=sys.executable, folder=str(folder), body=body), "utf-8")
            path.chmod(0o755)
        self.list_nodes(NODES)
        (folder / "jobs").touch()

    def list_nodes(self, text: str) -> None:
        """Have sinfo say these nodes."""
        (self.folder / "nodes").write_text(text, "utf-8")

    def refuse(self, reason: str | None) -> None:
        """Have sbatch refuse all jobs, or none any more."""
        path = self.folder / "refusal"
        if reason is None:
            path.unlink()
        else:
            path.write_text(reason, "utf-8")

    def hold(self, state: str = "PENDING") -> None:
        """Have jobs be taken and never begin; squeue says that they are in a state, and were on the second node."""
        (self.folder / "held").write_text(f"{state}|node2", "utf-8")

    def say(self, states: dict[str, str]) -> None:
        """Have squeue say these states of jobs on the first node."""
        lines = (f"{job}|{state}|node1\n" for job, state in states.items())
        (self.folder / "jobs").write_text("".join(lines), "utf-8")

    @property
    def script(self) -> str:
        """The script of the last job."""
        return (self.folder / f"script-{len([*self.folder.glob('script-*')])}").read_text("utf-8")

    @property
    def calls(self) -> list[str]:
        """What was called so far, as one would type it."""
        path = self.folder / "calls"
        return path.read_text("utf-8").splitlines() if path.exists() else []
