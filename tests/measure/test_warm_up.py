from __future__ import annotations

import gc

import pytest

from pytest_opml.measure import warm_up


class Calls:
    """A function whose calls take these seconds of a clock that goes on by nothing else, and then always the same."""

    def __init__(self, patch: pytest.MonkeyPatch, *seconds: float, then: float) -> None:
        self.now, self._seconds, self._then = 0.0, iter(seconds), then
        patch.setattr("time.perf_counter", lambda: self.now)

    def __call__(self) -> None:
        self.now += next(self._seconds, self._then)


@pytest.mark.parametrize(
    ("seconds", "rounds"),
    [
        ([], 3),
        ([5.0, 0.5], 5),
        ([0.1, 0.1], 5),  # two alike rounds are not enough
        ([0.0219, 0.0201], 3),  # within 10 %
        ([0.0221, 0.0201], 4),
    ],
)
def test_it_is_warm_when_the_last_three_rounds_agree(
    monkeypatch: pytest.MonkeyPatch, seconds: list[float], rounds: int
) -> None:
    warmed = warm_up.repeat_until_steady(Calls(monkeypatch, *seconds, then=0.02))
    assert (warmed.rounds, warmed.settled) == (rounds, True)


def test_what_never_settles_is_given_up_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    warmed = warm_up.repeat_until_steady(Calls(monkeypatch, *[0.1, 0.2] * 50, then=0.0))
    assert (warmed.rounds, warmed.settled) == (50, False)


def test_what_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    warmed = warm_up.repeat_until_steady(Calls(monkeypatch, 40.0, 20.0, 10.0, then=5.0))
    assert (warmed.rounds, warmed.settled) == (3, False)


@pytest.mark.parametrize("enabled", [True, False])
def test_collection_is_off_inside_and_as_before_after(enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        seen = []
        with pytest.raises(ZeroDivisionError), warm_up.no_collection():
            seen.append(gc.isenabled() or 1 / 0)
        assert seen == []
        with warm_up.no_collection():
            seen.append(gc.isenabled())
        assert seen == [False]
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()
