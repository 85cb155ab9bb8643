from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom, binomtest

from pytest_opml.records.result import Estimate
from pytest_opml.stats.evidence import (
    Evidence,
    Exact,
    Interval,
    LogTime,
    Negative,
    Normal,
    PairedProportion,
    PairedTime,
    Proportion,
    ScaledInterval,
    SumOf,
    _tango,
)
from pytest_opml.stats.predictions import Discordant
from tests.support.builders import make_ratio

KINDS: list[Evidence] = [
    Exact(3.0),
    Proportion(90, 100),
    Normal(1.0, 0.1),
    ScaledInterval(Estimate(value=2.0, low=1.5, high=3.0)),
    PairedTime(make_ratio(1.05)),
    PairedProportion(Discordant(30, 20, 1_000)),
    SumOf(Normal(1.0, 0.1), Proportion(90, 100), constant=2.0),
    Negative(Proportion(90, 100)),
    LogTime(PairedTime(make_ratio(1.05))),
]


@pytest.mark.parametrize("known", KINDS, ids=lambda known: type(known).__name__)
def test_less_error_makes_wider_intervals_which_hold_the_value(known: Evidence) -> None:
    found = [known.interval(error) for error in (0.5, 0.1, 0.05, 1e-3, 1e-6, 1e-9)]
    for narrow, wide in itertools.pairwise(found):
        assert wide.low <= narrow.low <= known.value <= narrow.high <= wide.high


@pytest.mark.parametrize("known", KINDS[1:], ids=lambda known: type(known).__name__)
def test_the_error_at_a_limit_is_that_whose_interval_ends_there(known: Evidence) -> None:
    for error in (0.3, 0.05, 1e-4):
        low, high = known.interval(error)
        assert known.error_at(low, below=False) == pytest.approx(error, rel=1e-3)
        assert known.error_at(high, below=True) == pytest.approx(error, rel=1e-3)


@given(st.sampled_from(KINDS[1:]), st.floats(1e-8, 0.9), st.booleans())
def test_the_error_at_a_limit_is_found_in_few_intervals(evidence: Evidence, error: float, below: bool) -> None:
    class Counted(Evidence):
        asked = 0

        def interval(self, error: float) -> Interval:
            self.asked += 1
            return evidence.interval(error)

    counted = Counted()
    limit = evidence.interval(error)[below]
    assert counted.error_at(limit, below=below) == pytest.approx(error, rel=1e-6)
    assert counted.asked <= 30  # halving alone takes 40


def test_the_error_at_a_limit_is_found_beside_intervals_without_bounds() -> None:
    few = ScaledInterval(Estimate(value=1.0, low=1e-300, high=1e300))
    for error in (0.99, 0.95, 0.9):
        low, high = few.interval(error)
        assert few.error_at(high, below=True) == pytest.approx(error, rel=1e-3)
        assert few.error_at(low, below=False) == pytest.approx(error, rel=1e-3)


def test_an_exact_figure_leaves_out_everything_else() -> None:
    assert Exact(1.0).error_at(1.1, below=True) < 1e-8
    assert Exact(1.0).error_at(1.1, below=False) == 1.0


def test_a_paired_time_has_students_interval_of_its_logarithm() -> None:
    ratio = make_ratio(1.5).model_copy(update={"error": 0.01, "degrees": 19})
    low, high = PairedTime(ratio).interval(0.05)
    assert (low, high) == pytest.approx((1.5 * math.exp(-0.02093), 1.5 * math.exp(0.02093)), rel=1e-6)


def test_three_samples_allow_any_ratio_but_no_infinite_one() -> None:
    ratio = make_ratio(1.5).model_copy(update={"error": 2.0, "degrees": 1, "alpha_share": 1e-9})
    low, high = PairedTime(ratio).interval(1e-9)
    assert 0 < low < 1e-10
    assert 1e10 < high < math.inf
    assert PairedTime(ratio).error_at(1.0, below=False) == 1.0


def test_a_positive_figure_has_positive_intervals() -> None:
    known = ScaledInterval(Estimate(value=2.0, low=1.0, high=3.0))
    assert known.interval(0.05) == pytest.approx((1.0, 3.0))
    assert known.interval(1e-9).low > 0


def test_its_interval_is_in_the_unit_of_the_reference() -> None:
    known = PairedTime(make_ratio(0.5).model_copy(update={"repeat": 0.6}), 10.0)
    assert (known.value, known.repeat) == (5.0, 6.0)
    assert known.interval(0.05).low == pytest.approx(10 * PairedTime(make_ratio(0.5)).interval(0.05).low)


def test_a_difference_of_shares_excludes_zero_as_the_exact_mcnemar_test_does() -> None:
    for worse, better in itertools.product(range(0, 40, 3), repeat=2):
        if worse + better == 0:
            continue
        known = PairedProportion(Discordant(worse, better, 1_000))
        p = binomtest(better, worse + better).pvalue
        low, high = known.interval(0.05)
        if p > 0.05:
            assert low <= 0 <= high


