from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_opml.runner.fleet.schedule import MOST_LOSSES, Attempt, Schedule, Work
from tests.support.fleet_works import Mix, draw_works
from tests.support.simulated_fleet import FleetSetup, SimulatedFleet

NODES = {"v100": 4, "cpu": 4}


def study() -> list[Work]:
    """A model that is trained and converted anywhere, and measured on two kinds of nodes."""
    both = ("v100", "cpu")
    return [
        Work(key="v100", kinds=("v100",), seconds=10, needs=("train", "int8")),
        Work(key="cpu", kinds=("cpu",), seconds=40, needs=("train", "int8")),
        Work(key="train", kinds=both, seconds=100),
        Work(key="int8", kinds=both, seconds=5, needs=("train",)),
    ]


def started(
    works: list[Work] | None = None, nodes: dict[str, int] | None = None
) -> tuple[Schedule, dict[str, Attempt]]:
    schedule = Schedule(works or study(), nodes or NODES)
    return schedule, {attempt.key: attempt for attempt in schedule.start()}


def test_all_work_is_handed_out_the_longest_way_first() -> None:
    schedule = Schedule(study(), NODES)
    assert schedule.start() == [
        Attempt("train", "v100", 1, ()),  # 25 s for each node, on the kind with less to measure
        Attempt("int8", "cpu", 1, ()),  # 11.25 s, and 28.75 s on the kind that has the training
        Attempt("cpu", "cpu", 1, ()),
        Attempt("v100", "v100", 1, ()),
    ]
    assert schedule.pending == 4
    with pytest.raises(RuntimeError, match="handed out already"):
        schedule.start()


def test_what_is_needed_comes_first_even_where_nothing_takes_time() -> None:
    works = [
        Work(key="measure", kinds=("cpu",), seconds=0, needs=("make",)),
        Work(key="make", kinds=("cpu",), seconds=0),
    ]
    assert [attempt.key for attempt in Schedule(works, {"cpu": 1}).start()] == ["make", "measure"]


def test_two_works_of_one_key_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^two works have the key train$"):
        Schedule([*study(), study()[2]], NODES)


def test_a_run_without_work_is_done() -> None:
    schedule = Schedule([], {})
    assert schedule.is_done
    assert schedule.start() == []


def test_work_is_ready_when_what_it_needs_is_done() -> None:
    schedule, first = started()
    assert [key for key in first if schedule.is_ready(key)] == ["train"]
    schedule.finished(first["train"], "n1", 90)
    assert [key for key in first if schedule.is_ready(key)] == ["train", "int8"]
    schedule.finished(first["int8"], "n2", 5)
    assert all(schedule.is_ready(key) for key in first)
    schedule.finished(first["cpu"], "n2", 40)
    schedule.finished(first["v100"], "n1", 10)
    assert schedule.is_done
    assert schedule.done == {"train": "n1", "int8": "n2", "cpu": "n2", "v100": "n1"}
    assert schedule.given_up == {}


def test_nothing_is_wanted_before_the_start() -> None:
    schedule = Schedule(study(), NODES)
    assert not schedule.is_wanted(Attempt("train", "v100", 1, ()))
    assert schedule.failed(Attempt("train", "v100", 1, ()), "n1", "work") is None
    assert schedule.pending == 4


def test_reports_of_attempts_that_are_over_change_nothing() -> None:
    schedule, first = started()
    second = schedule.failed(first["train"], "n1", "lost")
    assert second is not None
    schedule.finished(first["train"], "n1", 90)  # the node is back
    assert schedule.failed(first["train"], "n1", "work") is None
    assert (schedule.done, schedule.given_up) == ({}, {})
    assert not schedule.is_wanted(first["train"])
    assert schedule.is_wanted(second)
    schedule.finished(second, "n2", 90)
    schedule.finished(second, "n3", 90)
    assert schedule.failed(second, "n2", "lost") is None
    assert schedule.done == {"train": "n2"}
    assert schedule.pending == 3
    assert not schedule.is_ready("cpu")  # which waits for the other making still


