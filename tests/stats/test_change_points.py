from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pytest_opml.stats.change_points import Step, find_steps

SEEDS = st.integers(0, 10_000)


def noisy(*levels: tuple[int, float], seed: int = 0, deviation: float = 0.02) -> list[float]:
    """So many values around each level, with the standard deviation as a share of it; heavy tails."""
    random = np.random.default_rng(seed)
    noise = [random.standard_t(4, count) / math.sqrt(2) for count, _ in levels]
    parts = [level * (1 + deviation * part) for (_, level), part in zip(levels, noise, strict=True)]
    return [float(value) for part in parts for value in part]


def places(values: list[float], *, exact: bool = False) -> list[int]:
    return [step.at for step in find_steps(values, exact=exact)]


def test_a_step_has_its_place_its_levels_and_its_interval() -> None:
    (step,) = find_steps(noisy((40, 10.0), (30, 10.5), deviation=0.01))
    assert abs(step.at - 40) <= 1
    assert step.low <= 40 <= step.high
    assert step.high - step.low <= 4
    assert step.before == pytest.approx(10.0, rel=0.01)
    assert step.after == pytest.approx(10.5, rel=0.01)
    assert step.change == pytest.approx(0.05, abs=0.01)
    assert step.difference == pytest.approx(0.5, abs=0.1)
    assert 0 < step.error <= 0.01


@pytest.mark.parametrize("factor", [1.05, 1 / 1.05], ids=["slower", "faster"])
@pytest.mark.parametrize("at", [8, 50, 92])
def test_a_step_of_5_percent_is_found_near_the_ends_too(factor: float, at: int) -> None:
    values = noisy((at, 10.0), (100 - at, 10.0 * factor), deviation=0.01)
    (found,) = places(values)
    assert abs(found - at) <= 1


def test_a_step_just_made_is_found_once_three_to_five_values_show_it() -> None:
    values = noisy((60, 10.0), (5, 11.0), deviation=0.01)
    assert places(values[:62]) == []
    assert places(values) == [60]


def test_two_steps_in_one_direction() -> None:
    assert places(noisy((40, 10.0), (40, 11.0), (40, 12.5), deviation=0.01)) == [40, 80]


def test_a_step_up_and_one_back_down_do_not_hide_each_other() -> None:
    assert places(noisy((60, 10.0), (8, 11.0), (60, 10.0), deviation=0.01)) == [60, 68]


def test_levels_that_alternate_are_all_found() -> None:
    values = noisy(*((25, level) for level in (10.0, 11.0) * 3), deviation=0.01)
    assert places(values) == [25, 50, 75, 100, 125]


@pytest.mark.parametrize("seed", range(5))
def test_outliers_are_no_steps_and_hide_none(seed: int) -> None:
    plain, stepped = noisy((100, 10.0), seed=seed), noisy((50, 10.0), (50, 11.0), seed=seed)
    for place in (10, 11, 40, 70, 71, 95):
        plain[place] *= 1.5
        stepped[place] *= 1.5
    assert places(plain) == []
    (found,) = places(stepped)
    assert abs(found - 50) <= 2


def test_values_that_are_mostly_equal_step_where_another_becomes_usual() -> None:
    before, after = [0.91, 0.91, 0.92, 0.91, 0.91] * 4, [0.92, 0.93, 0.93, 0.93, 0.93] * 4
    (step,) = find_steps(before + after)
    assert (step.before, step.after) == (0.91, 0.93)
    assert step.low <= 20 <= step.high


def test_a_value_that_only_becomes_more_frequent_is_no_change_of_level() -> None:
    assert places([1.0] * 40 + [1.0, 2.0, 1.0, 2.0, 1.0] * 8) == []


@pytest.mark.parametrize("count", [0, 1, 2, 5, 100])
@pytest.mark.parametrize("exact", [True, False])
def test_a_history_that_never_changes_has_no_steps(count: int, exact: bool) -> None:
    assert find_steps([0.1 + 0.2] * count, exact=exact) == ()


@pytest.mark.parametrize("values", [[1.0, 2.0], [1.0, 1.0, 9.0], [1.0, 1.0, 2.0, 2.0], [1.0] * 3 + [2.0] * 3])
def test_a_noisy_metric_needs_more_than_a_few_values(values: list[float]) -> None:
    assert places(values) == []


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        find_steps([1.0] * 10 + [bad])


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, math.nan])
def test_an_impossible_share_of_false_alarms_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="false_alarms must lie between 0 and 1"):
        find_steps([1.0] * 10, false_alarms=share)


def test_fewer_false_alarms_ask_for_clearer_steps() -> None:
    values = noisy((30, 10.0), (30, 10.25), deviation=0.02, seed=3)
    found = [len(find_steps(values, false_alarms=share)) for share in (0.1, 0.01, 0.0001)]
    assert found == sorted(found, reverse=True)
    assert (found[0], found[-1]) == (1, 0)


def test_without_steps_few_histories_show_any() -> None:
    alarms = sum(bool(find_steps(noisy((80, 10.0), seed=seed), false_alarms=0.05)) for seed in range(400))
    assert alarms <= 34  # 20 expected at most; more than 34 come in one of 1,000 such tests


