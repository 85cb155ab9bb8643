"""The jobs of a run: handed over by submitit to programs that play Slurm, which run them on this machine."""

from __future__ import annotations

import os
import pickle
import shutil
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pytest_opml.errors import MissingDependencyError
from pytest_opml.runner.fleet import slurm_jobs
from pytest_opml.runner.fleet.slurm_client import SlurmError
from pytest_opml.runner.fleet.slurm_jobs import JobEnd, SlurmJobs
from tests.support.fake_slurm import FakeSlurm
from tests.support.processes import python_path

LONGEST_S = 60.0


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", python_path())
    monkeypatch.setattr(slurm_jobs, "_LOOK_S", 0.02)
    monkeypatch.setattr(slurm_jobs, "_ASK_S", 0.05)
    return FakeSlurm(folder)


@pytest.fixture
def jobs(slurm: FakeSlurm, tmp_path: Path) -> Iterator[SlurmJobs]:
    jobs = SlurmJobs(tmp_path)
    yield jobs
    jobs.close()


def ended(jobs: SlurmJobs) -> list[JobEnd]:
    deadline, ends = time.monotonic() + LONGEST_S, list[JobEnd]()
    while jobs.running:
        assert time.monotonic() < deadline
        ends += jobs.take_ended()
        time.sleep(0.02)
    return ends


