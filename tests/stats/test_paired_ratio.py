from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from pytest_opml.stats.paired_ratio import _blocks, paired_ratio
from tests.support.programs import program


def test_a_paired_ratio_is_the_centre_of_its_samples() -> None:
    found = paired_ratio([[0.1] * 40 + [0.2] * 40, [0.3] * 40])
    assert found.value == pytest.approx(0.2, abs=0.02)
    assert found.low < 0.2 < found.high


def test_a_paired_ratio_bears_outliers() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.01, 300)
    samples[::10] += 2.0
    found = paired_ratio([list(samples)])
    assert abs(found.value) < 0.01
    assert found.high - found.low < 0.02


def test_the_interval_of_a_paired_ratio_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)

    def holds(correlation: float) -> bool:
        noise, samples = rng.normal(0, 0.1, 240), [0.0]
        for step in noise:
            samples.append(correlation * samples[-1] + step)
        found = paired_ratio([samples[1:121], samples[121:]])
        return found.low <= 0 <= found.high

    assert 0.93 <= np.mean([holds(0.0) for _ in range(1000)]) <= 0.97
    # neighbours that are alike, as on a disturbed machine
    assert np.mean([holds(0.4) for _ in range(1000)]) >= 0.94
    assert np.mean([holds(0.9) for _ in range(1000)]) >= 0.92


SERIES = st.lists(st.lists(st.floats(-5, 5), max_size=50), min_size=1, max_size=5).filter(
    lambda series: sum(map(len, series)) >= 2
)


@given(SERIES)
def test_every_sample_is_in_one_block(series: list[list[float]]) -> None:
    for samples in series:
        for size in (1, 3, 7):
            blocks = _blocks(np.asarray(samples), size)
            assert [x for block in blocks for x in block] == samples
            assert all(len(block) >= min(size, len(samples)) for block in blocks)


@given(SERIES)
def test_a_paired_ratio_turns_with_its_samples(series: list[list[float]]) -> None:
    found = paired_ratio(series)
    turned = paired_ratio([[-x for x in samples] for samples in series])
    assert turned.value == pytest.approx(-found.value, abs=1e-9)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low), abs=1e-9)


@pytest.mark.parametrize("count", [3, 10, 49, 50, 51, 400])
def test_the_centre_is_hubers_at_every_length(count: int) -> None:
    """Where the samples, none counted as further away than 1.5 deviations, cancel: found by another way of search."""
    samples = np.random.default_rng(count).standard_t(2, count)
    deviation = np.median(abs(samples - np.median(samples))) / 0.6745

    def pull(centre: float) -> float:
        return float(np.clip(samples - centre, -1.5 * deviation, 1.5 * deviation).sum())

    assert paired_ratio([samples.tolist()]).value == pytest.approx(brentq(pull, samples.min(), samples.max()), abs=1e-6)


def test_one_more_sample_does_not_turn_a_mean_into_a_median() -> None:
    samples = (np.random.default_rng(0).exponential(0.05, 60) - 0.05).tolist()
    values = [paired_ratio([samples[:count]]).value for count in (48, 49, 50, 51)]
    assert max(values) - min(values) < 0.005


def test_openings_that_differ_widen_the_interval() -> None:
    random = np.random.default_rng(0)
    alike = [random.normal(0, 0.01, 60).tolist() for _ in range(6)]
    apart = [[sample + shift for sample in part] for part, shift in zip(alike, (-2, 2, -1, 1, -2, 2), strict=True)]
    assert paired_ratio(apart).error > 100 * paired_ratio(alike).error
    assert paired_ratio(apart).degrees <= 5


def test_an_opening_is_off_by_more_than_its_own_samples_show() -> None:
    assert paired_ratio([[0.0] * 400]).error == pytest.approx(0.0015)
    assert paired_ratio([[0.0] * 100] * 4).error == pytest.approx(0.00075)


def test_a_slow_down_of_6_percent_is_caught_and_no_change_is_none() -> None:
    errors, random = program("time_errors"), np.random.default_rng(6)

    def verdicts(planted: float) -> list[str]:
        logarithms = [errors.usual(random) + math.log(planted) for _ in range(100)]
        return [errors.gate_of_ratio(drawn, errors.openings_apart(random), 1.03).verdict for drawn in logarithms]

    assert verdicts(1.06).count("fail") >= 95
    assert verdicts(1.0).count("fail") == 0


def test_neighbours_that_are_very_much_alike_do_not_mislead_the_gate() -> None:
    errors, random = program("time_errors"), np.random.default_rng(7)
    together = np.zeros(20)
    verdicts = [errors.gate_of_ratio(errors.very_alike(random), together, 1.0).verdict for _ in range(150)]
    assert verdicts.count("fail") <= 5
    assert verdicts.count("pass") <= 6
