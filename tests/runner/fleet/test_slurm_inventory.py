"""The nodes of a cluster of Slurm's, which are looked at for each attempt and asked for now and then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from pytest_opml.runner.fleet import slurm_inventory, slurm_nodes
from pytest_opml.runner.fleet.base import FleetNode
from pytest_opml.runner.fleet.slurm_client import SlurmError
from pytest_opml.runner.fleet.slurm_inventory import SlurmInventory
from pytest_opml.runner.fleet.slurm_nodes import SlurmNode, parse_nodes

UP = "a|4|idle|up|main*|gpu:v100:2|x\nb|4|idle|up|main*|(null)|x\n"
DOWN = UP.replace("b|4|idle", "b|4|down*")


class Sinfo:
    """What ``sinfo`` says next; nothing where it fails."""

    def __init__(self) -> None:
        self.text: str | None = UP

    def __call__(self) -> list[SlurmNode]:
        if self.text is None:
            raise SlurmError("it restarts")
        return parse_nodes(self.text)


@pytest.fixture
def sinfo(monkeypatch: pytest.MonkeyPatch) -> Sinfo:
    sinfo = Sinfo()
    monkeypatch.setattr(slurm_inventory, "list_nodes", sinfo)
    return sinfo


def test_the_nodes_of_a_kind_are_worked_out_once_for_each_answer(sinfo: Sinfo, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[str] = []
    nodes_of = slurm_nodes.nodes_of

    def counted(kind: str, nodes: Iterable[SlurmNode], options: Mapping[str, str] | None = None) -> list[SlurmNode]:
        kinds.append(kind)
        return nodes_of(kind, nodes, options)

    monkeypatch.setattr(slurm_nodes, "nodes_of", counted)
    inventory = SlurmInventory({})
    for _ in range(3):
        assert inventory.nodes_of("cpu") == [FleetNode("b", "cpu", 4)]
        assert inventory.nodes() == [FleetNode("a", "v100", 4), FleetNode("b", "cpu", 4)]
        inventory.job_options("cpu", ())
    assert sorted(kinds) == ["cpu", "cpu", "v100"]  # one for the options


def test_another_answer_has_other_nodes_and_a_missing_one_the_same(
    sinfo: Sinfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory = SlurmInventory({})
    sinfo.text = DOWN
    assert [node.id for node in inventory.nodes_of("cpu")] == ["b"]
    monkeypatch.setattr(slurm_inventory, "_LOOK_S", 0.0)
    assert inventory.nodes_of("cpu") == []
    assert [node.id for node in inventory.nodes()] == ["a"]
    sinfo.text = None
    assert [node.id for node in inventory.nodes()] == ["a"]
    sinfo.text = UP
    assert [node.id for node in inventory.nodes_of("cpu")] == ["b"]


@pytest.mark.parametrize(("options", "expected"), [({}, ["a,c", "a"]), ({"cpu": {"exclude": "d"}}, ["d,c", "d"])])
def test_the_nodes_that_an_attempt_avoids_are_those_of_no_further_one(
    sinfo: Sinfo, options: dict[str, dict[str, str]], expected: list[str]
) -> None:
    inventory = SlurmInventory(options)
    assert [inventory.job_options("cpu", avoid)["exclude"] for avoid in (["c"], [])] == expected
