"""What is left of a run whose disk is full from a random moment on, or may only be read: one line, and nothing lost.

The cache, the folder for temporary files, that of the history, or all of them are on a small disk of their own. At the
moment something else fills it, and goes on filling whatever room there is. When the run has ended there is room again,
and one more session follows, after which each result that was finished is in the history, once, and nothing lies about.
"""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread

from pytest_opml.history.base import Query
from pytest_opml.history.store import open_store
from pytest_opml.records.run import RunRecord
from tests.attack.signals import CONFTEST, FILES, KERAS, Way, write_project
from tests.attack.tally import ONE_LINE, WENT_ON, WRONG, Outcome, Tally
from tests.support.processes import python_path

TRIES, SAMPLE = 60, 0  # ten of them on disks that may only be read
NOT_HERE = "no disk can be made here"
NOBODY = 65534
# An ordinary user, who may read the interpreter wherever it lies.
_READ = "-all,+dac_read_search"
_AS_NOBODY = [
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    *(f"--inh-caps={_READ}", f"--ambient-caps={_READ}", f"--bounding-set={_READ}"),
]
SECONDS = 180.0
# What is said to have ended a run that could not go on as it should, and what a run that could ends with.
_CODES = {0, 2, 4, 11}
_REASONS = "No space left on device|disk is full|Read-only file system|readonly database"
_SIZE = "24m"
PLACES = ("cache", "temporary", "project/.opml", "everything")
PROJECT = "project"  # all of it, which can be made one that may only be read


