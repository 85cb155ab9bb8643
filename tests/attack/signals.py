"""What is left of a run that a signal ends at a random moment: each finished result once, and nothing that runs.

A run is of six small cases, in a project, a store and a folder for temporary files of its own. One more session
follows, after which nothing lies about.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from pytest_opml.errors import StorageError
from pytest_opml.history.base import Query
from pytest_opml.history.store import open_store
from pytest_opml.records.run import RunRecord
from tests.attack.tally import WRONG, Outcome, Tally
from tests.support.processes import python_path

TRIES, SAMPLE = 100, 2
SIGNALS = (signal.SIGTERM, signal.SIGKILL, signal.SIGHUP, signal.SIGINT)
CASES = 6
# Seconds that a signal but SIGKILL may take to end a run, and SIGKILL its workers.
GRACE_S, ORPHANS_S = 10.0, 8.0
MARKER = "OPML_ATTACK"
MAIN = "import sys\nfrom pytest_opml.cli import main\nif __name__ == '__main__':\n    main(prog_name='opml')\n"
# Tells what was finished from outside: a line for each result, written when the session has it.
CONFTEST = """
def pytest_opml_result(config, result):
    with open({told!r}, "a") as stream:
        stream.write(result.case.id + "\\n")
"""
BENCH = """
import pytest
from pytest_opml import Case

CASES = [Case(dataset="data/rows.npz", model=f"models/{{number}}.{{suffix}}", name=f"m{{number}}", unfreeze=0)
         for number, suffix in enumerate({suffixes!r})]

@pytest.mark.parametrize("case", CASES, ids=str)
def bench_it(case, opml):
    opml(case)
"""
KERAS_BENCH = """
import pytest
from pytest_opml import Case

CASES = [Case(dataset="digits", model="random", unfreeze=0, size=16, weights="none", seed=seed) for seed in range(6)]

@pytest.mark.parametrize("case", CASES, ids=str)
def bench_it(case, opml):
    opml(case)
