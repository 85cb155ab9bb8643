from __future__ import annotations

from pytest_opml.runner.fleet.node_health import MOST_ON_DEMAND, NodeHealth, SlowNode


def test_two_works_that_fail_on_a_node_set_it_aside() -> None:
    health = NodeHealth({"cpu": 4})
    health.add_fault("n1", "cpu", "a")
    health.add_success("n1", "cpu", 1, 1)
    assert health.set_aside == {}
    health.add_fault("n1", "cpu", "b")
    assert health.set_aside == {"n1": "2 works failed there: a, b"}


def test_one_work_sets_a_node_aside_only_when_it_fails_there_three_times_in_a_row() -> None:
    health = NodeHealth({"cpu": 4})
    for _ in range(2):
        health.add_fault("n1", "cpu", "a")
    health.add_success("n1", "cpu", 1, 1)
    for _ in range(2):
        health.add_fault("n1", "cpu", "a")
    assert health.set_aside == {}
    health.add_fault("n1", "cpu", "a")
    assert health.set_aside == {"n1": "3 faults in a row, of a"}


def faulty(health: NodeHealth, kind: str, *nodes: str) -> None:
    for node in nodes:
        for key in ("a", "b"):
            health.add_fault(node, kind, key)


def test_at_most_half_of_a_kind_is_set_aside() -> None:
    health = NodeHealth({"cpu": 5, "v100": 5})
    faulty(health, "cpu", "n1", "n2", "n3")
    faulty(health, "v100", "n4")
    assert list(health.set_aside) == ["n1", "n2", "n4"]
    assert health.avoided("cpu", []) == ("n1", "n2")
    assert health.avoided("v100", []) == ("n4",)


def test_nodes_on_demand_are_set_aside_up_to_a_number() -> None:
    health = NodeHealth({"cpu": 0})
    faulty(health, "cpu", *map(str, range(2 * MOST_ON_DEMAND)))
    assert len(health.set_aside) == len(health.avoided("cpu", [])) == MOST_ON_DEMAND


def test_the_only_node_is_never_avoided() -> None:
    health = NodeHealth({"cpu": 1})
    faulty(health, "cpu", "n1")
    assert health.set_aside == {}
    assert health.avoided("cpu", ["n1"]) == ()


def test_of_two_nodes_work_avoids_the_one_that_failed_last() -> None:
    health = NodeHealth({"cpu": 2})
    assert health.avoided("cpu", ["n1", "n2"]) == ("n2",)


def test_a_node_is_not_set_aside_where_that_would_leave_no_node_to_work_that_avoids_the_rest() -> None:
    health = NodeHealth({"cpu": 2})
    health.avoided("cpu", ["n1"])
    faulty(health, "cpu", "n2")
    assert health.set_aside == {}
    faulty(health, "cpu", "n1")  # which that work avoids anyway
    assert list(health.set_aside) == ["n1"]


def test_a_node_is_slow_against_the_others_of_its_kind() -> None:
    health = NodeHealth({"cpu": 4, "v100": 2})
    for node, seconds in {"n1": [3, 3, 3], "n2": [3, 2, 4], "n3": [9, 6, 7], "n4": [90, 90]}.items():
        for taken in seconds:
            health.add_success(node, "cpu", taken, 1)
    for taken in (5, 5, 1):  # with nothing to compare it with
        health.add_success("n5", "v100", taken, 2)
    health.add_success("n1", "cpu", 1, 0)
    assert health.slow_nodes(2.0, 3) == [SlowNode("n3", "cpu", 7 / 3, 3)]
    assert health.slow_nodes(2.4, 3) == []
    assert health.slow_nodes(2.0, 4) == []