def test_work_whose_node_is_lost_is_tried_again_five_times() -> None:
    schedule, first = started()
    attempt: Attempt | None = first["cpu"]
    for number in range(2, MOST_LOSSES + 2):
        assert attempt is not None
        attempt = schedule.failed(attempt, None, "lost")
        assert attempt == Attempt("cpu", "cpu", number, ())
    assert attempt is not None
    assert schedule.failed(attempt, "n9", "lost") is None
    assert schedule.given_up == {"cpu": "its node was lost 6 times"}


def test_work_is_tried_on_other_nodes_and_given_up_at_the_third() -> None:
    schedule, first = started()
    second = schedule.failed(first["cpu"], "n1", "node")
    assert second == Attempt("cpu", "cpu", 2, ("n1",))
    third = schedule.failed(second, "n2", "node")
    assert third == Attempt("cpu", "cpu", 3, ("n1", "n2"))
    assert schedule.failed(third, "n3", "node") is None
    assert schedule.given_up == {"cpu": "nodes failed under it: n1, n2, n3"}
    assert schedule.set_aside == {}  # the work was at fault


def test_a_node_that_is_set_aside_is_avoided_by_all_and_counts_against_nothing() -> None:
    works = [Work(key=key, kinds=("cpu",), seconds=1) for key in "abcde"]
    schedule, first = started(works)
    schedule.failed(first["a"], "n1", "node")
    schedule.failed(first["b"], "n1", "node")
    assert schedule.set_aside == {"n1": "2 works failed there: a, b"}
    attempt = schedule.failed(first["c"], "n1", "node")  # which was under way
    for node in ("n2", "n3"):
        assert attempt is not None
        assert "n1" in attempt.avoid
        attempt = schedule.failed(attempt, node, "node")
    assert attempt == Attempt("c", "cpu", 4, ("n1", "n2", "n3"))
    assert schedule.failed(first["d"], "n4", "lost") == Attempt("d", "cpu", 2, ("n1",))


def test_a_making_is_tried_again_on_the_kind_with_the_least_left() -> None:
    schedule, first = started()
    assert first["train"].kind == "v100"
    schedule.failed(first["cpu"], "n1", "work")
    schedule.finished(first["int8"], "n2", 5)  # nothing is left there
    again = schedule.failed(first["train"], "n3", "node")
    assert again == Attempt("train", "cpu", 2, ())  # no node of this kind failed


def test_a_measuring_whose_making_was_given_up_makes_it_itself() -> None:
    schedule, first = started()
    assert schedule.failed(first["train"], "n1", "work") is None
    assert schedule.given_up == {
        "train": "it failed by itself",
        "int8": "it needs train, which was given up",  # it would fail as well, before the measuring does
    }
    assert schedule.is_ready("cpu")
    assert not schedule.is_wanted(first["int8"])
    schedule.finished(first["int8"], "n2", 5)
    schedule.finished(first["cpu"], "n2", 5)
    schedule.finished(first["v100"], "n1", 5)
    assert schedule.is_done
    assert set(schedule.done) == {"cpu", "v100"}


def test_a_slow_node_is_data() -> None:
    works = [Work(key=str(number), kinds=("cpu",), seconds=10) for number in range(9)]
    schedule, first = started(works)
    for number, attempt in enumerate(first.values()):
        schedule.finished(attempt, f"n{number % 3}", 30 if number % 3 == 1 else 10)
    assert [(slow.node, slow.ratio, slow.works) for slow in schedule.slow_nodes()] == [("n1", 3.0, 3)]


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[Work], dict[str, int]]:
    """Works that need some before them, and a fleet that has nodes for all."""
    kinds = ("a", "b", "c")
    nodes = {kind: draw(st.integers(0, 4)) for kind in kinds}
    works: list[Work] = []
    for number in range(draw(st.integers(1, 12))):
        needs = draw(st.lists(st.sampled_from([work.key for work in works]), max_size=3)) if works else []
        allowed = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=3))
        seconds = draw(st.sampled_from([0.0, 1.0, 5.0, 100.0]))
        works.append(Work(key=str(number), kinds=tuple(allowed), seconds=seconds, needs=tuple(needs)))
    return works, nodes


