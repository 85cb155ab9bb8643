"""What is left when something outside goes wrong in the middle of a run: whole pytest runs, in processes of their own.

Nothing here waits for a fixed time: each wait is for something that happens, and gives up after a minute and a half.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent, indent
from typing import NamedTuple

import psutil
import pytest

from pytest_opml.history.base import Query
from pytest_opml.history.record_files import read_record
from pytest_opml.history.store import open_store
from pytest_opml.records.run import RunRecord
from pytest_opml.storage.cache import is_whole
from pytest_opml.storage.device_lock import exclusive_device
from tests.support import small
from tests.support.builders import make_device
from tests.support.linear_onnx import save_linear
from tests.support.processes import python_path
from tests.support.waiting import PATIENCE_S, ended, wait_for

pytestmark = pytest.mark.tensorflow  # in runs of their own
ROOT = Path(__file__).parents[2]
# Of the cases most are of finished files, whose runs start without TensorFlow; two tests are about models in the cache.
FINE = ("tests.support.faults:fine", "models/fine.onnx")
FINE_TOO = ("tests.support.faults:fine", "models/fine_too.onnx")
HANGS = ("tests.support.faults:tell_and_hang", "models/fine.onnx")
TRAINED = ("tests.support.faults:fine", "baseline")
TRAINED_AND_HANGS = ("tests.support.faults:tell_and_hang", "baseline")
FILLS = ("tests.support.faults:fine_after_a_script", "baseline")
PAGE = 4096


class Finished(NamedTuple):
    code: int
    output: str


class Run:
    """A pytest run that is under way."""

    def __init__(self, process: subprocess.Popen[str], data: Path) -> None:
        self.process = process
        self._pid_file = data / "pid"

    def hanging_worker(self) -> psutil.Process:
        """The worker that hangs, once it does."""
        wait_for(lambda: self._pid_file.exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.finish().output
        worker = psutil.Process(int(self._pid_file.read_text()))
        assert worker in self.descendants()
        return worker

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def finish(self) -> Finished:
        output, _ = self.process.communicate(timeout=PATIENCE_S)
        return Finished(self.process.returncode, output)


class Project:
    """A user's project with a bench file, and folders of its own for data and for what lives no longer than a run."""

    def __init__(self, folder: Path, cache: Path, temporary: Path) -> None:
        self.folder, self.cache, self.temporary = folder, cache, temporary
        self.data = folder / "data"
        self.record, self.history = folder / "out" / "record.json", folder / "out" / "history.db"
        for path in (folder / "bench", self.data):
            path.mkdir(parents=True)
        for seed, (_, model) in enumerate((FINE, FINE_TOO)):
            save_linear(folder / model, seed, classes=2)

    def cases(self, *cases: tuple[str, str]) -> None:
        """Write a bench file of cases: each of a data set, and of a finished file or a technique of the small model."""
        files = {"unfreeze": 0, "preprocess": {"scale": 1 / 255}}
        trained = {"model": small.NAME, "weights": "none", "size": 16, "epochs": 2, "unfreeze": "all"}
        fields = [
            {"dataset": dataset} | ({"model": of, **files} if of.endswith(".onnx") else {"technique": of, **trained})
            for dataset, of in cases
        ]
        text = f"""
            import pytest
            from pytest_opml import Case

            CASES = [Case(**fields) for fields in {fields!r}]

            @pytest.mark.parametrize("case", CASES, ids=str)
            def bench_it(case, opml):
                opml(case)
            """
        (self.folder / "bench" / "bench_it.py").write_text(dedent(text), "utf-8")

    def conftest(self, text: str) -> None:
        (self.folder / "bench" / "conftest.py").write_text(dedent(text), "utf-8")

    def start(self) -> Run:
        options = {"cache-dir": self.cache, "data-dir": self.data, "json": self.record, "compare-seconds": 0.1}
        command = [sys.executable, "-m", "pytest", "bench", "-p", "no:cacheprovider"]
        command += [f"--opml-{name}={value}" for name, value in options.items()]
        command += [f"--opml-store=sqlite:///{self.history}"]
        environment = os.environ | {"PYTHONPATH": python_path(), "TMPDIR": str(self.temporary), "COLUMNS": "160"}
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # a shell has what it starts in the background ignore Ctrl-C, and that is handed down
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        return Run(process, self.data)

    def run(self) -> Finished:
        return self.start().finish()

    def runs(self) -> list[RunRecord]:
        with open_store(f"sqlite:///{self.history}") as store:
            return store.newest(Query(), 10)


def measured(record: RunRecord) -> list[tuple[str, str]]:
    cases = [result.case for result in record.results]
    return [(case.dataset, case.technique if case.model == small.NAME else case.model) for case in cases]


@pytest.fixture(scope="module")
def temporary() -> Iterator[Path]:
    """Short, since the name of a socket may not be long."""
    with tempfile.TemporaryDirectory(prefix="opml-faults-") as folder:
        yield Path(folder)