@dataclass(frozen=True)
class Try:
    """One run on a small disk.

    Attributes:
        place: what of the run is on it.
        is_root: whether the user may do anything; otherwise the run is that of an ordinary user.
        way: that the run is started in.
        moment: at which the disk is full, as a share of the seconds of an undisturbed run; None for a disk that may
            only be read.
        folder: for all of it.
    """

    place: str
    is_root: bool
    way: Way
    moment: float | None
    folder: Path

    @property
    def name(self) -> str:
        when = "read-only" if self.moment is None else f"full at {self.moment:.3f}"
        return f"{self.place} {when}, {self.way.name} as {'root' if self.is_root else 'nobody'}"

    def path(self, name: str) -> Path:
        """Return the folder of ``cache``, ``temporary`` or ``project/.opml``."""
        return self.folder / ("everything" if self.place == "everything" else ".") / name

    @property
    def disk(self) -> Path:
        """Where the small disk is mounted."""
        return self.folder / self.place

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a session of the project."""
        options = ("-p", "no:cacheprovider", "-p", "no:benchmark", *arguments)
        store = self.path("project/.opml") / "history.db"
        options += (f"--opml-cache-dir={self.path('cache')}", f"--opml-store=sqlite:///{store}")
        environment = os.environ | {
            "PYTHONPATH": python_path(),
            "TMPDIR": str(self.path("temporary")),
            "HOME": str(self.folder / "home"),
            "PYTEST_ADDOPTS": "-p no:randomly",
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "250",
        }
        return subprocess.Popen(
            [
                *([] if self.is_root else _AS_NOBODY),
                sys.executable,
                "-m",
                "pytest",
                "bench",
                *options,
                *self.way.options,
            ],
            cwd=self.folder / "project",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def runs(self) -> list[RunRecord]:
        """Return what is in the history."""
        path = self.path("project/.opml") / "history.db"
        if not path.exists() or path.stat().st_size == 0:  # the latter where there was no room for the first table
            return []
        with open_store(f"sqlite:///{path}", create=False) as store:
            return store.newest(Query(), 100)

    def prepare(self, template: Path) -> None:
        """Copy the project, and make the folders; all belong to the user of the run."""
        shutil.copytree(template, self.folder / "project")
        conftest = CONFTEST.format(told=str(self.folder / "home" / "told"))
        (self.folder / "project" / "bench" / "conftest.py").write_text(conftest)
        (self.folder / "project" / "bench" / "bench_it.py").write_text(self.way.bench)
        self.disk.mkdir(exist_ok=True)

    def make_folders(self) -> None:
        """Make what is not there yet, some of it on the small disk."""
        for name in ("cache", "temporary", "project/.opml"):
            self.path(name).mkdir(parents=True, exist_ok=True)
        (self.folder / "home").mkdir()
        if not self.is_root:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY)

    def finished(self) -> list[str]:
        """Return the ids of the cases that were finished, as told from outside."""
        told = self.folder / "home" / "told"
        return told.read_text().split() if told.exists() else []


@contextmanager
def _mounted(path: Path) -> Iterator[None]:
    """Have a small disk at a path.

    Raises:
        OSError: nobody here may make one.
    """
    what = ["--bind", path, path] if path.name == PROJECT else ["-t", "tmpfs", "-o", f"size={_SIZE}", "none", path]
    mount = subprocess.run(["mount", *what], capture_output=True, check=False)
    if mount.returncode:
        raise PermissionError(errno.EPERM, mount.stderr.decode())
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@contextmanager
def _filled(disk: Path, after: float, slack: int) -> Iterator[None]:
    """Fill a disk some seconds from now, again and again, and leave so many bytes; there is room after the block."""
    enough = Event()
    filler = disk / "filler"

    def fill() -> None:
        enough.wait(after)
        descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        while not enough.is_set():
            room = shutil.disk_usage(disk).free - slack
            with suppress(OSError):
                if room > 0:
                    os.write(descriptor, b"x" * room)
            enough.wait(0.01)
        os.close(descriptor)

    thread = Thread(target=fill)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()
        filler.unlink(missing_ok=True)


def attack(tries: int, seed: int) -> list[Tally]:
    """Fill each place in turn, as root and as an ordinary user; then try the places where nothing can be written."""
    if shutil.which("mount") is None or os.geteuid() != 0:
        return [Tally.of("disk", "a full disk", [Outcome("all", NOT_HERE)])]
    with tempfile.TemporaryDirectory(prefix="a") as name:
        top = Path(name).resolve()
        top.chmod(0o755)
        write_project(top / "template")
        places = [(place, is_root) for place in (*PLACES, PROJECT) for is_root in (True, False)]
        read_only = [Try(place, is_root, FILES, None, top / "try") for place, is_root in places]
        count = max(0, tries - len(read_only))
        chances = random.Random(seed)
        full = [
            Try(
                PLACES[number % 4],
                number // 4 % 2 == 0,
                KERAS if number % 9 == 8 else FILES,
                chances.random(),
                top / "try",
            )
            for number in range(count)
        ]
        seconds = {way: _undisturbed(way, top) for way in dict.fromkeys(each.way for each in full)}
        rows = {"a disk that is full at a random moment": full, "a disk that may only be read": read_only[:tries]}
        return [
            Tally.of("disk", tried, [_outcome(each, top / "template", seconds.get(each.way, 0.0)) for each in some])
            for tried, some in rows.items()
            if some
        ]


def _undisturbed(way: Way, top: Path) -> float:
    """Return the seconds that a run takes with room enough."""
    calm = Try("everything", True, way, 1.0, top / "calm")
    calm.prepare(top / "template")
    calm.make_folders()
    began = time.monotonic()
    process = calm.start()
    output, _ = process.communicate(timeout=SECONDS)
    if process.returncode:
        raise AssertionError(f"{way.name}: exit code {process.returncode}: {output}")
    shutil.rmtree(calm.folder)
    return time.monotonic() - began


def _outcome(one: Try, template: Path, seconds: float) -> Outcome:
    """Make one try, and look at what is there after it."""
    one.prepare(template)
    try:
        with ExitStack() as stack:
            try:
                stack.enter_context(_mounted(one.disk))
            except OSError as error:
                return Outcome(one.name, NOT_HERE, str(error))
            one.make_folders()
            kind, wrong, output = _made(one, seconds)
            return Outcome(one.name, WRONG, "; ".join([*wrong, output[-3000:]])) if wrong else Outcome(one.name, kind)
    finally:
        shutil.rmtree(one.folder, ignore_errors=True)


def _made(one: Try, seconds: float) -> tuple[str, list[str], str]:
    """Return what came of a try, what is wrong with it, and what was printed."""
    if one.moment is None:
        bind = ",bind" if one.place == PROJECT else ""
        subprocess.run(["mount", "-o", f"remount,ro{bind}", one.disk], check=True)
        code, output = _ended(one.start())
        subprocess.run(["mount", "-o", f"remount,rw{bind}", one.disk], check=True)
        # Python looks for another folder for temporary files, where that of TMPDIR cannot be written
        wrong = [] if code == 4 or one.place == "temporary" else [f"exit code {code}"]
    else:
        slack = random.Random(one.name).choice([0, 0, 4096, 40_000])
        with _filled(one.disk, one.moment * seconds, slack):
            code, output = _ended(one.start())
        wrong = []
    wrong += _faults_of(code, output)
    finished = one.finished()
    before = {run.run_id for run in one.runs()}
    (one.folder / "project" / "bench" / "bench_it.py").write_text(FILES.bench)
    last, later = _ended(replace(one, way=FILES).start("-k", "m1"))
    if last:
        wrong.append(f"the next session ended with {last}: {later[-2000:]}")
    runs = [run for run in one.runs() if run.run_id in before or run.interrupted or len(run.collected) > 1]
    stored = Counter(result.case.id for run in runs for result in run.results)
    wrong += [f"lost: {name}" for name in sorted(set(finished) - set(stored))]
    wrong += [f"twice: {name}" for name, count in stored.items() if count > 1]
    wrong += [f"left: {path}" for path in _left(one)]
    return (WENT_ON if code == 0 else ONE_LINE), wrong, f"{output}\n--- and then\n{later[-1000:]}"


def _ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        return -1, f"ran on for {SECONDS:g} s\n{output}"
    return process.returncode, output


def _faults_of(code: int, output: str) -> Iterator[str]:
    """What is wrong with how a session ended."""
    if code not in _CODES:
        yield f"exit code {code}"
    if code and not re.search(_REASONS, output):
        yield "the reason is not said"
    if "Traceback" in output or "INTERNALERROR" in output:
        yield "a traceback"
    if not (output.rstrip().splitlines() or [""])[-1].startswith(("opml: ", "ERROR: ", "taken in")):
        yield "the last line is none of ours"


def _left(one: Try) -> list[str]:
    """What lies about in the folders: half-built entries, temporary files, runs that nobody takes in."""
    places = [
        one.path("cache") / "building",
        one.path("project/.opml") / "unfinished",
        one.path("project/.opml") / "unwritten",
    ]
    paths = [path for place in places if place.is_dir() for path in place.iterdir()]
    files = [path for path in one.path("temporary").rglob("*") if not path.is_dir()]
    paths += [path for path in files if path.suffix != ".lock" and "pytest-of-" not in str(path)]
    return sorted(str(path.relative_to(one.folder)) for path in paths)
