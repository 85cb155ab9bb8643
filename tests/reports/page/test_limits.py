"""How much of a page is written where there is no room for all of it."""

from __future__ import annotations

from itertools import pairwise

from pytest_opml.reports.page.limits import _LEVELS, EVERYTHING, widest


def test_the_widest_limits_that_fit_are_taken() -> None:
    assert widest(lambda _: True) == EVERYTHING
    assert widest(lambda _: False) == _LEVELS[-1]
    for level in _LEVELS:
        assert widest(lambda limits, level=level: _LEVELS.index(limits) >= _LEVELS.index(level)) == level


def test_none_is_more_than_that_of_the_level_before() -> None:
    for wide, narrow in pairwise(_LEVELS):
        for more, less in zip(wide, narrow, strict=True):
            assert less == more or more is None or (less is not None and less < more)