@pytest.fixture
def project(tmp_path: Path, cache_dir: Path, temporary: Path) -> Iterator[Project]:
    started: list[Run] = []

    class Watched(Project):
        def start(self) -> Run:
            started.append(super().start())
            return started[-1]

    yield Watched(tmp_path / "project", cache_dir, temporary)
    for run in started:  # of a test that failed
        if run.process.poll() is None:
            run.process.kill()
            run.process.communicate()


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path, temporary: Path) -> Project:
    """A project with one run behind it, whose record and history others start from."""
    project = Project(tmp_path_factory.mktemp("earlier") / "project", cache_dir, temporary)
    project.cases(FINE)
    finished = project.run()
    assert finished.code == 0, finished.output
    return project


def begin_with(earlier: Project, project: Project) -> None:
    project.history.parent.mkdir(exist_ok=True)
    shutil.copy(earlier.history, project.history)
    shutil.copy(earlier.record, project.record)


# --- the session


def test_an_interrupted_run_keeps_what_it_has_and_leaves_nothing_running(project: Project) -> None:
    project.cases(FINE, HANGS)
    run = project.start()
    worker = run.hanging_worker()
    started = run.descendants()
    run.process.send_signal(signal.SIGINT)
    finished = run.finish()
    assert finished.code == pytest.ExitCode.INTERRUPTED, finished.output
    wait_for(lambda: all(map(ended, [worker, *started])))

    table = finished.output.partition("= opml =")[2]
    assert_shown(table, FINE)
    assert "not written" not in table
    assert measured(read_record(project.record)) == [FINE]
    assert [measured(run) for run in project.runs()] == [[FINE]]


def test_a_killed_session_takes_its_workers_along_and_harms_nothing(project: Project, earlier: Project) -> None:
    begin_with(earlier, project)
    entries = set((project.cache / "entries").iterdir())
    project.cases(TRAINED, TRAINED_AND_HANGS)
    run = project.start()
    worker = run.hanging_worker()
    started = run.descendants()
    assert worker in started
    assert len(started) >= 2  # with the server
    run.process.kill()
    assert run.finish().code == -signal.SIGKILL
    wait_for(lambda: all(map(ended, started)))

    assert project.runs() == earlier.runs()
    assert project.record.read_bytes() == earlier.record.read_bytes()
    left = list((project.cache / "entries").iterdir())
    assert entries <= set(left)
    assert [entry for entry in left if not is_whole(entry)] == []

    project.cases(TRAINED)
    finished = project.run()
    assert finished.code == 0, finished.output
    assert "which was cut off after 1 result" in finished.output
    # the newest is this one, and that before it the one that was killed
    assert [measured(run) for run in project.runs()] == [[TRAINED], [TRAINED], [FINE]]
    assert [run.interrupted for run in project.runs()] == [False, True, False]
    assert list((project.history.parent / "unfinished").glob("*")) == []


def test_a_worker_that_is_killed_costs_its_case_and_no_other(project: Project) -> None:
    project.cases(FINE, HANGS, FINE_TOO)
    run = project.start()
    run.hanging_worker().kill()
    finished = run.finish()
    assert finished.code == 11, finished.output
    record = read_record(project.record)
    assert [(one.case.dataset, one.kind) for one in record.failures] == [(HANGS[0], "killed")]
    assert measured(record) == [FINE, FINE_TOO]
    assert "killed: something killed the process (SIGKILL)" in finished.output
    assert measured(project.runs()[0]) == [FINE, FINE_TOO]


def assert_shown(table: str, case: tuple[str, str]) -> None:
    """The title of the ranking names the data set and the file, and there is a row of it."""
    dataset, file = case
    lines = table.splitlines()
    assert any(line.startswith(f"{dataset}/{{{file}}}/") for line in lines), table
    assert any(" baseline " in line for line in lines), table


# --- no space


class Disk(NamedTuple):
    """A folder that can run out of space.

    Attributes:
        folder: of it.
        fill: code that leaves little room in it, or none, for a process of a run to execute.
        free: makes room again.
    """

    folder: Path
    fill: Callable[[int], str]
    free: Callable[[], None]


