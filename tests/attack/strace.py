"""What sessions write and whom they call, as the kernel sees it of all their processes.

Nothing is written outside of the project, the cache and the folder for temporary files; nobody is called over a
network, though what pytest-xdist starts calls it back within the machine. Other files are opened for writing without a
trace: devices, what ``/proc`` says of the process itself, and semaphores, which the C library keeps in ``/dev/shm``.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.attack.tally import WENT_ON, WRONG, Outcome, Tally
from tests.support.small_project import Places, write_project

TRIES, SAMPLE = 6, 1
TENSORFLOW = True
NOT_HERE = "strace is not here"
_WRITING = (
    "creat mkdir mkdirat mknod mknodat unlink unlinkat rmdir rename renameat renameat2 link linkat symlink symlinkat"
)
_CALLS = f"open,openat,openat2,truncate,chmod,fchmodat,connect,sendto,sendmsg,{_WRITING.replace(' ', ',')}"
_ANYWHERE = re.compile(r"/dev/(null|tty|zero|urandom|pts/\d+|shm/sem\.[^/]+)(/|$)|/proc/(self|\d+)/")
# Who asks for the name of a user asks the service of that name, if it runs.
_LOCAL = re.compile(r"/(var/)?run/nscd/socket$|127\.0\.0\.1$")
_LINE = re.compile(r"(?P<call>\w+)\((?P<arguments>.*)\)\s+= (?P<result>-?\d+)(?P<rest>.*)")
_PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<(?P<folder>[^>]*)>, )?"(?P<path>(?:[^"\\]|\\.)*)"')


class Call(NamedTuple):
    """A system call that writes to a path, or reaches for an address."""

    name: str
    target: str


def calls(log: str, folder: Path) -> Iterator[Call]:
    """Yield what one process wrote to and whom it called, by what strace has printed of it.

    Args:
        log: the lines.
        folder: that relative paths are relative to where strace does not say it.
    """
    for line in log.splitlines():
        if not (match := _LINE.match(line)):
            continue
        name, arguments = match["call"], match["arguments"]
        if name in ("connect", "sendto", "sendmsg"):
            if family := re.search(r"sa_family=(AF_\w+)", arguments):
                address = re.search(r'sun_path=@?"([^"]*)"', arguments) or re.search(r'inet_addr\("([^"]*)"', arguments)
                yield Call(name, address[1] if address else f"{family[1]} {arguments}")
            continue
        if int(match["result"]) < 0 and re.search(r"\b(EEXIST|ENOENT|ENOTDIR)\b", match["rest"]):
            continue  # it was there already, or could not have been
        if name.startswith("open") and not re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC|TMPFILE)", arguments):
            continue
        paths = list(_PATH.finditer(arguments))
        for path in paths[-1:] if "link" in name and "unlink" not in name else paths:
            yield Call(name, str(Path(path["folder"] or folder, path["path"])))


def broken(made: Iterable[Call], places: Places) -> list[str]:
    """Return the calls that nobody has asked for."""
    within = [str(path) for path in (places.project, places.cache, places.temporary)]
    return sorted(
        {
            f"{call.name}: {call.target}"
            for call in made
            if not any(call.target == path or call.target.startswith(f"{path}/") for path in within)
            and not (_LOCAL if call.name in ("connect", "sendto", "sendmsg") else _ANYWHERE).match(call.target)
        }
    )


def _sessions(places: Places) -> list[tuple[str, Sequence[str]]]:
    opml = [sys.executable, "-c", "from pytest_opml.cli import main; main()"]
    cache = f"--cache-dir={places.cache}"
    measure = [*opml, "measure", "models/0.onnx", "--data", "data.npz", "--preprocess", "scale=1/255", cache]
    return [
        ("files of ONNX", places.command("-k", "files")),
        ("a model that is trained", places.command("-k", "trained")),
        ("opml measure", measure),
        ("two processes of pytest-xdist", places.command("-k", "files", "-n2")),
        ("a run that MLflow is told of", places.command("-k", "files", "--opml-mlflow=sqlite:///mlflow.db")),
        ("opml report", [*opml, "report", "-o", "report.html"]),
    ]


def attack(tries: int, seed: int) -> list[Tally]:
    """Watch sessions of six kinds in turn."""
    # In a folder of a long name sockets have no room, and go elsewhere.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        places = Places.below(Path(folder).resolve())
        write_project(places.project, 1, ("baseline", "int8", "onnx-int8", "tfmot-prune-0.5"))
        sessions = _sessions(places)
        outcomes = [_watched(*sessions[number % len(sessions)], places, Path(folder)) for number in range(tries)]
    return [Tally.of("strace", "writes and calls of sessions", outcomes)]


def _watched(name: str, command: Sequence[str], places: Places, folder: Path) -> Outcome:
    strace = shutil.which("strace")
    if strace is None:
        return Outcome(name, NOT_HERE)
    logs = Path(tempfile.mkdtemp(dir=folder))
    run = places.run([strace, "-ff", "-qq", "-y", "-s", "4096", "-e", f"trace={_CALLS}", "-o", f"{logs}/log", *command])
    if run.returncode:
        return Outcome(name, WRONG, f"exit code {run.returncode}: {run.stdout[-2000:]} {run.stderr[-2000:]}")
    made = [call for log in logs.iterdir() for call in calls(log.read_text(errors="replace"), places.project)]
    if not made:
        return Outcome(name, WRONG, "strace saw nothing")
    wrong = broken(made, places)
    return Outcome(name, WRONG, "\n    ".join(["unasked", *wrong])) if wrong else Outcome(name, WENT_ON)
