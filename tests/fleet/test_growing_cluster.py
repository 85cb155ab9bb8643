"""Whole runs on a cluster of Ray's that has no node until one is asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_opml.runner.fleet.cluster_facts import read_facts
from tests.fleet.test_ray import Project
from tests.support.ray_heads import growing_fleet

pytestmark = pytest.mark.fleet

LONGEST_S = 120
IDLE_S = 10


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with growing_fleet({"v100": 2, "cpu": 1, "p100": 1}, out_of_stock=["p100"], idle_s=IDLE_S) as address:
        yield address


def await_no_node(address: str) -> None:
    deadline = time.monotonic() + LONGEST_S
    while kinds := read_facts(address).kinds:
        assert time.monotonic() < deadline, kinds
        time.sleep(1)


def test_nodes_come_for_a_run_and_go_after_it(address: str, tmp_path: Path) -> None:
    await_no_node(address)
    project = Project(tmp_path, 8)
    code, output = project.run(f"--opml-fleet={address}", "--opml-gpu=v100,cpu")
    assert code == 0, output
    assert {one.key for one in project.record.results} == {
        (result.case.id, kind) for result in project.record.results for kind in ("v100", "cpu")
    }
    assert len(project.record.results) == 16
    assert "opml: waiting for v100 nodes, which the cluster starts" in output
    assert "infeasible" not in output
    assert read_facts(address).kinds["v100"] >= 1
    await_no_node(address)


def test_a_kind_that_it_cannot_start_is_refused(address: str, tmp_path: Path) -> None:
    code, output = Project(tmp_path, 1).run(f"--opml-fleet={address}", "--opml-gpu=a100,v100")
    assert code == 4, output
    assert "--opml-gpu=a100: not in the fleet, which has " in output
    assert ", and can start v100" in output
    assert "Traceback" not in output


def test_a_kind_that_does_not_come_is_waited_for_no_longer_than_is_allowed(address: str, tmp_path: Path) -> None:
    code, output = Project(tmp_path, 1).run(f"--opml-fleet={address}", "--opml-gpu=p100", "--opml-wait=8")
    assert code == 4, output
    assert "--opml-gpu=p100: the fleet has had no p100 node for 8 s (--opml-wait); the cluster could not" in output
    assert "InsufficientInstanceCapacity" in output
