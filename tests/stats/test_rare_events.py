from __future__ import annotations

import numpy as np
import pytest

from pytest_opml.stats.rare_events import RareEvents, rare_events


def test_a_rare_event_is_counted() -> None:
    amounts = np.zeros(1_000)
    amounts[:9] = -0.5
    size, events = rare_events(amounts)
    assert size == pytest.approx(-0.5, rel=0.03)
    assert events == pytest.approx(9, rel=0.05)


def test_its_ends_are_those_of_garwood() -> None:
    assert RareEvents(0.5, 9.0).ends(0.05) == pytest.approx((0.5 * (4.115 - 9), 0.5 * (17.085 - 9)), abs=0.001)
    assert RareEvents(-0.5, 9.0).ends(0.05) == pytest.approx((-0.5 * (17.085 - 9), 0.5 * (9 - 4.115)), abs=0.001)


@pytest.mark.parametrize("amounts", [[0.0], [0.5, 0.5, 0.5], [-1.0, 0.0, 1.0]])
def test_without_skew_there_are_none(amounts: list[float]) -> None:
    assert rare_events(np.array(amounts)).ends(0.05) == (0, 0)
