from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.progress import Progress
from pytest_opml.runner.fleet.node_seconds import NodeSeconds
from pytest_opml.runner.fleet.orders import UnitAnswer
from pytest_opml.runner.fleet.ray_fleet import Told, UnitEnd
from pytest_opml.runner.fleet.schedule import Attempt

KINDS = {"a": "v100", "b": "v100", "c": "cpu"}


class Watched:
    """Node seconds by a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.seconds = NodeSeconds(lambda: self.now)

    def hear(self, at: float, **stages: tuple[str, str]) -> None:
        self.now = at
        told = {key: Told(node, key, Progress(stage)) for key, (node, stage) in stages.items()}
        self.seconds.hear(told, KINDS)

    def end(self, at: float, key: str, answer: UnitAnswer | None = None, node: str | None = None) -> None:
        self.now = at
        self.seconds.add(UnitEnd(Attempt(key, KINDS[key], 1, ()), node, answer, is_lost=answer is None))


@pytest.fixture
def watched() -> Watched:
    return Watched()


def answered(seconds: float, fault: str = "") -> UnitAnswer:
    return UnitAnswer({}, fault=fault, seconds=seconds)


def test_units_that_are_answered_take_what_their_nodes_say(watched: Watched) -> None:
    watched.hear(1, a=("x", "measuring"), c=("z", "measuring"))
    watched.end(9, "a", answered(7.0), "x")
    watched.end(9, "c", answered(5.0, fault="the disk is full"), "z")
    watched.end(30, "b", answered(6.0), "y")  # which nobody had heard of
    assert watched.seconds.of("v100") == (2, 13.0)
    assert watched.seconds.of("cpu") == (1, 5.0)
    assert watched.seconds.of("p100") == (0, 0.0)


def test_a_lost_node_took_the_time_since_it_was_heard_of(watched: Watched) -> None:
    watched.hear(10, a=("x", "measuring"))
    watched.hear(20, a=("x", "timing"))
    watched.end(25, "a", node="x")
    assert watched.seconds.of("v100") == (1, 15.0)


def test_what_a_lost_node_said_last_begins_nothing(watched: Watched) -> None:
    watched.hear(10, a=("x", "measuring"))
    watched.end(15, "a", node="x")
    watched.hear(16, a=("x", "timing"))  # was on its way
    watched.hear(60, a=("x", "timing"))
    assert watched.seconds.of("v100") == (1, 5.0)
    watched.hear(70, a=("y", "measuring"))
    watched.end(80, "a", node="y")
    assert watched.seconds.of("v100") == (2, 15.0)


def test_a_unit_that_is_done_begins_nothing_by_words_that_come_late(watched: Watched) -> None:
    watched.hear(10, a=("x", "measuring"))
    watched.end(15, "a", answered(5.0), "x")
    watched.hear(15.5, a=("x", "ending"))
    watched.hear(16)
    watched.now = 500
    assert watched.seconds.of("v100") == (1, 5.0)


def test_what_runs_still_counts_up_to_now(watched: Watched) -> None:
    watched.hear(10, a=("x", "measuring"))
    watched.now = 40
    assert watched.seconds.of("v100") == (1, 30.0)
    watched.now = 50
    assert watched.seconds.of("v100") == (1, 40.0)


def test_an_attempt_that_nobody_heard_of_takes_nothing(watched: Watched) -> None:
    watched.end(30, "a")
    assert watched.seconds.of("v100") == (0, 0.0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1e6)), max_size=20))
def test_answers_add_up(answers: list[tuple[str, float]]) -> None:
    watched = Watched()
    for key, seconds in answers:
        watched.end(watched.now + 1, key, answered(seconds), "x")
    total = watched.seconds.of("v100").seconds + watched.seconds.of("cpu").seconds
    assert total == pytest.approx(sum(seconds for _, seconds in answers))
