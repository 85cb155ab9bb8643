"""Whole runs on a cluster of Ray's that has no node until one is asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_opml.runner.fleet.cluster_facts import read_facts
from tests.fleet.test_ray import Project, figures_of
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
    project = Project(tmp_path, 4)
    code, output = project.run(f"--opml-fleet={address}", "--opml-gpu=v100,cpu")
    assert code == 0, output
    assert {kind for _, kind in figures_of(project.record)} == {"v100", "cpu"}
    assert len(project.record.results) == len(figures_of(project.record)) == 8
    assert "infeasible" not in output  # as Ray says of tasks that wait for a node
    await_no_node(address)


def test_a_kind_that_it_cannot_start_is_refused(address: str, tmp_path: Path) -> None:
    await_no_node(address)
    code, output = Project(tmp_path, 1).run(f"--opml-fleet={address}", "--opml-gpu=a100,p100")
    assert code == 4, output
    text = "--opml-gpu=a100: not in the fleet, which has no node that takes tasks, and can start p100"
    assert text in output
    ours = (f"ERROR: {text}", "opml: exit code 4", "no tests ran")  # and nothing of Ray's
    assert [line for line in output.splitlines() if line and not line.startswith(ours)] == []


def test_a_kind_that_does_not_come_is_waited_for_no_longer_than_is_allowed(address: str, tmp_path: Path) -> None:
    code, output = Project(tmp_path, 1).run(f"--opml-fleet={address}", "--opml-gpu=p100", "--opml-wait=8")
    assert code == 4, output
    assert "opml: waiting for p100 nodes, which the cluster starts" in output
    text = "--opml-gpu=p100: the fleet has had no p100 node for 8 s (--opml-wait); it failed to start p100"
    assert text in output