@settings(deadline=None)
@given(run=runs(), data=st.data())
def test_whatever_happens_each_work_ends_once(run: tuple[list[Work], dict[str, int]], data: Any) -> None:
    works, nodes = run
    schedule = Schedule(works, nodes)
    by_key = {work.key: work for work in works}
    queue = schedule.start()
    places = {attempt.key: place for place, attempt in enumerate(queue)}
    assert all(places[need] < places[work.key] for work in works for need in work.needs)
    over: list[Attempt] = []
    while queue:
        reports = over and data.draw(st.booleans())
        attempt = data.draw(st.sampled_from(over if reports else queue))
        state = schedule.pending, dict(schedule.done), dict(schedule.given_up), dict(schedule.set_aside)
        was_wanted = schedule.is_wanted(attempt)
        here = [f"{attempt.kind}{number}" for number in range(nodes[attempt.kind] or 40)]
        allowed = [node for node in here if node not in attempt.avoid and node not in schedule.set_aside]
        assert allowed or reports, "it would wait for good"
        node = data.draw(st.sampled_from(allowed or here))
        outcome = data.draw(st.sampled_from(["finished", "lost", "node", "node", "work"]))
        again = None
        if outcome == "finished":
            schedule.finished(attempt, node, 1.0)
        else:
            again = schedule.failed(attempt, node, outcome)
        if again is not None:
            assert again.kind in by_key[again.key].kinds
            assert again.number == attempt.number + 1
            assert len(again.avoid) == len(set(again.avoid))
            mine = {name for name in schedule.set_aside if name.startswith(again.kind)}
            assert mine <= set(again.avoid)
            queue.append(again)
        if not was_wanted:
            assert again is None
            assert state == (schedule.pending, schedule.done, schedule.given_up, dict(schedule.set_aside))
        if not reports:
            over.append(attempt)
            queue = [waiting for waiting in queue if waiting != attempt and schedule.is_wanted(waiting)]
        assert not schedule.done.keys() & schedule.given_up.keys()
        assert state[1].items() <= schedule.done.items()
        assert state[2].items() <= schedule.given_up.items()
        # nothing is forgotten: what is neither done nor given up has one attempt that is wanted
        wanted = [waiting.key for waiting in queue if schedule.is_wanted(waiting)]
        assert sorted(wanted) == sorted(by_key.keys() - schedule.done.keys() - schedule.given_up.keys())
    assert schedule.is_done
    assert schedule.done.keys() | schedule.given_up.keys() == by_key.keys()
    assert all(schedule.is_ready(work.key) for work in works)
    assert all(number < 1e-6 for number in schedule._loads.values())


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    lifetime_s=st.sampled_from([1000.0, 20_000.0]),
    bad=st.sampled_from([0.0, 0.2, 0.7]),
    by_readiness=st.booleans(),
)
def test_a_small_fleet_comes_to_an_end(seed: int, lifetime_s: float, bad: float, by_readiness: bool) -> None:
    # which node gets what, and that what is needed is done before, is asserted by the simulated engine
    nodes = {"a": 1, "b": 2, "c": 5}
    works, seconds = draw_works(Mix(nodes=nodes, weights=dict.fromkeys(nodes, 1.0), works=40, measured=2), seed)
    setup = FleetSetup(nodes=nodes, lifetime_s=lifetime_s, bad=bad, work_faults=0.1, by_readiness=by_readiness)
    schedule = Schedule(works, nodes)
    SimulatedFleet(schedule, works, seconds, setup, seed).run()
    assert schedule.is_done
    assert {*schedule.done} ^ {*schedule.given_up} == {work.key for work in works}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_run_on_200_nodes_takes_little_longer_than_it_must(seed: int) -> None:
    nodes = dict.fromkeys(("a100", "v100", "p100", "cpu"), 50)
    weights = {"a100": 4.0, "v100": 2.0, "p100": 1.0, "cpu": 1.0}
    mix = Mix(nodes=nodes, weights=weights, works=2_000, training_s=900.0, spread=0.4, surprise=0.2)
    works, seconds = draw_works(mix, seed)
    schedule = Schedule(works, nodes)
    # a node has ten works only: a slow one that gets the last of them would take a fifth of the run for it
    setup = FleetSetup(nodes=nodes, slow=0.0, work_faults=0.0)
    outcome = SimulatedFleet(schedule, works, seconds, setup, seed).run()
    assert outcome.strict_ratio < 1.2
    assert outcome.longest_avoid < 10
    assert not schedule.given_up