def test_a_score_below_zero_steps_by_a_difference_and_has_no_percentage() -> None:
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(-0.2, 0.02, 30), random.normal(0.1, 0.02, 30)]).tolist()
    (step,) = find_steps(values)
    assert (step.at, step.change) == (30, None)
    assert step.difference == pytest.approx(0.3, abs=0.02)


def test_the_same_history_gives_the_same_answer() -> None:
    values = noisy((50, 10.0), (50, 10.3))
    assert find_steps(values) == find_steps(values)


# --- a metric without noise


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([4.0] * 4 + [5.0] * 2, [Step(4, 4.0, 5.0, 4, 4, 0.0)]),
        ([4.0] * 2 + [3.9] * 2, [Step(2, 4.0, 3.9, 2, 2, 0.0)]),
        ([4.0] * 6 + [5.0], []),
        ([4.0] * 3 + [5.0] + [4.0] * 3, []),
        ([5.0] + [4.0] * 5, []),
        ([4.0] * 3 + [5.0] * 2 + [4.0] * 3, [Step(3, 4.0, 5.0, 3, 3, 0.0), Step(5, 5.0, 4.0, 5, 5, 0.0)]),
        ([4.0] * 3 + [4.5] + [5.0] * 3, [Step(4, 4.0, 5.0, 3, 4, 0.0)]),
        ([4.0] * 3 + [9.0] + [4.0] * 2 + [5.0] * 3, [Step(6, 4.0, 5.0, 6, 6, 0.0)]),
    ],
    ids=["at-the-end", "shortest", "last-odd", "odd", "first-odd", "back", "in-two-goes", "odd-then-step"],
)
def test_an_exact_metric_steps_where_a_new_value_stays(values: list[float], expected: list[Step]) -> None:
    assert list(find_steps(values, exact=True)) == expected


def test_a_metric_that_is_not_as_exact_as_it_was_said_to_be_is_tested() -> None:
    values = noisy((40, 10.0), (40, 11.0), deviation=0.01)
    assert places(values, exact=True) == places(values) == [40]


def test_a_long_history_without_noise_steps_at_the_exact_place_without_being_told() -> None:
    assert places([14.2] * 30 + [14.3] * 4) == [30]


# --- what holds for any history


@given(SEEDS, st.integers(8, 52), st.floats(1e-6, 1e6))
@settings(max_examples=40, deadline=None)
def test_another_unit_changes_no_place(seed: int, at: int, factor: float) -> None:
    values = noisy((at, 10.0), (60 - at, 11.0), seed=seed)
    steps, scaled = find_steps(values), find_steps([factor * value for value in values])
    assert [step[0] for step in scaled] == [step.at for step in steps]
    assert [step.after for step in scaled] == pytest.approx([factor * step.after for step in steps])


@given(SEEDS, st.integers(8, 52), st.floats(-1e3, 1e3))
@settings(max_examples=40, deadline=None)
def test_a_shift_changes_no_place(seed: int, at: int, shift: float) -> None:
    values = noisy((at, 10.0), (60 - at, 11.0), seed=seed)
    assert places([value + shift for value in values]) == places(values)


@given(SEEDS, st.integers(8, 52))
@settings(max_examples=40, deadline=None)
def test_a_history_read_backwards_has_the_same_steps(seed: int, at: int) -> None:
    values = noisy((at, 10.0), (60 - at, 11.0), seed=seed)
    steps, mirrored = find_steps(values), find_steps(values[::-1])
    assert [60 - step.at for step in reversed(mirrored)] == [step.at for step in steps]
    assert [(step.before, step.after) for step in reversed(mirrored)] == [(s.after, s.before) for s in steps]


@given(st.integers(0, 200), st.data(), st.floats(-1e9, 1e9), st.booleans())
@settings(max_examples=60, deadline=None)
def test_one_odd_value_is_never_a_step(count: int, data: st.DataObject, odd: float, exact: bool) -> None:
    values = [1.0] * count
    values.insert(data.draw(st.integers(0, count)), odd)
    assert places(values, exact=exact) == []


@given(st.lists(st.one_of(st.integers(0, 3).map(float), st.floats(-1e12, 1e12)), max_size=60), st.booleans())
# before and after index 3 the spread differs, and the level does not
@example([0.0, 0.0, -1.0, -25001.0, 0.0, -2.0, *[0.0] * 7], False)
@settings(max_examples=100, deadline=None)
def test_what_is_found_is_in_order_and_well_formed(values: list[float], exact: bool) -> None:
    steps = find_steps(values, false_alarms=0.2, exact=exact)
    assert [step.at for step in steps] == sorted({step.at for step in steps})
    for step in steps:
        assert 0 < step.low <= step.at <= step.high < len(values)
        assert step.before != step.after
        assert 0 <= step.error <= 0.2
        assert math.isfinite(step.difference)


@given(st.lists(st.integers(0, 2).map(float), min_size=1, max_size=40))
def test_an_exact_step_stays_at_least_twice(values: list[float]) -> None:
    assume(2 * sum(one != other for one, other in pairwise(values)) <= len(values) - 1)
    for step in find_steps(values, exact=True):
        assert values[step.at] == values[step.at + 1] == step.after
        assert values[step.low - 1] == values[step.low - 2] == step.before
