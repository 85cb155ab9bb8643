"""The driver's side of a run on Slurm, whose programs are played and run jobs on this machine."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_opml.case import Case
from pytest_opml.errors import DeviceError, SettingsError, StorageError
from pytest_opml.progress import Progress
from pytest_opml.runner.fleet import slurm_fleet, slurm_inventory, slurm_jobs, slurm_submissions
from pytest_opml.runner.fleet.base import FleetNode, Told, UnitEnd
from pytest_opml.runner.fleet.fleets import open_fleet
from pytest_opml.runner.fleet.kind_devices import KindDevices
from pytest_opml.runner.fleet.orders import OrderedCase, RunOrder, UnitOrder
from pytest_opml.runner.fleet.schedule import Attempt
from pytest_opml.runner.fleet.slurm_fleet import SlurmFleet
from pytest_opml.runner.fleet.slurm_job import write_told
from pytest_opml.runner.plan import CollectedRun
from pytest_opml.settings import build_settings
from tests.support.fake_slurm import NODES, FakeSlurm
from tests.support.onnx_files import write_classifier, write_rows
from tests.support.processes import python_path

LONGEST_S = 60.0
CASE = Case(dataset="rows.npz", model="m0.onnx", unfreeze=0)


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", python_path())
    for module, name, seconds in (
        (slurm_jobs, "_LOOK_S", 0.02),
        (slurm_jobs, "_ASK_S", 0.05),
        (slurm_fleet, "_LOOK_S", 0.02),
        (slurm_submissions, "_TOLD_S", 0.02),
        (slurm_submissions, "_AGAIN_S", 0.2),
    ):
        monkeypatch.setattr(module, name, seconds)
    return FakeSlurm(folder)


@pytest.fixture
def fleet(slurm: FakeSlurm, tmp_path: Path) -> Iterator[SlurmFleet]:
    fleet = SlurmFleet({}, tmp_path)
    yield fleet
    fleet.close()


def attempt_of(key: str, *avoid: str) -> Attempt:
    return Attempt(key, "cpu", 1, avoid)


def unit_of(key: str) -> UnitOrder:
    return UnitOrder(key=key, cases=(OrderedCase(case=CASE),))


def order_of(root: Path) -> RunOrder:
    settings = replace(build_settings({}, root=root, options={}), gpus=("cpu",), compare_s=0.0)
    return RunOrder(settings=settings, plan=CollectedRun(cases=(CASE.id,), needs_tensorflow=False))


def ends_of(fleet: SlurmFleet, count: int) -> list[UnitEnd]:
    deadline, ends = time.monotonic() + LONGEST_S, list[UnitEnd]()
    while len(ends) < count:
        assert time.monotonic() < deadline
        ends += fleet.poll(0.02)
    return ends


def test_without_slurm_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = build_settings({}, root=tmp_path, options={"fleet": "slurm"})
    with pytest.raises(
        SettingsError, match=r"^--opml-fleet=slurm: Slurm does not answer here \(sinfo is not installed "
    ):
        open_fleet(settings, tmp_path)
    assert not (tmp_path / ".opml").exists()


def test_the_nodes_are_those_of_sinfo_or_of_the_users_options(slurm: FakeSlurm, tmp_path: Path) -> None:
    fleet = SlurmFleet({"p100": {"partition": "main", "gres": "gpu:v100:1"}}, tmp_path)
    assert fleet.nodes() == [FleetNode("node1", "p100", 4), FleetNode("node1", "v100", 4), FleetNode("node2", "cpu", 4)]
    fleet.check_kinds(["p100", "v100", "cpu"])
    with pytest.raises(
        DeviceError, match=r"--opml-gpu=a100,t4: not in the fleet, which has 1 cpu, 1 p100, 1 v100; say "
    ):
        fleet.check_kinds(["a100", "cpu", "t4"])
    with pytest.raises(DeviceError, match=r"--opml-gpu=auto: not in the fleet, .* v100; name one or several of them$"):
        fleet.check_kinds(["auto"])
    fleet.close()


def test_a_node_says_what_it_is_and_measures_a_unit(fleet: SlurmFleet, tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.npz")
    write_classifier(tmp_path / "m0.onnx", seed=0)
    order = order_of(tmp_path)
    devices = KindDevices(fleet, order.settings, {"cpu": False}, print)
    assert devices.of("cpu").profile == "cpu"
    assert devices.of("cpu") == devices.of("cpu")
    fleet.use("cpu", order)
    fleet.submit(attempt_of("cpu m0"), unit_of("cpu m0"))
    (end,) = ends_of(fleet, 1)
    assert (end.node, end.error, end.is_lost) == ("node1", "", False)
    assert end.answer
    result = end.answer.outcomes[CASE.id].result
    assert result, end.answer.outcomes[CASE.id].failure
    assert result.quality.value == pytest.approx(0.9)
    assert not fleet.told()


def test_where_slurm_refuses_to_ask_a_node_one_line_says_why(
    slurm: FakeSlurm, fleet: SlurmFleet, tmp_path: Path
) -> None:
    slurm.refuse("Batch job submission failed: Invalid account")
    with pytest.raises(
        DeviceError, match=r"^--opml-gpu=cpu: Slurm refuses a job on such a node: Batch job .* account$"
    ):
        fleet.ask("cpu", order_of(tmp_path).settings, needs_tensorflow=False)


def test_what_is_submitted_together_is_one_array_for_each_set_of_nodes(
    slurm: FakeSlurm, fleet: SlurmFleet, tmp_path: Path
) -> None:
    slurm.hold()
    fleet.use("cpu", order_of(tmp_path))
    for key, avoid in (("a", ()), ("b", ()), ("c", ("node2",)), ("d", ())):
        fleet.submit(attempt_of(key, *avoid), unit_of(key))
    assert fleet.poll(0) == []
    assert sum(call.startswith("sbatch") for call in slurm.calls) == 2
    assert "--exclude=node1,node2\n" in slurm.script  # the first has a GPU
    write_told(fleet._jobs.folder.told / "4", Told("node2", CASE.id, Progress("timing", 1, 2)))
    time.sleep(0.05)
    assert fleet.told() == {"d": Told("node2", CASE.id, Progress("timing", 1, 2))}
    slurm.say({"1_0": "RUNNING", "1_1": "PENDING", "1_2": "NODE_FAIL", "2": "TIMEOUT"})
    ends = {end.attempt.key: end for end in ends_of(fleet, 2)}
    assert {key: (end.is_lost, end.node) for key, end in ends.items()} == {"d": (True, "node1"), "c": (False, "node1")}
    time.sleep(0.05)
    assert not fleet.told()


def test_jobs_beyond_a_limit_wait_until_there_is_room(slurm: FakeSlurm, fleet: SlurmFleet, tmp_path: Path) -> None:
    slurm.hold()
    fleet.use("cpu", order_of(tmp_path))
    fleet.submit(attempt_of("a"), unit_of("a"))
    fleet.poll(0)
    slurm.refuse("QOSMaxSubmitJobPerUserLimit")
    for key in "bcde":
        fleet.submit(attempt_of(key), unit_of(key))
    assert fleet.poll(0) == []
    assert fleet.poll(0) == []
    calls = len(slurm.calls)
    slurm.refuse(None)
    time.sleep(0.25)
    fleet.poll(0)
    assert sum(call.startswith("sbatch") for call in slurm.calls[calls:]) == 2  # of two jobs each
    assert fleet._jobs.running == 5


def test_arrays_grow_again_when_a_limit_is_gone(slurm: FakeSlurm, fleet: SlurmFleet, tmp_path: Path) -> None:
    slurm.hold()
    fleet.use("cpu", order_of(tmp_path))
    fleet.submit(attempt_of("a"), unit_of("a"))
    fleet.poll(0)
    slurm.refuse("QOSMaxSubmitJobPerUserLimit")
    for key in "bcdefgh":
        fleet.submit(attempt_of(key), unit_of(key))
    for _ in range(3):  # of seven, three and one
        fleet.poll(0)
        time.sleep(0.25)
    calls = len(slurm.calls)
    slurm.refuse(None)
    fleet.poll(0)
    assert sum(call.startswith("sbatch") for call in slurm.calls[calls:]) == 3  # of one, two and four
    assert fleet._jobs.running == 8


def test_arrays_are_no_longer_than_the_cluster_takes(
    slurm: FakeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_fleet, "_MOST_JOBS", 2)
    slurm.hold()
    fleet = SlurmFleet({}, tmp_path)
    fleet.use("cpu", order_of(tmp_path))
    for key in "abcdef":
        fleet.submit(attempt_of(key), unit_of(key))
    fleet.poll(0)
    assert sum(call.startswith("sbatch") for call in slurm.calls) == 3
    fleet.close()


def test_what_holds_for_all_units_is_written_once_however_many_they_are(
    slurm: FakeSlurm, fleet: SlurmFleet, tmp_path: Path
) -> None:
    order = order_of(tmp_path)
    order = replace(order, plan=CollectedRun(cases={f"case {number}": "test" for number in range(5000)}))
    slurm.hold()
    fleet.use("cpu", order)
    keys = [f"unit {number}" for number in range(20)]
    for key in keys:
        fleet.submit(attempt_of(key), unit_of(key))
    fleet.poll(0)
    (path,) = fleet._jobs.folder.path.glob("order-*.pkl")
    assert pickle.loads(path.read_bytes()).plan == order.plan
    submitted = [path.stat().st_size for path in fleet._jobs.folder.jobs.glob("*_submitted.pkl")]
    assert len(submitted) == len(keys)
    assert path.stat().st_size > 20 * max(submitted)


def test_a_node_that_cannot_read_what_holds_for_all_units_is_at_fault(fleet: SlurmFleet, tmp_path: Path) -> None:
    fleet.use("cpu", order_of(tmp_path))
    (path,) = fleet._jobs.folder.path.glob("order-*.pkl")
    path.unlink()
    fleet.submit(attempt_of("a"), unit_of("a"))
    (end,) = ends_of(fleet, 1)
    assert end.node == "node1"
    assert end.answer
    assert "No such file" in end.answer.fault


def test_where_nothing_can_be_written_one_line_says_so(fleet: SlurmFleet, tmp_path: Path) -> None:
    (fleet._jobs.folder.path / "order-1.pkl").mkdir()
    with pytest.raises(StorageError, match=r"^--opml-fleet=slurm: .*/opml-\w+: Is a directory$"):
        fleet.use("cpu", order_of(tmp_path))


def test_what_is_always_refused_has_failed(slurm: FakeSlurm, fleet: SlurmFleet, tmp_path: Path) -> None:
    slurm.refuse("Batch job submission failed: Invalid account")
    fleet.use("cpu", order_of(tmp_path))
    for key in "abc":
        fleet.submit(attempt_of(key), unit_of(key))
    ends = fleet.poll(0)
    assert [end.attempt.key for end in ends] == ["a", "b", "c"]
    assert {(end.error, end.is_lost) for end in ends} == {
        ("sbatch: Batch job submission failed: Invalid account", False)
    }


def test_a_job_that_cannot_run_on_any_node_is_no_device(slurm: FakeSlurm, fleet: SlurmFleet, tmp_path: Path) -> None:
    settings = order_of(tmp_path).settings
    slurm.hold("FAILED")
    devices = KindDevices(fleet, settings, {"cpu": False}, print)
    with pytest.raises(
        DeviceError, match=r"no node of the fleet can run cases: job 1 of Slurm ended as FAILED: it has "
    ):
        devices.of("cpu")


def test_the_wait_for_the_first_answer_ends_where_no_node_is_up(
    slurm: FakeSlurm, fleet: SlurmFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_fleet, "_TELL_S", 0.05)
    monkeypatch.setattr(slurm_inventory, "_LOOK_S", 0.05)
    settings = replace(order_of(tmp_path).settings, wait_s=0.2)
    texts: list[str] = []

    def hear(text: str) -> None:
        texts.append(text)
        slurm.list_nodes(NODES.replace("mixed", "down*"))

    slurm.hold()
    devices = KindDevices(fleet, settings, {"cpu": False}, hear)
    with pytest.raises(
        DeviceError, match=r"^--opml-gpu=cpu: the fleet has had no cpu node for 0\.2 s \(--opml-wait\)$"
    ):
        devices.of("cpu")
    assert texts == [
        "waiting for a cpu node, for which a job is in the queue",
        "waiting for cpu nodes, of which none is there now",
    ]
