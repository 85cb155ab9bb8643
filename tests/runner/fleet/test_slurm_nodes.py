"""What the nodes of a cluster of Slurm's are, and how a job gets one of a kind."""

from __future__ import annotations

import pytest

from pytest_opml.runner.fleet.slurm_nodes import job_options, nodes_of, parse_nodes

SINFO = """\
v1|32|idle|up|gpu*|gpu:v100:4(S:0-1)|ib,skylake
v1|32|idle|up|debug|gpu:v100:4(S:0-1)|ib,skylake
a1|64|mixed|up|gpu*|gpu:nvidia_a100_80gb_pcie:8(S:0,1)|(null)
t1|16|allocated|up|gpu*|gpu:tesla:2,gpu:t4:1|tesla_p100-pcie-16gb
x1|16|idle~|up|old|gpu:4|(null)
c1|8|idle|up|cpu|(null)|ib
c2|8|down*|up|cpu|(null)|(null)
c3|8|idle*|up|cpu|(null)|(null)
c4|8|drained|up|cpu|(null)|(null)
c5|8|idle|down|closed|(null)|(null)
"""
NODES = parse_nodes(SINFO)


def names(kind: str, options: dict[str, str] | None = None) -> list[str]:
    return [node.name for node in nodes_of(kind, NODES, options)]


def test_nodes_that_take_no_jobs_are_told_from_those_that_do() -> None:
    assert [node.name for node in NODES if node.is_up] == ["v1", "v1", "a1", "t1", "x1", "c1"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("v100", ["v1"]),  # once, in the partition that sbatch takes by itself
        ("a100", ["a1"]),  # by the name that the driver's library gives
        ("p100", ["t1"]),  # by a feature, since its type is a site's own word
        ("t4", ["t1"]),
        ("gpu", ["x1"]),
        ("cpu", ["c1"]),
        ("h100", []),
    ],
)
def test_the_kind_of_a_node_is_what_its_gpu_is_called(kind: str, expected: list[str]) -> None:
    assert names(kind) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("v100", {"partition": "gpu", "gres": "gpu:v100:1", "exclude": "a1,t1"}),
        ("a100", {"partition": "gpu", "gres": "gpu:nvidia_a100_80gb_pcie:1", "exclude": "v1,t1"}),
        ("p100", {"partition": "gpu", "gres": "gpu:tesla:1", "exclude": "v1,a1"}),
        ("gpu", {"partition": "old", "gres": "gpu:1"}),
        ("cpu", {"partition": "cpu"}),
    ],
)
def test_the_options_get_a_node_of_the_kind_and_no_further_one(kind: str, expected: dict[str, str]) -> None:
    assert job_options(kind, NODES) == expected


def test_a_kind_of_several_types_is_asked_for_without_one() -> None:
    nodes = parse_nodes(
        "a|1|idle|up|p*|gpu:a100:1|x\nb|1|idle|up|p*|gpu:nvidia_a100-sxm4-80gb:1|x\nc|1|idle|up|p*|(null)|x"
    )
    assert job_options("a100", nodes) == {"partition": "p", "gres": "gpu:1", "exclude": "c"}


def test_nodes_that_are_down_may_come_back_while_a_job_waits() -> None:
    nodes = parse_nodes("a|1|down|up|p*|gpu:a100:1|x\nb|1|idle|up|p*|(null)|x\nc|1|drained|up|p*|(null)|x")
    assert job_options("cpu", nodes) == {"partition": "p", "exclude": "a"}
    assert nodes_of("a100", nodes) == []
    assert job_options("a100", nodes) == {"partition": "p", "gres": "gpu:a100:1", "exclude": "b,c"}


def test_a_node_without_a_gpu_is_got_among_those_that_have_one() -> None:
    nodes = parse_nodes("a|1|idle|up|p*|gpu:a100:1|x\nb|1|idle|up|p*|(null)|x")
    assert job_options("cpu", nodes) == {"partition": "p", "exclude": "a"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"partition": "old"}, ["x1"]),
        ({"partition": "debug,cpu"}, ["v1", "c1"]),
        ({"gres": "gpu:v100:1"}, ["v1"]),
        ({"gres": "gpu:2"}, ["v1", "a1", "t1"]),
        ({"constraint": "ib"}, ["v1", "a1", "t1"]),  # of which the partition alone is looked at
        ({"partition": "nowhere"}, []),
    ],
)
def test_the_users_options_say_which_nodes_are_of_the_kind(options: dict[str, str], expected: list[str]) -> None:
    assert names("v100", options) == expected
