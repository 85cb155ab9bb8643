from __future__ import annotations

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.reports.terminal.time_left import Durations, FinishedTest, RunningTest, TimeLeft, time_left

AT_ONCE = RunningTest(0.0, False)

seconds = st.floats(0, 1e5)
kinds = st.booleans()
durations = st.builds(Durations, st.none() | seconds, st.none() | seconds)


def finished_of(lengths: list[float], is_built: bool = True) -> list[FinishedTest]:
    return [FinishedTest(f"test {number}", length, is_built) for number, length in enumerate(lengths)]


def names(count: int) -> list[str]:
    return [f"test {number}" for number in range(count)]


def middle(left: TimeLeft | None) -> float:
    assert left is not None
    assert left.high is not None
    return (left.low + left.high) / 2


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[str], list[FinishedTest], dict[str, Durations]]:
    tests = names(draw(st.integers(1, 12)))
    count = draw(st.integers(0, len(tests)))
    over = [FinishedTest(name, draw(seconds), draw(kinds)) for name in tests[:count]]
    return tests, over, draw(st.dictionaries(st.sampled_from(tests), durations))


@given(runs(), seconds, kinds)
def test_it_is_never_negative_and_says_something_of_any_run(
    run: tuple[list[str], list[FinishedTest], dict[str, Durations]], elapsed: float, is_built: bool
) -> None:
    tests, finished, earlier = run
    left = time_left(tests, finished, RunningTest(elapsed, is_built), earlier)
    assert (left is None) == (not finished or len(finished) == len(tests))
    if left is not None:
        assert left.low >= 0
        assert left.high is None or left.low <= left.high < 1e8  # 12 tests of 1e5 s, in a run five times as slow
        assert "-" not in str(left)
        assert "nan" not in str(left)
        assert len(str(left)) < 60


@given(runs(), seconds, seconds, kinds)
def test_while_a_test_runs_the_rest_becomes_no_longer(
    run: tuple[list[str], list[FinishedTest], dict[str, Durations]], elapsed: float, more: float, is_built: bool
) -> None:
    tests, finished, earlier = run
    before = time_left(tests, finished, RunningTest(elapsed, is_built), earlier)
    after = time_left(tests, finished, RunningTest(elapsed + more, is_built), earlier)
    if before is None or after is None:
        assert before is after
    elif before.high is None or after.high is None:
        assert before.high is after.high
    else:
        assert after.high <= before.high + 1e-6 * before.high
        assert before.is_overrun <= after.is_overrun


@given(st.lists(st.floats(1, 1000), min_size=1, max_size=10), st.integers(1, 10))
def test_more_tests_take_longer(lengths: list[float], more: int) -> None:
    finished = finished_of(lengths)
    fewer = time_left(names(len(lengths) + 1), finished, AT_ONCE, {})
    several = time_left(names(len(lengths) + 1 + more), finished, AT_ONCE, {})
    assert middle(several) > middle(fewer)


@given(st.lists(st.floats(1, 1000), min_size=1, max_size=8), st.floats(1, 1000))
def test_it_scales_with_the_clock(lengths: list[float], factor: float) -> None:
    tests = names(len(lengths) + 4)
    left = middle(time_left(tests, finished_of(lengths), AT_ONCE, {}))
    slower = middle(time_left(tests, finished_of([factor * length for length in lengths]), AT_ONCE, {}))
    assert slower == pytest.approx(factor * left)


def simulated(seed: int, spread: float) -> tuple[TimeLeft, float]:
    """Half of a run of tests that take about a minute each, and what the other half takes."""
    draw = random.Random(seed)
    lengths = [60 * draw.lognormvariate(0, spread) for _ in range(16)]
    left = time_left(names(16), finished_of(lengths[:8]), AT_ONCE, {})
    assert left is not None
    return left, sum(lengths[8:])


def test_at_half_of_a_run_of_tests_that_are_alike_it_is_right_within_a_tenth() -> None:
    runs = [simulated(seed, 0.1) for seed in range(200)]
    errors = [abs(middle(left) / truth - 1) for left, truth in runs]
    assert statistics.median(errors) < 0.05
    assert statistics.quantiles(errors, n=10)[-1] < 0.1


