from __future__ import annotations

import gc
import time

import pytest

from pytest_opml.measure import clock


def calls_of(*seconds: float, then: float) -> object:
    """A function whose calls take these seconds, and then always the same."""
    taken = iter(seconds)

    def call() -> None:
        time.sleep(next(taken, then))

    return call


def test_a_steady_thing_is_warm_after_three_rounds() -> None:
    warmed = clock.settle(calls_of(then=0.02))
    assert warmed.settled
    assert 3 <= warmed.rounds <= 6


def test_two_alike_rounds_do_not_make_it_warm() -> None:
    assert clock.settle(calls_of(0.1, 0.1, 0.05, then=0.02)).rounds >= 6


def test_what_never_settles_is_given_up_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_MOST_ROUNDS", 12)
    warmed = clock.settle(calls_of(*[0.001, 0.01] * 10, then=0.0))
    assert (warmed.rounds, warmed.settled) == (12, False)


def test_what_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_MOST_SECONDS", 0.0)
    assert clock.settle(calls_of(0.03, 0.01, 0.02, then=0.0)).rounds == 3


@pytest.mark.parametrize("enabled", [True, False])
def test_collection_is_off_inside_and_as_before_after(enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        seen = []
        with pytest.raises(ZeroDivisionError), clock.no_collection():
            seen.append(gc.isenabled() or 1 / 0)
        assert seen == []
        with clock.no_collection():
            seen.append(gc.isenabled())
        assert seen == [False]
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()
