from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_opml.runner import node_meter
from pytest_opml.runner.node_meter import NodeMeter, NodeTime, Stopwatch
from pytest_opml.runner.options import RunOptions
from pytest_opml.runner.plan import CollectedRun
from pytest_opml.settings import build_settings
from tests.support.builders import make_device


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Runner:
    node_time = NodeTime(3, 7.5)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(node_meter, "time", clock)
    return clock


def meter(tmp_path: Path, held_since: float | None, **table: Any) -> NodeMeter:
    options = RunOptions(settings=build_settings(table, {}, tmp_path), device=make_device("v100"), plan=CollectedRun())
    return NodeMeter(options, Runner(), held_since)


def test_a_stopwatch_counts_while_its_block_runs_and_once_where_one_is_in_another(clock: Clock) -> None:
    watch = Stopwatch()
    clock.now += 5
    assert watch.seconds == 0
    with watch.running():
        clock.now += 2
        assert watch.seconds == 2
        with watch.running():
            clock.now += 1
        clock.now += 1
    clock.now += 10
    assert watch.seconds == 4


def test_a_stopwatch_stops_where_its_block_fails(clock: Clock) -> None:
    watch = Stopwatch()

    def fail() -> None:
        with watch.running():
            clock.now += 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    clock.now += 3
    assert watch.seconds == 2


def test_a_machine_that_is_the_run_s_alone_counts_from_the_beginning(clock: Clock, tmp_path: Path) -> None:
    clock.now = 130.0
    use = meter(tmp_path, 100.0, price={"v100": 2.48, "cpu": 0.19}).read()
    assert (use.profile, use.nodes, use.seconds, use.price_per_hour) == ("v100", 1, 30.0, 2.48)


def test_otherwise_the_time_counts_in_which_cases_were_worked_on(clock: Clock, tmp_path: Path) -> None:
    clock.now = 130.0
    use = meter(tmp_path, None, price={"cpu": 0.19}).read()
    assert (use.profile, use.nodes, use.seconds, use.price_per_hour) == ("v100", 3, 7.5, None)