@pytest.mark.parametrize("counts", [(1, 12, 44), (3, 9, 200), (40, 25, 2_000), (0, 5, 60)])
def test_the_score_interval_ends_where_the_score_test_rejects(counts: tuple[int, int, int]) -> None:
    """The test's own statistic, with the likelihood maximised by search instead of by the published formula."""
    better, worse, images = counts

    def statistic(delta: float) -> float:
        def unlikely(share: float) -> float:
            gains, losses = share + delta, share
            same = 1 - gains - losses
            return -(better * math.log(gains) + worse * math.log(losses) + (images - better - worse) * math.log(same))

        low, high = max(0.0, -delta), (1 - delta) / 2
        found = minimize_scalar(unlikely, (low, high), bounds=(low + 1e-12, high - 1e-12), method="bounded")
        variance = images * (2 * float(found.x) + delta * (1 - delta))
        return (better - worse - images * delta) / math.sqrt(variance)

    low, high = _tango(better, worse, images, 0.05)
    assert (statistic(low), statistic(high)) == pytest.approx((1.95996, -1.95996), abs=0.01)


def test_answers_that_never_differ_leave_little_room() -> None:
    low, high = PairedProportion(Discordant(0, 0, 1_000)).interval(0.05)
    assert -0.005 < low < 0 < high < 0.005


@pytest.mark.parametrize("drop", [0.0, 0.01, 0.02])
def test_the_interval_of_a_paired_difference_holds_the_truth_as_often_as_it_says(drop: float) -> None:
    random = np.random.default_rng(0)
    draws = random.multinomial(2_000, [0.02 + drop, 0.02, 0.96 - drop], size=2_000)
    held = 0
    for worse, better, _ in draws.tolist():
        low, high = PairedProportion(Discordant(worse, better, 2_000)).interval(0.05)
        held += low <= -drop <= high
    assert held >= 0.94 * 2_000


def test_independent_figures_add_their_distances_as_squares() -> None:
    low, high = SumOf(Normal(1.0, 3.0), Normal(2.0, 4.0), constant=10.0).interval(0.05)
    assert ((high - low) / 2, (high + low) / 2) == pytest.approx((5 * 1.95996, 13.0), rel=1e-4)


def test_a_sum_has_a_second_look_where_a_part_has_one() -> None:
    time = LogTime(PairedTime(make_ratio(1.0).model_copy(update={"repeat": 10.0})))
    assert SumOf(Normal(1.0, 0.1), time).repeat == pytest.approx(2.0)
    assert SumOf(Normal(1.0, 0.1)).repeat is None


@given(st.integers(0, 300), st.integers(0, 300), st.integers(600, 5_000))
def test_a_difference_of_shares_turns_with_its_sign(worse: int, better: int, images: int) -> None:
    one = PairedProportion(Discordant(worse, better, images)).interval(0.05)
    other = PairedProportion(Discordant(better, worse, images)).interval(0.05)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)


@pytest.mark.parametrize("error", [0.05, 0.05 / 20, 0.05 / 100])
@pytest.mark.parametrize(("images", "accuracy"), [(50, 0.9), (599, 0.995), (599, 0.999), (2_000, 0.99), (2_000, 0.999)])
def test_an_accuracy_is_wrongly_judged_at_most_as_often_as_is_promised(
    images: int, accuracy: float, error: float
) -> None:
    """Exact sums over all numbers of right answers."""
    above = below = 0.0
    for right in range(images + 1):
        chance = float(binom.pmf(right, images, accuracy))
        if chance > 1e-12:
            low, high = Proportion(right, images).interval(error)
            above += chance * (low > accuracy)
            below += chance * (high < accuracy)
    assert max(above, below) <= error / 2


@pytest.mark.parametrize(
    ("images", "worse", "better"), [(599, 0.02, 0.0), (2_000, 0.002, 0.0), (2_000, 0.02, 0.0), (599, 0.05, 0.001)]
)
def test_a_drop_is_wrongly_judged_at_most_as_often_as_is_promised(images: int, worse: float, better: float) -> None:
    """Exact sums, where few images tell the two apart and the drop is all there is."""
    above = below = 0.0
    for losses in range(images + 1):
        chance = float(binom.pmf(losses, images, worse))
        for gains in range(12) if chance > 1e-7 else ():
            both = chance * float(binom.pmf(gains, images - losses, better / (1 - worse)))
            if both > 1e-9:
                low, high = PairedProportion(Discordant(losses, gains, images)).interval(0.05)
                above += both * (low > better - worse + 1e-12)
                below += both * (high < better - worse - 1e-12)
    assert max(above, below) <= 0.025
