from __future__ import annotations

from pytest_opml.runner.fleet.node_notes import NodeNotes
from pytest_opml.runner.fleet.ray_fleet import UnitEnd
from pytest_opml.runner.fleet.schedule import Attempt, Schedule, Work

ATTEMPT = Attempt("v100 a", "v100", 1, ())


def test_each_thing_is_told_once_and_by_the_short_name_of_its_node() -> None:
    notes = NodeNotes()
    for _ in range(2):
        notes.add_fault(UnitEnd(ATTEMPT, "0123456789", None, is_lost=True), "lost", "its process died")
        notes.add_fault(UnitEnd(ATTEMPT, None, None), "node", "No space left on device")
        notes.add_fault(UnitEnd(ATTEMPT, "0123456789", None), "work", "ValueError")
    assert notes.take() == [
        "v100 node 01234567 is lost, and what it was at is done by another: its process died",
        "v100 node ? cannot run cases, which go to another: No space left on device",
    ]
    assert notes.take() == []


def test_nodes_that_are_set_aside_or_slow_are_told_of() -> None:
    now = 0.0
    notes = NodeNotes(lambda: now)
    keys = [f"{node}{number}" for node in "abc" for number in range(3)]
    schedule = Schedule([Work(key=key, kinds=("cpu",), seconds=1) for key in [*keys, "x", "y"]], {"cpu": 4})
    attempts = {attempt.key: attempt for attempt in schedule.start()}
    for key in keys:
        schedule.finished(attempts[key], f"node-{key[0]}", 9 if key[0] == "c" else 3)
    for key in ("x", "y"):
        schedule.failed(attempts[key], "node-d", "node")
    notes.look_at(schedule)
    assert notes.take() == ["node node-d gets no more cases: 2 works failed there: x, y"]
    now = 6.0
    notes.look_at(schedule)
    slow = "cpu node node-c takes 3.0 times as long as is usual for its kind; its times may not be comparable"
    assert notes.take() == [slow]
    now = 12.0
    notes.look_at(schedule)
    assert notes.take() == []