def test_an_array_answers_job_by_job_and_one_that_fails_says_why(
    slurm: FakeSlurm, jobs: SlurmJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_PROCID"):  # of a job that pytest runs in
        monkeypatch.setenv(name, "77")
    names = jobs.submit([partial(int, "7"), partial(int, "seven")], {"partition": "gpu", "exclude": "a,b"})
    assert names == ["1_0", "1_1"]
    assert {end.job: end for end in ended(jobs)} == {
        "1_0": JobEnd("1_0", 7),
        "1_1": JobEnd("1_1", None, "ValueError: invalid literal for int() with base 10: 'seven'"),
    }
    assert os.environ["SLURM_ARRAY_JOB_ID"] == "77"
    options = {line.removeprefix("#SBATCH --") for line in slurm.script.splitlines() if line.startswith("#SBATCH")}
    assert {"array=0-1%2", "exclude=a,b", "exclusive", "mem=0", "no-requeue", "nodes=1", "partition=gpu"} <= options
    assert not any(option.startswith("time=") for option in options)
    assert not [*jobs.folder.jobs.glob("*.pkl")]


def test_a_user_may_share_nodes(slurm: FakeSlurm, jobs: SlurmJobs) -> None:
    jobs.submit([partial(int, "7")], {"oversubscribe": "", "time": "1:00:00", "mem": "4G"})
    assert [end.answer for end in ended(jobs)] == [7]
    assert "--exclusive" not in slurm.script
    for option in ("--oversubscribe\n", "--time=1:00:00\n", "--mem=4G\n"):
        assert option in slurm.script


@pytest.mark.parametrize("option", ["mem", "mem-per-cpu", "mem-per-gpu"])
def test_a_job_has_the_memory_that_the_user_says_and_asks_for_no_more(
    slurm: FakeSlurm, jobs: SlurmJobs, option: str
) -> None:
    slurm.hold()
    jobs.submit([partial(int, "7")], {option: "4G"})
    options = [line for line in slurm.script.splitlines() if line.startswith("#SBATCH --mem")]
    assert options == [f"#SBATCH --{option}=4G"]  # sbatch refuses two of them


@pytest.mark.parametrize(
    ("state", "is_lost", "text"),
    [
        (
            "NODE_FAIL",
            True,
            "job 1 of Slurm ended as NODE_FAIL: it has written nothing; do the nodes have the project's ",
        ),
        ("CANCELLED", True, "job 1 of Slurm ended as CANCELLED: "),
        ("PREEMPTED", True, "job 1 of Slurm ended as PREEMPTED: "),
        ("FAILED", True, "job 1 of Slurm ended as FAILED: "),
        (None, True, "job 1 of Slurm ended as GONE: "),
        ("TIMEOUT", False, "its job has reached its time limit, which --time in [tool.opml.slurm] sets"),
        ("OUT_OF_MEMORY", False, "its job was out of memory"),
    ],
)
def test_the_state_of_a_job_without_an_answer_says_whose_fault_it_is(
    slurm: FakeSlurm, jobs: SlurmJobs, state: str | None, is_lost: bool, text: str
) -> None:
    slurm.hold()
    (job,) = jobs.submit([partial(int, "7")], {})
    slurm.say({job: state} if state else {})
    (end,) = ended(jobs)
    assert (end.answer, end.is_lost) == (None, is_lost)
    assert end.error.startswith(text)
    assert end.node == ("node1" if state else None)


def test_an_answer_that_comes_after_slurm_has_said_the_end_counts_once(
    slurm: FakeSlurm, jobs: SlurmJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_jobs, "_LOOK_S", 0.0)
    monkeypatch.setattr(slurm_jobs, "_ASK_S", 0.0)
    slurm.hold()
    (job,) = jobs.submit([partial(int, "7")], {})
    slurm.say({job: "COMPLETED"})
    assert jobs.take_ended() == []
    path = jobs.folder.jobs / f"{job}_0_result.pkl"
    path.write_bytes(pickle.dumps(("success", 7)))
    assert jobs.take_ended() == [JobEnd(job, 7)]
    assert not jobs.running


def test_a_folder_that_is_gone_ends_in_lost_jobs(
    slurm: FakeSlurm, jobs: SlurmJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_jobs, "_LOOK_S", 0.0)
    monkeypatch.setattr(slurm_jobs, "_ASK_S", 0.0)
    slurm.hold()
    (job,) = jobs.submit([partial(int, "7")], {})
    shutil.rmtree(jobs.folder.path)
    assert jobs.take_ended() == []
    slurm.say({job: "FAILED"})
    assert jobs.take_ended() == []
    assert [(end.job, end.is_lost) for end in jobs.take_ended()] == [(job, True)]


def test_without_submitit_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(
        MissingDependencyError, match=r"^--opml-fleet=slurm needs the package submitit: .*opml\[slurm\]'$"
    ):
        SlurmJobs(tmp_path)


def test_what_sbatch_refuses_is_said(slurm: FakeSlurm, jobs: SlurmJobs) -> None:
    slurm.refuse("Batch job submission failed: Invalid account")
    before = sorted(jobs.folder.jobs.iterdir())
    for numbers in ("7", "78"):
        with pytest.raises(SlurmError, match=r"^Batch job submission failed: Invalid account$"):
            jobs.submit([partial(int, number) for number in numbers], {})
    assert not jobs.running
    assert sorted(jobs.folder.jobs.iterdir()) == before  # it may be refused once in half a minute for hours


def test_the_end_cancels_all_by_one_call_and_leaves_nothing(slurm: FakeSlurm, jobs: SlurmJobs, tmp_path: Path) -> None:
    jobs.close()
    assert slurm.calls == [f"scancel --name={jobs.folder.name}"]
    assert not (tmp_path / ".opml" / "fleet").exists()


def test_what_a_killed_driver_has_left_is_removed_after_a_week(slurm: FakeSlurm, tmp_path: Path) -> None:
    fleet = tmp_path / ".opml" / "fleet"
    for name, age in (("opml-old", 8 * 86400), ("opml-young", 60)):
        (fleet / name).mkdir(parents=True)
        (fleet / name / "heartbeat").touch()
        os.utime(fleet / name / "heartbeat", (time.time() - age,) * 2)
    jobs = SlurmJobs(tmp_path)
    assert {path.name for path in fleet.iterdir()} == {"opml-young", jobs.folder.name}
    jobs.close()
