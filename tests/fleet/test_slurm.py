"""Whole runs on a cluster of Slurm's: its kinds, its faults, and what is left when a run ends."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fleet.test_ray import LONGEST_S, Project, figures_of
from tests.support.slurm_cluster import SlurmCluster, SlurmJob, slurm_cluster
from tests.support.waiting import wait_for

pytestmark = pytest.mark.fleet

KINDS = ("v100", "v100", "cpu")
CASES, FEW_CASES = 12, 6
SLURM = "--opml-fleet=slurm"
# until nothing of a driver that was killed runs on: its jobs wait for half a minute for a sign of life of it
SILENCE_S = 45
# two seconds as a rule; a job that begins while it is cancelled sees by itself that it is not wanted
CANCEL_S = 15


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    with slurm_cluster(tmp_path_factory.mktemp("slurm"), KINDS) as cluster:
        yield cluster


@pytest.fixture
def cluster(started: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> SlurmCluster:
    monkeypatch.setenv("SLURM_CONF", str(started.config))
    started.restore()
    return started


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text("[tool.opml]\n", "utf-8")
    return Project(tmp_path, FEW_CASES)


@contextmanager
def started_run(project: Project, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A run that a test which fails does not leave behind."""
    process = project.start(SLURM, *arguments)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def running_unit(cluster: SlurmCluster, kind: str) -> SlurmJob:
    """A job that measures: those that describe a node come before, and are no arrays."""
    jobs: list[SlurmJob] = []

    def has_begun() -> bool:
        jobs[:] = [job for job in cluster.jobs() if "_" in job.id and job.node.startswith(kind)]
        return bool(jobs)

    wait_for(has_begun, LONGEST_S)
    return jobs[0]


def test_each_case_is_there_once_on_each_kind_with_the_figures_of_a_run_here(
    cluster: SlurmCluster, project: Project
) -> None:
    project = Project(project.folder, CASES)
    code, output = project.run(SLURM, "--opml-gpu=v100,cpu")
    assert code == 0, output
    on_fleet = figures_of(project.record)
    assert len(project.record.results) == len(on_fleet) == 2 * CASES
    assert not project.record.gap
    assert not cluster.jobs()
    assert not (project.folder / ".opml" / "fleet").exists()
    code, output = project.run("--opml-gpu=cpu")
    assert code == 0, output
    here = figures_of(project.record)
    assert on_fleet == {(name, kind): figures for (name, _), figures in here.items() for kind in ("v100", "cpu")}


@pytest.mark.parametrize("loss", ["cancelled", "down"])
def test_a_case_whose_job_or_node_is_lost_is_measured_again(cluster: SlurmCluster, project: Project, loss: str) -> None:
    with started_run(project, "--opml-gpu=v100,cpu") as process:
        job = running_unit(cluster, "v100")
        if loss == "cancelled":
            cluster.cancel(job.id)
        else:
            cluster.take_down(job.node)
        output, _ = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, output
    assert len(project.record.results) == len(figures_of(project.record)) == 2 * FEW_CASES
    assert not project.record.failures


def test_a_node_that_cannot_work_gets_no_more_of_it(cluster: SlurmCluster, project: Project) -> None:
    cluster.lose_gpu("v100n1")
    code, output = project.run(SLURM, "--opml-gpu=v100")
    assert code == 0, output
    assert len(project.record.results) == FEW_CASES
    assert not project.record.failures
    cluster.lose_gpu("v100n2")
    code, output = project.run(SLURM, "--opml-gpu=v100")
    assert code == 4, output
    assert "--opml-gpu=v100: no node of the fleet can run cases: " in output
    assert "Traceback" not in output


def test_a_kind_that_no_node_has_is_refused_before_anything_is_measured(
    cluster: SlurmCluster, project: Project
) -> None:
    code, output = project.run(SLURM, "--opml-gpu=v100,a100")
    assert code == 4
    assert "--opml-gpu=a100: not in the fleet, which has 1 cpu, 2 v100" in output
    assert "Traceback" not in output
    assert not cluster.jobs()


def test_the_user_says_which_nodes_are_of_a_kind(cluster: SlurmCluster, project: Project) -> None:
    table = '[tool.opml.slurm]\ncpu = "--partition=second --comment=ours"\nv100 = "--partition=nowhere"\n'
    (project.folder / "pyproject.toml").write_text(table, "utf-8")
    code, output = project.run(SLURM, "--opml-gpu=v100")
    assert code == 4
    assert "--opml-gpu=v100: not in the fleet, which has 1 cpu; say in [tool.opml.slurm]" in output
    code, output = project.run(SLURM, "--opml-gpu=cpu", "-k", "m2 or m3")
    assert code == 0, output
    assert len(project.record.results) == 2
    assert not cluster.jobs()


def test_what_slurm_refuses_is_told_in_one_line(cluster: SlurmCluster, project: Project) -> None:
    table = '[tool.opml.slurm]\ncpu = "--constraint=nothing-has-it"\n'
    (project.folder / "pyproject.toml").write_text(table, "utf-8")
    code, output = project.run(SLURM, "--opml-gpu=cpu")
    assert code == 4
    assert "--opml-gpu=cpu: Slurm refuses a job on such a node: " in output
    assert "Invalid feature" in output
    assert "Traceback" not in output
    assert not cluster.jobs()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_on_the_nodes_of_a_run_that_is_ended(
    cluster: SlurmCluster, project: Project, number: signal.Signals
) -> None:
    project = Project(project.folder, 3 * CASES)  # more than would be measured until their jobs hear no sign of life
    with started_run(project, "--opml-gpu=v100,cpu") as process:
        project.wait_for_results(process, 1)
        wait_for(cluster.processes, LONGEST_S)
        assert len(cluster.jobs()) > len(KINDS)  # some wait
        started = time.monotonic()
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    deadline = time.monotonic() + (SILENCE_S if number == signal.SIGKILL else CANCEL_S)
    while (left := [*cluster.jobs(), *map(str, cluster.processes())]) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not left, output
    print(f"the last job had ended {time.monotonic() - started:.1f} s after the signal")
    code, output = project.run("--opml-gpu=cpu", "-k", "m0")
    assert code == 0, output
    if number == signal.SIGKILL:  # the others have written what they had
        assert "taken in: run" in output