def test_the_range_holds_the_truth_in_most_runs_of_tests_that_vary() -> None:
    runs = [simulated(seed, 0.4) for seed in range(200)]
    assert 0.7 < sum(left.low <= truth <= (left.high or 0) for left, truth in runs) / 200 < 0.95


def test_tests_that_are_unlike_give_a_wide_range() -> None:
    finished = finished_of([5.0, 300.0, 10.0, 80.0])
    assert str(time_left(names(8), finished, AT_ONCE, {})) == "up to 14 min left"


def test_what_the_cache_held_tells_nothing_of_what_is_built() -> None:
    loaded = finished_of([5.0, 5.0, 5.0, 5.0], is_built=False)
    building = time_left(names(8), loaded, RunningTest(20.0, True), {})
    assert building is not None
    assert building.high is None
    assert str(building).startswith("at least ")

    mixed = [FinishedTest("test 0", 60.0, True), *loaded[1:]]
    assert 40 < middle(time_left(names(5)[:5], [*mixed], RunningTest(0.0, True), {})) < 80


def test_a_run_that_finds_all_in_the_cache_is_not_expected_to_build() -> None:
    earlier = {name: Durations(60.0, 5.0) for name in names(8)}
    left = time_left(names(8), finished_of([5.0, 6.0], is_built=False), AT_ONCE, earlier)
    assert 25 < middle(left) < 40


def test_a_run_that_builds_again_takes_as_long_as_it_took_test_by_test() -> None:
    lengths = [5.0, 10.0, 20.0, 40.0, 80.0, 160.0]
    earlier = {name: Durations(length, 1.0) for name, length in zip(names(6), lengths, strict=True)}
    finished = finished_of([2 * length for length in lengths[:2]])  # on a machine that is half as fast
    assert middle(time_left(names(6), finished, AT_ONCE, earlier)) == pytest.approx(2 * sum(lengths[2:]), rel=0.05)


def test_new_tests_are_built_where_the_others_once_were() -> None:
    earlier = {name: Durations(60.0, 5.0) for name in names(4)}
    left = time_left(names(8), finished_of([5.0] * 4, is_built=False), AT_ONCE, earlier)
    assert 200 < middle(left) < 280


def test_a_test_that_takes_too_long_is_said_to() -> None:
    finished = finished_of([10.0, 10.0, 10.0])
    assert str(time_left(names(4), finished, RunningTest(100.0, True), {})) == "longer than expected (2 min)"
    left = time_left(names(6), finished, RunningTest(100.0, True), {})
    assert left is not None
    assert left.is_overrun
    assert str(left) == "longer than expected (2 min), then at least 15 s"


def test_a_test_that_hangs_says_for_how_long() -> None:
    texts = [
        str(time_left(names(6), finished_of([20.0, 20.0]), RunningTest(seconds, True), {})) for seconds in (300, 3600)
    ]
    assert texts == [f"longer than expected ({said}), then at least 40 s" for said in ("5 min", "60 min")]


def test_one_long_test_at_the_beginning_is_not_taken_for_all() -> None:
    assert str(time_left(names(9), finished_of([900.0]), AT_ONCE, {})) == "up to 5.2 h left"
    earlier = {name: Durations(900.0) for name in names(9)}  # but where each is known to be as long
    assert str(time_left(names(9), finished_of([900.0]), AT_ONCE, earlier)) == "83 min to 2.6 h left"


def test_a_clock_that_is_set_back_makes_nothing_negative() -> None:
    left = time_left(names(6), finished_of([20.0, 20.0]), RunningTest(-3600.0, True), {})
    assert left is not None
    assert 0 <= left.low < (left.high or 0)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.0, 0.2, "about 1 s left"),
        (31.0, 34.0, "about 30 s left"),
        (40.0, 89.0, "40 to 90 s left"),
        (40.0, 130.0, "40 s to 2 min left"),
        (100.0, 140.0, "about 2 min left"),
        (100.0, 300.0, "2 to 5 min left"),
        (10.0, 300.0, "up to 5 min left"),
        (4000.0, 9000.0, "67 min to 2.5 h left"),
        (36000.0, 60000.0, "10.0 to 16.7 h left"),
        (20.0, None, "at least 20 s left"),
        (0.0, None, ""),
    ],
)
def test_it_reads_as_people_say_it(low: float, high: float | None, text: str) -> None:
    assert str(TimeLeft(low, high, is_overrun=False)) == text
