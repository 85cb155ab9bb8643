"""Whole runs on a cluster of Ray's: its kinds, its faults, and what is left when a run ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_opml.gate.run_cost import money
from pytest_opml.history.record_files import read_record
from pytest_opml.records.run import RunRecord
from tests.support.onnx_files import write_classifier, write_rows
from tests.support.processes import python_path
from tests.support.ray_cluster import CACHE_KEY, PretendedFleet, pretended_fleet

pytestmark = pytest.mark.fleet

KINDS = ("v100", "v100", "p100", "cpu")
BENCH = """
import pytest
from pytest_opml import Case

@pytest.mark.parametrize("case", [Case(dataset="rows.npz", model=f"m{n}.onnx", unfreeze=0) for n in range(%d)], ids=str)
def bench_it(case, opml):
    opml(case)
"""
PARTS = """
import pytest
from pytest_opml import Case

@pytest.mark.opml(case=Case(dataset="rows.npz", model="m0.onnx", unfreeze=0))
def bench_part(%s):
    raise AssertionError("is never called")
"""
LONGEST_S = 300


@pytest.fixture(scope="module")
def cluster() -> Iterator[PretendedFleet]:
    with pretended_fleet(KINDS) as fleet:
        yield fleet


@pytest.fixture
def fleet(cluster: PretendedFleet) -> PretendedFleet:
    cluster.keep(KINDS)
    return cluster


class Project:
    """A user's project with finished files, and runs of its benchmarks in processes of their own."""

    def __init__(self, folder: Path, cases: int) -> None:
        self.folder = folder
        (folder / "bench").mkdir(exist_ok=True)
        write_rows(folder / "rows.npz")
        for seed in range(cases):
            write_classifier(folder / f"m{seed}.onnx", seed=seed)
        self.bench(BENCH % cases)

    def bench(self, text: str) -> None:
        (self.folder / "bench" / "bench_it.py").write_text(text, "utf-8")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        common = ("bench", "-p", "no:cacheprovider", "--opml-compare-seconds=0.1", "--opml-json=run.json", "-q")
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *common, *arguments],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": python_path()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=LONGEST_S)
        return process.returncode, output

    def wait_for_results(self, process: subprocess.Popen[str], count: int) -> None:
        """Wait until a run has so many results, which are written ahead."""
        deadline = time.monotonic() + LONGEST_S
        while len(list((self.folder / ".opml" / "unfinished").glob("*/*.0*.json"))) < count:
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.1)

    @property
    def record(self) -> RunRecord:
        return read_record(self.folder / "run.json")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, 4)


def figures_of(record: RunRecord) -> dict[tuple[str, str], tuple[float, int]]:
    """What is the same wherever a case is measured: accuracy and size, by case and kind."""
    return {one.key: (one.quality.value, one.artifact.size_bytes) for one in record.results}


def test_each_case_is_there_once_on_each_kind_with_the_figures_of_a_run_here(
    fleet: PretendedFleet, project: Project
) -> None:
    code, output = project.run(f"--opml-fleet={fleet.address}", "--opml-gpu=v100,p100,cpu")
    assert code == 0, output
    on_fleet = figures_of(project.record)
    assert len(project.record.results) == len(on_fleet) == 12
    assert not project.record.gap
    code, output = project.run("--opml-gpu=cpu")
    assert code == 0, output
    here = figures_of(project.record)
    assert on_fleet == {(name, kind): found for (name, _), found in here.items() for kind in ("v100", "p100", "cpu")}


def test_cases_whose_node_is_lost_are_measured_by_another(fleet: PretendedFleet, project: Project) -> None:
    project = Project(project.folder, 8)
    process = project.start(f"--opml-fleet={fleet.address}", "--opml-gpu=v100", "-s")
    project.wait_for_results(process, 2)
    fleet.kill(fleet.node_of("v100"))
    output, _ = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, output
    assert re.search(r"^opml: v100 node [0-9a-f?]{1,8} is lost, and what it was at is done by another: ", output, re.M)
    assert "raylet" not in output
    assert len(project.record.results) == len(figures_of(project.record)) == 8
    assert not project.record.failures


def test_a_kind_that_no_node_has_is_refused_before_anything_is_measured(
    fleet: PretendedFleet, project: Project
) -> None:
    code, output = project.run(f"--opml-fleet={fleet.address}", "--opml-gpu=v100,a100")
    assert code == 4
    # of a node that was killed the cluster knows after a while
    assert re.search(r"--opml-gpu=a100: not in the fleet, which has 1 cpu, 1 p100, [23] v100", output), output
    code, output = project.run(f"--opml-fleet={fleet.address}")
    assert code == 4
    assert "--opml-gpu=auto: not in the fleet" in output


def test_where_there_is_no_cluster_one_line_says_so(project: Project) -> None:
    for address in ("127.0.0.1:9", "nowhere"):
        code, output = project.run(f"--opml-fleet={address}", "--opml-gpu=cpu")
        assert code == 4, output
        assert f"--opml-fleet={address}: no cluster of Ray's can be used there" in output
        assert "Traceback" not in output