"""


class Way(NamedTuple):
    """How a run is started.

    Attributes:
        name: of the way, in the names of outcomes.
        bench: the file of benchmarks.
        options: of pytest.
        is_command: whether it is ``opml measure`` in the place of pytest.
    """

    name: str
    bench: str
    options: tuple[str, ...] = ()
    is_command: bool = False


_SUFFIXES = ["onnx" if number % 2 else "tflite" for number in range(CASES)]
FILES = Way("pytest", BENCH.format(suffixes=_SUFFIXES))
COMMAND = Way("opml measure", FILES.bench, is_command=True)
SPREAD = Way("pytest -n2", FILES.bench, ("-n2",))
KERAS = Way("pytest, Keras", KERAS_BENCH)
# Most are quick, one in ten starts TensorFlow, and two are spread over processes.
WAYS = (FILES, COMMAND, SPREAD, FILES, COMMAND, KERAS, FILES, SPREAD, FILES, COMMAND)


def attack(tries: int, seed: int) -> list[Tally]:
    """End runs by each signal in turn, each at a moment of its own."""
    with tempfile.TemporaryDirectory(prefix="attack-") as name:
        template = Path(name) / "template"
        write_project(template)
        seconds = {way: _undisturbed(way, template, Path(name)) for way in dict.fromkeys(_ways(tries))}
        outcomes: dict[signal.Signals, list[Outcome]] = {number: [] for number in SIGNALS}
        for number, way in enumerate(_ways(tries)):
            sent = SIGNALS[number % len(SIGNALS)]
            chance = random.Random(f"{seed} {number}").random()
            if (
                number // len(SIGNALS) % 4
            ):  # a run begins for long, and most moments are to be those that can lose something
                chance = 0.4 + 0.6 * chance
            folder = Path(name) / str(number)
            outcomes[sent].append(Try(way, sent, chance, template, folder).outcome(seconds[way]))
            shutil.rmtree(folder)
    return [
        Tally.of("signals", f"{sent.name} at a random moment of a run of {CASES} cases", some)
        for sent, some in outcomes.items()
        if some
    ]


def _ways(tries: int) -> list[Way]:
    """The ways of the tries: every signal meets each of them."""
    return [WAYS[number // len(SIGNALS) % len(WAYS)] for number in range(tries)]


def _undisturbed(way: Way, template: Path, folder: Path) -> float:
    """Seconds that a run takes; the second of two, which finds what the first has cached."""
    project = Project(template, folder / f"whole {WAYS.index(way)}")
    started = time.monotonic()
    if code := project.start(way).wait(300):
        raise AssertionError(f"{way.name}: exit code {code}: {project.output()}")
    seconds = time.monotonic() - started
    shutil.copytree(project.folder / "cache", template / "cache", dirs_exist_ok=True)
    return seconds


def write_project(folder: Path) -> None:
    """Write models and data."""
    from tests.support.onnx_files import class_weights, write_classifier, write_rows
    from tests.support.tflite_files import write_dense

    for number, suffix in enumerate(_SUFFIXES):
        path = folder / "models" / f"{number}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == "onnx":
            write_classifier(path)
        else:
            write_dense(path, class_weights().T.copy())
    write_rows(folder / "data" / "rows.npz")
    (folder / "bench").mkdir()
    (folder / "pyproject.toml").write_text('[tool.opml]\ncache_dir = "cache"\ncompare_seconds = 0.1\n')


class Project:
    """A project, and a folder for temporary files of its own."""

    def __init__(self, template: Path, folder: Path) -> None:
        self.folder, self.told = folder / "project", folder / "told"
        self.token, self._log = uuid.uuid4().hex, folder / "output"
        # sockets have short paths, and pytest keeps files of its own there too
        self.temporary = Path(tempfile.mkdtemp(prefix="a"))
        shutil.copytree(template, self.folder)
        (self.folder / "bench" / "conftest.py").write_text(CONFTEST.format(told=str(self.told)))

    def start(self, way: Way) -> subprocess.Popen[bytes]:
        (self.folder / "bench" / "bench_it.py").write_text(way.bench)
        command = [sys.executable, "-m", "pytest", "bench", "-p", "no:cacheprovider", *way.options]
        if way.is_command:
            models = [f"models/{number}.{suffix}" for number, suffix in enumerate(_SUFFIXES)]
            command = [sys.executable, "-c", MAIN, "measure", *models, "--data=data/rows.npz"]
        environment = os.environ | {
            "PYTHONPATH": python_path(), "TMPDIR": str(self.temporary), MARKER: self.token,
            "PYTEST_ADDOPTS": "-p no:randomly", "TF_CPP_MIN_LOG_LEVEL": "3",
        }  # fmt: skip
        with self._log.open("wb") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                # what is started in the background ignores Ctrl-C and a closed terminal
                preexec_fn=lambda: [signal.signal(number, signal.SIG_DFL) for number in SIGNALS[2:]],
            )

    def output(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def finished(self) -> list[str]:
        return self.told.read_text().split() if self.told.exists() else []

    def runs(self) -> list[RunRecord]:
        path = self.folder / ".opml" / "history.db"
        try:
            with open_store(f"sqlite:///{path}", create=False) as store:
                return store.newest(Query(), 100)
        except StorageError as error:
            if "no history yet" not in str(error):
                raise
            return []

    def running(self) -> list[str]:
        """What still runs of all that was started here: it has the marker in its environment."""
        return [f"{process.pid} {' '.join(command)[:80]}" for process, command in _marked(self.token)]

    def left(self) -> list[str]:
        """What is in the folder for temporary files, locks apart, which every session uses again."""
        files = (path.relative_to(self.temporary) for path in self.temporary.rglob("*") if not path.is_dir())
        return sorted(str(path) for path in files if path.suffix != ".lock" and "pytest-of-" not in str(path))

    def unfinished(self) -> list[str]:
        folder = self.folder / ".opml" / "unfinished"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def _marked(token: str) -> Iterator[tuple[psutil.Process, list[str]]]:
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARKER) == token and process.status() != psutil.STATUS_ZOMBIE:
                yield process, process.cmdline()


class Try(NamedTuple):
    """One run that is ended.

    Attributes:
        way: that it is started in.
        sent: the signal.
        moment: when, as a share of the seconds of an undisturbed run.
        template: the project.
        folder: for a copy of it.
    """

    way: Way
    sent: signal.Signals
    moment: float
    template: Path
    folder: Path

    def outcome(self, seconds: float) -> Outcome:
        """End a run at the moment, let one more session follow, and look at what is there."""
        project = Project(self.template, self.folder)
        name = f"{self.way.name}, {self.sent.name} at {self.moment:.3f} of {seconds:.1f} s"
        try:
            kind, wrong = self._made(project, seconds)
            return Outcome(name, WRONG, "; ".join([*wrong, project.output()[-2000:]])) if wrong else Outcome(name, kind)
        finally:
            for process, _ in _marked(project.token):
                process.kill()
            shutil.rmtree(project.temporary, ignore_errors=True)

    def _made(self, project: Project, seconds: float) -> tuple[str, list[str]]:
        process = project.start(self.way)
        with suppress(subprocess.TimeoutExpired):
            process.wait(self.moment * seconds)
        has_ended = process.poll() is not None
        process.send_signal(self.sent)
        wrong = []
        try:
            code = process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return "", [f"ran on for {GRACE_S:g} s"]
        text = f"ended by {self.sent.name}" if self.sent != signal.SIGINT else "interrupted"
        if code == 2 and text not in project.output().splitlines()[-1]:
            wrong.append("the last line does not say which signal")
        deadline = time.monotonic() + ORPHANS_S
        while (running := project.running()) and time.monotonic() < deadline:
            time.sleep(0.1)
        wrong += [f"runs on: {line}" for line in running]
        finished, before = project.finished(), {run.run_id for run in project.runs()}
        was_written = any(len(run.results) for run in project.runs())

        # one more session, of one model
        models = [sys.executable, "-c", MAIN, "measure", "models/1.onnx", "--data=data/rows.npz"]
        environment = os.environ | {"PYTHONPATH": python_path(), "TMPDIR": str(project.temporary)}
        later = subprocess.run(
            models, cwd=project.folder, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        if later.returncode:
            wrong.append(f"the next session ended with {later.returncode}: {later.stdout[-500:]}{later.stderr[-500:]}")
        runs = [run for run in project.runs() if len(run.collected) > 1 or run.run_id in before or run.interrupted]
        wrong += _faults(runs, finished)
        wrong += [f"still unfinished: {name}" for name in project.unfinished()]
        wrong += [f"left: {path}" for path in project.left()]
        was_taken_in = "taken in: run" in later.stderr
        if was_taken_in != (any(run.run_id not in before for run in runs)):
            wrong.append(f"what was taken in is not said: {later.stderr[-500:]}")
        if has_ended:
            return "had ended already", wrong
        if was_taken_in:
            return "taken in by the next session", wrong
        return ("written by the run itself" if was_written else "nothing to lose yet"), wrong


def _faults(runs: Sequence[RunRecord], finished: Sequence[str]) -> Iterator[str]:
    """What is wrong with the runs of which so many cases were finished, from outside."""
    if len(runs) > 1:
        yield f"{len(runs)} runs are there"
    stored = Counter(result.case.id for run in runs for result in run.results)
    if lost := set(finished) - set(stored):
        yield f"lost: {', '.join(sorted(lost))}"
    if twice := [name for name, count in stored.items() if count > 1]:
        yield f"twice: {', '.join(twice)}"
