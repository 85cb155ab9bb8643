from __future__ import annotations

import re

import pytest

from pytest_opml.runner.fleet.work import (
    Work,
    check_works,
    critical_paths,
    dependents_of,
    place_works,
    sort_by_needs,
)


def by_key(*works: Work) -> dict[str, Work]:
    return {work.key: work for work in works}


def work(key: str, seconds: float, *needs: str, kinds: tuple[str, ...] = ("cpu",)) -> Work:
    return Work(key=key, kinds=kinds, seconds=seconds, needs=needs)


@pytest.mark.parametrize(
    ("wrong", "nodes", "text"),
    [
        (work("a", 1, kinds=("tpu",)), {"cpu": 1}, "a may run on tpu: the fleet has cpu"),
        (work("a", 1, kinds=()), {}, "a may run on no kind: the fleet has no node"),
        (work("a", -1), {"cpu": 1}, "a is expected to take -1 s: must be at least 0, and finite"),
        (work("a", float("inf")), {"cpu": 1}, "a is expected to take inf s: must be at least 0, and finite"),
        (work("a", float("nan")), {"cpu": 1}, "a is expected to take nan s: must be at least 0, and finite"),
        (work("a", 1, "b"), {"cpu": 1}, "a needs b, which is no work of this run"),
        (work("a", 1), {"cpu": -1}, "-1 nodes of the kind cpu: must be at least 0"),
    ],
)
def test_work_that_could_never_be_done_is_refused(wrong: Work, nodes: dict[str, int], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        check_works(by_key(wrong), nodes)


def test_work_comes_behind_what_it_needs() -> None:
    works = by_key(
        work("last", 1, "left", "right", "right"), work("left", 1, "first"), work("right", 1, "first"), work("first", 1)
    )
    assert sort_by_needs(works, dependents_of(works)) == ["first", "left", "right", "last"]


def test_work_that_waits_for_itself_is_refused() -> None:
    works = by_key(work("a", 1, "b"), work("b", 1, "a"), work("behind", 1, "a"), work("free", 1))
    with pytest.raises(ValueError, match=r"^work that waits for itself, or for such work: a, b, behind$"):
        sort_by_needs(works, dependents_of(works))


def test_a_critical_path_is_the_longest_way_to_the_end() -> None:
    works = by_key(
        work(
            "train",
            10,
        ),
        work("int8", 3, "train"),
        work("prune", 5, "train"),
        work("measure", 2, "int8", "prune"),
    )
    dependents = dependents_of(works)
    paths = critical_paths(works, dependents, sort_by_needs(works, dependents))
    assert paths == {"train": 17, "int8": 5, "prune": 7, "measure": 2}


def test_the_longest_making_goes_to_the_kind_that_is_done_with_it_first() -> None:
    both = ("v100", "cpu")
    works = [
        work("measure", 30, kinds=("v100",)),  # 15 s for each of two nodes
        work("short", 4, kinds=both),  # v100: (30 + 4) / 2 = 17, cpu: 16 + 4 = 20
        work("long", 16, kinds=both),  # v100: (30 + 16) / 2 = 23, cpu: 16
    ]
    assert place_works(works, {"v100": 2, "cpu": 1}) == {"measure": "v100", "long": "cpu", "short": "v100"}


def test_a_kind_that_the_fleet_does_not_have_is_passed_over() -> None:
    assert place_works([work("a", 1, kinds=("tpu", "cpu"))], {"cpu": 1}) == {"a": "cpu"}


def test_nodes_on_demand_count_as_one() -> None:
    works = [work(str(number), 1, kinds=("demand", "here")) for number in range(8)]
    placed = place_works(works, {"demand": 0, "here": 3})
    assert sorted(placed.values()) == ["demand"] * 2 + ["here"] * 6


def test_a_making_counts_where_it_would_go() -> None:
    works = [
        work("measure on v100", 10, kinds=("v100",)),
        work("measure on cpu", 4),
        work("train", 20, kinds=("v100", "cpu")),  # v100: (10 + 20) / 2 = 15, cpu: 4 + 20 = 24, which has less before
    ]
    assert place_works(works, {"v100": 2, "cpu": 1})["train"] == "v100"
