"""What is made of the autoscaler's answers, which are those that Ray's own has given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from pytest_opml.errors import DeviceError
from pytest_opml.runner.fleet import node_types
from pytest_opml.runner.fleet.node_types import NodeTypes, NodeWait
from tests.support.autoscaler import waiting_request


class Cluster:
    """Plays the control store: each answer is given once, and the last of them for ever."""

    def __init__(self) -> None:
        self.answers: list[Any] = []

    def answer(
        self, *, version: int, seen: int, waiting: Iterable[str], cannot: Iterable[str] = (), failed: Iterable[str] = ()
    ) -> None:
        from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply

        reply = GetClusterStatusReply()
        demand, state = reply.cluster_resource_state, reply.autoscaling_state
        demand.cluster_resource_state_version = version
        state.last_seen_cluster_resource_state_version = seen
        for kind in waiting:
            demand.pending_resource_requests.add(request=waiting_request(kind), count=1)
        state.infeasible_resource_requests.extend(map(waiting_request, cannot))
        for name in failed:
            state.failed_instance_requests.add(ray_node_type_name=name)
        self.answers.append(reply)

    def get_cluster_status(self, timeout_s: float) -> bytes:
        assert timeout_s
        reply = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return bytes(reply.SerializeToString())


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(node_types, "_LOOK_S", 0.001)
    return Cluster()


def test_a_kind_is_waited_for_once_the_autoscaler_has_seen_it_and_refuses_it_not(cluster: Cluster) -> None:
    cluster.answer(version=3, seen=2, waiting=[])
    cluster.answer(version=4, seen=3, waiting=["v100", "cpu"])
    cluster.answer(version=6, seen=5, waiting=["v100", "cpu"])
    types = NodeTypes(cluster)
    types.check(["v100", "cpu"], list)
    assert types.starts("v100")
    assert types.starts("cpu")
    assert not types.starts("a100")
    assert len(cluster.answers) == 1


def test_a_kind_that_it_refuses_is_named_beside_what_there_is_and_could_be(cluster: Cluster) -> None:
    cluster.answer(version=4, seen=4, waiting=["v100", "a100"], cannot=["a100"])
    with pytest.raises(DeviceError) as error:
        NodeTypes(cluster).check(["cpu", "a100", "v100"], lambda: ["cpu"])
    assert str(error.value) == "--opml-gpu=a100: not in the fleet, which has 1 cpu, and can start v100"


def test_of_many_tasks_some_are_refused_where_the_limit_of_nodes_is_near(cluster: Cluster) -> None:
    cluster.answer(version=4, seen=4, waiting=["v100"] * 9, cannot=["v100"] * 7)
    types = NodeTypes(cluster)
    types.check(["v100"], list)
    assert types.starts("v100")


def test_a_node_that_comes_meanwhile_is_enough(cluster: Cluster) -> None:
    cluster.answer(version=4, seen=3, waiting=["v100"])
    there = [[], ["v100"]]
    types = NodeTypes(cluster)
    types.check(["v100"], lambda: there.pop(0) if len(there) > 1 else there[0])
    assert not types.starts("v100")


def test_an_autoscaler_that_is_silent_is_named(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_types, "_ANSWER_S", 0.02)
    cluster.answer(version=4, seen=3, waiting=["v100"])
    with pytest.raises(DeviceError, match="--opml-gpu=v100: no node has it, and the cluster's autoscaler has not said"):
        NodeTypes(cluster).check(["v100"], list)


def test_a_cluster_that_is_gone_is_named_and_hides_no_other_reason(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.exceptions import RpcError

    def refuse(timeout_s: float) -> bytes:
        raise RpcError("failed to connect to all addresses")

    monkeypatch.setattr(cluster, "get_cluster_status", refuse)
    types = NodeTypes(cluster)
    with pytest.raises(DeviceError, match="the cluster does not answer any more: failed to connect to all addresses"):
        types.check(["v100"], list)
    monkeypatch.setattr(types, "_started", {"v100"})
    reason = NodeWait(0.0, types, lambda _: None).end("v100", is_there=False)
    assert reason == "the fleet has had no v100 node for 0 s (--opml-wait)"


def test_without_an_autoscaler_a_missing_kind_is_refused_at_once() -> None:
    with pytest.raises(DeviceError, match=r"--opml-gpu=a100: not in the fleet, which has 2 cpu, 1 v100$"):
        NodeTypes(None).check(["a100"], lambda: ["cpu", "v100", "cpu"])


def test_a_wait_says_once_what_it_is_for_and_ends_with_what_failed(cluster: Cluster) -> None:
    cluster.answer(version=4, seen=4, waiting=["v100"], failed=["spot", "spot", "on-demand"])
    types, told = NodeTypes(cluster), list[str]()
    types.check(["v100"], list)
    wait = NodeWait(0.0, types, told.append)
    assert wait.end("v100", is_there=True) == ""
    reason = wait.end("v100", is_there=False)
    failure = "it failed to start on-demand, spot: its autoscaler's log says why"
    assert reason == f"the fleet has had no v100 node for 0 s (--opml-wait); {failure}"
    assert wait.end("v100", is_there=False)
    assert told == ["waiting for v100 nodes, which the cluster starts"]
    assert wait.end("v100", is_there=True) == ""
    assert wait.end("cpu", is_there=False)
    assert told[1:] == ["waiting for cpu nodes, of which none is there now"]