@pytest.mark.parametrize("fixture", ["opml_artifact", "gpu_timer"])
def test_what_needs_the_device_here_is_refused_in_one_line(
    fleet: PretendedFleet, project: Project, fixture: str
) -> None:
    project.bench(PARTS % fixture)
    code, output = project.run(f"--opml-fleet={fleet.address}", "--opml-gpu=cpu")
    assert code == 4, output
    assert f"{fixture} " in output
    assert "(--opml-fleet)" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_on_the_nodes_of_a_run_that_is_ended(
    fleet: PretendedFleet, project: Project, number: signal.Signals
) -> None:
    before = {process.pid for process in fleet.workers()}
    process = project.start(f"--opml-fleet={fleet.address}", "--opml-gpu=v100,cpu")
    project.wait_for_results(process, 1)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    time.sleep(5)
    assert {one.pid for one in fleet.workers()} <= before, output
    code, output = project.run("--opml-gpu=cpu", "-k", "m0")
    assert code == 0, output
    if number == signal.SIGKILL:  # the others have written what they had
        assert "taken in: run" in output


LATE = """
from pytest_opml import Case

def bench_late(opml):
    for technique in ("baseline", "cluster-16"):
        result = opml(Case(dataset="digits", model="tests.support.small:build", technique=technique, weights="none",
                           size=16, epochs=2, unfreeze="all"))
    assert result.vs_reference is not None
    assert result.artifact.changes
"""


def test_cases_that_a_test_builds_are_measured_beside_their_reference(fleet: PretendedFleet, project: Project) -> None:
    """Nobody knows them before, and two nodes may have one of them each."""
    project.bench(LATE)
    code, output = project.run(f"--opml-fleet={fleet.address}", "--opml-gpu=v100")
    assert code == 0, output
    assert {one.case.technique: one.training.training_s > 0 for one in project.record.results} == {
        "baseline": True,
        "cluster-16": True,
    }


def test_a_run_costs_what_its_nodes_took_a_lost_one_too(fleet: PretendedFleet, project: Project) -> None:
    project = Project(project.folder, 8)
    settings = "[tool.opml.price]\nv100 = 2.48\ncpu = 0.19\n[tool.opml.gate]\nmax_cost = 20\n"
    (project.folder / "pyproject.toml").write_text(settings, "utf-8")
    process = project.start(f"--opml-fleet={fleet.address}", "--opml-gpu=v100,cpu")
    project.wait_for_results(process, 3)
    fleet.kill(fleet.node_of("v100"))
    output, _ = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, output
    assert project.record.node_use
    uses = {use.profile: use for use in project.record.node_use}
    assert uses["v100"].nodes == 2
    assert uses["cpu"].nodes == 1
    assert all(0 < use.seconds < use.nodes * project.record.seconds for use in uses.values())
    assert project.record.cost
    assert f"cost: {money(project.record.cost)} (" in output
    code, output = project.run(f"--opml-fleet={fleet.address}", "--opml-gpu=v100,p100")
    assert code == 4
    assert "the run is on p100, without a price" in output


APART = """
import pytest
from pytest_opml import Case

@pytest.mark.parametrize("technique", ["cluster-16", "float16"])
def bench_it(technique, opml):
    opml(Case(dataset="digits", model="tests.support.small:build", technique=technique, weights="none", size=16,
              epochs=2, unfreeze="all"))
"""


def test_what_nodes_of_one_kind_have_made_is_measured_on_all_kinds(
    fleet: PretendedFleet, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cases are built by the tests, so that each kind asks for them by itself."""
    monkeypatch.setenv("OPML_CACHE_KEY", CACHE_KEY)
    project.bench(APART)
    apart = ("--opml-make-on=cpu", f"--opml-cache-shared={project.folder / 'shared'}")
    code, output = project.run(f"--opml-fleet={fleet.address}", "--opml-gpu=v100,p100", *apart)
    assert code == 0, output
    results = project.record.results
    assert sorted(one.device.profile for one in results) == ["p100"] * 3 + ["v100"] * 3
    assert {one.training.made_on for one in results} == {"cpu"}
    assert len({(one.case.technique, one.artifact.sha256) for one in results}) == 3
    assert "made on cpu, and measured on v100" in output
    assert project.record.node_use
    assert {use.profile: use.seconds > 1 for use in project.record.node_use} == dict.fromkeys(
        ("v100", "p100", "cpu"), True
    )


def test_two_runs_share_one_fleet(fleet: PretendedFleet, project: Project, tmp_path: Path) -> None:
    """Each node measures one case at a time, whosever it is."""
    (tmp_path / "second").mkdir()
    second = Project(tmp_path / "second", 4)
    processes = [one.start(f"--opml-fleet={fleet.address}", "--opml-gpu=v100,cpu") for one in (project, second)]
    outputs = [process.communicate(timeout=LONGEST_S)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    for one in (project, second):
        assert len(one.record.results) == len(figures_of(one.record)) == 8
