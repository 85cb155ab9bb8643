from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.paper.quantities import (
    BUSY,
    NOT_IN_TURN,
    ONCE,
    Quantity,
    absolute,
    difference,
    exact,
    figure,
    inference_ratio,
    is_busy,
    negative,
    once_ratio,
    rank_correlation,
    share_difference,
    slope,
    sum_of,
)
from tests.support.paper_results import paper_result

seconds = st.floats(0.1, 1000)


def test_answers_to_the_same_examples_are_paired() -> None:
    result, reference = paper_result("float16", 0.88), paper_result(accuracy=0.9)
    paired = difference("accuracy", result, reference)
    elsewhere = difference("accuracy", result, reference.model_copy(update={"data_digest": "e" * 64}))
    assert paired is not None
    assert elsewhere is not None
    assert paired.value == pytest.approx(-0.02)
    assert paired.low < -0.02 < paired.high < 0
    assert elsewhere.high - elsewhere.low > 2 * (paired.high - paired.low)


def test_a_figure_that_was_not_measured_is_none() -> None:
    assert figure("energy_j", paper_result()) is None
    assert difference("energy_j", paper_result(), paper_result()) is None


def test_times_in_turn_need_no_second_interval() -> None:
    reference = paper_result()
    ratio = inference_ratio(paper_result("float16", ratio=1.3), reference)
    assert ratio.value == pytest.approx(1.3)
    assert ratio.note == ""
    assert ratio.high / ratio.low == pytest.approx(1.02, abs=0.005)
    apart = inference_ratio(paper_result("float16", seconds=13.0), reference)
    assert apart.value == pytest.approx(1.3)
    assert apart.note == NOT_IN_TURN
    both = inference_ratio(paper_result("float16", ratio=1.3), paper_result("cluster-64", ratio=1.0))
    assert both.value == pytest.approx(1.3)
    assert both.note == "each timed beside the reference"


def test_other_work_widens_a_ratio_of_times_that_were_not_taken_in_turn() -> None:
    result, reference = paper_result("float16", seconds=13.0), paper_result()
    conditions = result.conditions.model_copy(update={"disturbed": {"offline": "other work took 1 of 2 cores"}})
    busy = inference_ratio(result.model_copy(update={"conditions": conditions}), reference)
    assert busy.note.endswith(BUSY)
    assert busy.low < 1.3 / 1.9
    assert busy.high > 1.3 * 1.9


@given(seconds, seconds, st.integers(1, 6))
def test_a_ratio_of_single_times_is_the_surer_the_more_pairs_there_are(one: float, another: float, count: int) -> None:
    ratio = once_ratio([(one, another)] * count, is_busy=False)
    assert ratio.value == pytest.approx(one / another)
    assert math.log(ratio.high / ratio.value) == pytest.approx(math.sqrt(2 / count) * math.log(1.1))
    assert ratio.low * ratio.high == pytest.approx(ratio.value**2)
    assert ratio.note.startswith(ONCE)
    assert once_ratio([(one, another)] * count, is_busy=True).low < ratio.low


def test_pairs_that_differ_make_a_wide_interval() -> None:
    alike, apart = (
        once_ratio([(1.7 * f, 1.0) for f in factors], is_busy=False) for factors in ((1, 1, 1), (0.5, 1, 2))
    )
    assert apart.high / apart.low > 5 * alike.high / alike.low


def test_the_machine_was_busy_where_either_part_says_so() -> None:
    assert not is_busy([paper_result()], "training")
    assert is_busy([paper_result(), paper_result(disturbed="other work")], "training")
    assert not is_busy([paper_result(disturbed="other work")], "preparation")


@given(st.floats(-5, 5), st.floats(0, 2), st.floats(0, 2))
def test_the_negative_of_a_sum_is_the_sum_of_the_negatives(value: float, below: float, above: float) -> None:
    one, another = Quantity(value, value - below, value + above), exact(1.5)
    total = sum_of(one, another)
    assert total.low <= total.value <= total.high
    assert negative(total)[:3] == pytest.approx(sum_of(negative(one), negative(another))[:3])


@pytest.mark.parametrize(
    ("quantity", "distance"),
    [((-2, -3, -1), (2, 1, 3)), ((2, 1, 3), (2, 1, 3)), ((-1, -3, 2), (1, 0, 3)), ((0, 0, 0), (0, 0, 0))],
)
def test_a_distance_from_0_has_no_sign(
    quantity: tuple[float, float, float], distance: tuple[float, float, float]
) -> None:
    assert absolute(Quantity(*quantity))[:3] == distance


def test_a_difference_of_shares_is_the_surer_the_more_examples_there_are() -> None:
    few, many = (share_difference((0.9, samples), (0.8, samples)) for samples in (50, 5000))
    assert few.value == many.value == pytest.approx(0.1)
    assert few.low < 0 < many.low


def test_a_slope_needs_three_points() -> None:
    assert slope([(0, 0), (1, 1)]) is None
    line = slope([(0, 0.0), (1, 2.0), (2, 4.0), (3, 6.1)])
    assert line is not None
    assert line.low < line.value < line.high
    assert line.value == pytest.approx(2.03)


def test_a_rank_correlation_needs_five_pairs_that_differ() -> None:
    assert rank_correlation([1, 2, 3, 4], [1, 2, 3, 4]) is None
    assert rank_correlation([1] * 5, [1, 2, 3, 4, 5]) is None
    same, other = rank_correlation(range(8), range(8)), rank_correlation(range(8), range(8, 0, -1))
    assert same is not None
    assert other is not None
    assert same.value == pytest.approx(1)
    assert 0.99 < same.low <= same.value <= same.high + 1e-9
    assert other.value == pytest.approx(-1)


def test_notes_stand_one_after_the_other() -> None:
    assert exact(1.0).with_note("a").with_note("b").note == "a; b"
