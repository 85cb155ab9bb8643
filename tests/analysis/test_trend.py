from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

from pytest_opml.analysis.trend import MOST_POINTS, Point, find_shifts
from pytest_opml.metrics import METRICS

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def points_of(values: list[float], machine: str = "one", first_day: int = 0) -> list[Point]:
    return [
        Point(f"run-{day}", START + timedelta(days=day), f"{day:040x}", "main", machine, value)
        for day, value in enumerate(values, first_day)
    ]


def noisy(level: float, count: int, seed: int) -> list[float]:
    draw = random.Random(seed)
    return [level * (1 + 0.01 * draw.gauss(0, 1)) for _ in range(count)]


def test_a_step_lies_between_the_commits_that_are_sure_to_be_before_and_after_it() -> None:
    points = points_of(noisy(10.0, 40, 1) + noisy(10.8, 30, 2))
    (shift,) = find_shifts(points, METRICS["inference_s"])
    assert shift.at.run_id == "run-40"
    assert shift.before.started < shift.at.started <= shift.after.started
    assert (shift.machine, shift.before.commit) == ("one", f"{39:040x}")


def test_another_machine_is_no_step() -> None:
    slow, fast = points_of(noisy(20.0, 40, 3), "slow"), points_of(noisy(10.0, 40, 4), "fast", 40)
    assert find_shifts([*slow, *fast], METRICS["inference_s"]) == ()
    (shift,) = find_shifts([*slow, *fast], METRICS["accuracy"])
    assert (shift.machine, shift.at.run_id) == ("", "run-40")


def test_each_machine_is_searched_by_itself_also_where_they_take_turns() -> None:
    slow, fast = noisy(20.0, 40, 5) + noisy(22.0, 40, 6), noisy(10.0, 40, 7) + noisy(11.0, 40, 8)
    points = [
        Point(f"run-{day}", START + timedelta(days=day), None, None, machine, value)
        for day, (machine, value) in enumerate(
            pair for one, other in zip(slow, fast, strict=True) for pair in (("a", one), ("b", other))
        )
    ]
    assert [(shift.machine, shift.at.run_id) for shift in find_shifts(points, METRICS["inference_s"])] == [
        ("a", "run-80"),
        ("b", "run-81"),
    ]


def test_a_file_that_grew_is_found_at_once_and_a_single_odd_one_is_not() -> None:
    (shift,) = find_shifts(points_of([4.0] * 4 + [4.2] * 2), METRICS["size_mb"])
    assert (shift.at.run_id, shift.step.error) == ("run-4", 0.0)
    assert find_shifts(points_of([4.0] * 4 + [4.2]), METRICS["size_mb"]) == ()


def test_of_a_long_history_the_newest_part_is_searched() -> None:
    values = noisy(10.0, 30, 9) + noisy(12.0, MOST_POINTS, 10)
    assert find_shifts(points_of(values), METRICS["inference_s"]) == ()
    assert len(find_shifts(points_of(values[:-100]), METRICS["inference_s"])) == 1
