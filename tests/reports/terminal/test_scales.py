from __future__ import annotations

import random

import pytest

from pytest_opml.reports.terminal.scales import log_ticks, scale, ticks, widened


@pytest.mark.parametrize("seed", range(20))
def test_round_values_lie_within_and_are_no_more_than_wanted(seed: int) -> None:
    draw = random.Random(seed)
    low = draw.uniform(-5, 5) * 10 ** draw.randint(-4, 4)
    high = low + draw.uniform(0.01, 5) * 10 ** draw.randint(-4, 4)
    found = ticks(low, high, 6)
    assert 1 <= len(found) <= 6
    assert all(low - 1e-9 * abs(low) <= value <= high + 1e-9 * abs(high) for value in found)
    assert ticks(low, low, 6) == []


def test_a_scale_has_room_beside_its_values() -> None:
    assert widened([1.0, 2.0], 0.1, 0.1) == pytest.approx((0.875, 2.125))
    assert widened([1.0], 0.2, 0.0) == pytest.approx((0.9, 1.1))
    assert scale((0.0, 2.0), 10.0, 20.0)(1.0) == pytest.approx(15.0)


@pytest.mark.parametrize(
    ("low", "high", "values"),
    [
        (0.9, 11.0, [1.0, 2.0, 5.0, 10.0]),
        (0.8, 250.0, [1.0, 3.0, 10.0, 30.0, 100.0]),
        (1e-4, 1e4, [1e-4, 1e-2, 1.0, 1e2, 1e4]),
    ],
)
def test_a_logarithmic_scale_has_powers_of_ten_and_what_fits_between(
    low: float, high: float, values: list[float]
) -> None:
    assert log_ticks(low, high, 5) == values