_FILL = """
with open({ballast!r}, "wb", buffering=0) as ballast:
    try:
        while True:
            ballast.write(bytes(4096))
    except OSError:
        ballast.truncate(ballast.tell() - {left})
"""
# Stands for a full disk where a test may not mount one: no file can grow beyond the limit. Python ignores the signal
# that comes with it, so that the write fails.
_LIMIT = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({left} or 4096, resource.RLIM_INFINITY))
"""


def _mounted(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    return bool(shutil.which("mount")) and not subprocess.run(command, check=False, capture_output=True).returncode


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if not _mounted(folder):
        yield Disk(folder, lambda left: _LIMIT.format(left=left), lambda: None)
        return
    ballast = folder / "ballast"
    try:
        yield Disk(folder, lambda left: _FILL.format(ballast=str(ballast), left=left), ballast.unlink)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_costs_the_record_but_not_the_table(
    project: Project, earlier: Project, disk: Disk
) -> None:
    project.record, project.history = disk.folder / "record.json", disk.folder / "history.db"
    begin_with(earlier, project)
    before = project.record.read_bytes()
    project.cases(FINE)
    project.conftest("def pytest_opml_result():\n" + indent(disk.fill(0), "    "))
    finished = project.run()
    assert finished.code == 11, finished.output
    table = finished.output.partition("= opml =")[2]
    assert_shown(table, FINE)
    lost = [line for line in table.splitlines() if line.startswith("not written: ")]
    assert len(lost) == 2
    assert lost[0].startswith(f"not written: {project.record}: cannot be written: ")
    assert lost[1].startswith(f"not written: store sqlite:///{project.history}: ")
    assert "Traceback" not in finished.output

    assert project.record.read_bytes() == before
    kept = [line for line in table.splitlines() if "opml import " in line]
    assert str(disk.folder / "unwritten") in kept[-1]
    assert {path.name for path in disk.folder.iterdir()} - {"ballast"} == {"record.json", "history.db", "unwritten"}
    disk.free()
    assert project.runs() == earlier.runs()
    (project.folder / "bench" / "conftest.py").unlink()
    finished = project.run()
    assert finished.code == 0, finished.output
    assert [measured(run) for run in project.runs()] == [[FINE], [FINE], [FINE]]  # the one in the middle was taken in
    assert read_record(project.record).run_id == project.runs()[0].run_id != earlier.runs()[0].run_id
    assert {path.name for path in disk.folder.iterdir()} == {"record.json", "history.db"}


def test_a_cache_without_space_is_one_line_and_holds_nothing_half(project: Project, disk: Disk) -> None:
    project.cache = disk.folder / "cache"
    fill = project.data / "fill.py"
    fill.write_text(disk.fill(4 * PAGE))
    project.cases(FILLS)
    finished = project.run()
    assert finished.code == 4, finished.output
    (failure,) = read_record(project.record).failures
    assert failure.kind == "usage"
    assert failure.message.startswith(f"cache {project.cache}: cannot be written: ")
    assert "\n" not in failure.message
    assert f"usage: {failure.message}" in finished.output
    assert "Traceback" not in finished.output
    assert list((project.cache / "entries").iterdir()) == []
    assert list((project.cache / "building").iterdir()) == []

    disk.free()
    fill.unlink()
    finished = project.run()
    assert finished.code == 0, finished.output
    assert len(list((project.cache / "entries").iterdir())) == 2  # the model and the artifact
    assert all(is_whole(entry) for entry in (project.cache / "entries").iterdir())


def test_a_temporary_folder_of_a_long_name_is_used(project: Project, tmp_path: Path) -> None:
    project.temporary = tmp_path / ("long" * 30)  # longer than the name of a socket may be
    project.temporary.mkdir()
    project.cases(FINE)
    finished = project.run()
    assert finished.code == 0, finished.output
    assert_shown(finished.output, FINE)


# --- two runs at once

_WATCH = """
    import os, time
    from contextlib import contextmanager
    from pathlib import Path
    from pytest_opml.runner import case_runner

    real_lock = case_runner.exclusive_device

    @contextmanager
    def exclusive_device(device, on_wait, longest_s):
        def waits(text):
            Path("{folder}/waits-" + str(os.getpid())).touch()
            on_wait(text)
        with real_lock(device, waits, longest_s):
            began = time.monotonic()
            try:
                yield
            finally:
                with open("{folder}/spans", "a") as spans:
                    print(os.getpid(), began, time.monotonic(), file=spans)

    case_runner.exclusive_device = exclusive_device
"""


def test_two_runs_at_once_both_succeed_and_never_measure_at_the_same_time(
    project: Project, earlier: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_with(earlier, project)
    project.cases(FINE, FINE_TOO)
    project.conftest(_WATCH.format(folder=tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(project.temporary))
    with exclusive_device(make_device("cpu"), lambda _: None, 0.0):  # until both are there, so that they do compete
        runs = [project.start() for _ in range(2)]
        wait_for(lambda: len(list(tmp_path.glob("waits-*"))) == 2 or any(run.process.poll() for run in runs))
    for finished in [run.finish() for run in runs]:
        assert finished.code == 0, finished.output
    spans = [line.split() for line in (tmp_path / "spans").read_text().splitlines()]
    assert {int(pid) for pid, *_ in spans} == {run.process.pid for run in runs}
    assert len(spans) == 4
    ordered = sorted((float(began), float(over)) for _, began, over in spans)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(ordered))
    assert [measured(run) for run in project.runs()] == [[FINE, FINE_TOO], [FINE, FINE_TOO], [FINE]]
    assert measured(RunRecord.model_validate(json.loads(project.record.read_text()))) == [FINE, FINE_TOO]
