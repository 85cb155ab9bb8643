from __future__ import annotations

from datetime import datetime, timezone

import pytest

from pytest_opml.history.base import Summary
from pytest_opml.reports.terminal.history import run_lines
from pytest_opml.reports.terminal.styles import Style, parts


def summary_of(passed: int, failed: int, inconclusive: int, not_judged: int, *, interrupted: bool = False) -> Summary:
    return Summary(
        run_id="0123456789abcdef",
        started=datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc),
        profile="cpu",
        machine="Example CPU",
        commit="5" * 40,
        branch="main",
        dirty=False,
        results=3,
        failures=0,
        timings=0,
        passed=passed,
        failed=failed,
        inconclusive=inconclusive,
        not_judged=not_judged,
        rejected_for="",
        interrupted=interrupted,
    )


@pytest.mark.parametrize(
    ("counts", "interrupted", "text", "style"),
    [
        ((3, 0, 0, 0), False, "3 passed", Style.GOOD),
        ((3, 1, 0, 2), False, "1 failed, 2 not judged, 3 passed", Style.BAD),
        ((3, 0, 1, 0), False, "1 inconclusive, 3 passed", Style.DOUBT),
        ((3, 0, 0, 0), True, "interrupted, 3 passed", Style.DOUBT),
    ],
)
def test_budgets_of_a_run_have_the_colour_of_the_worst(
    counts: tuple[int, int, int, int], interrupted: bool, text: str, style: Style
) -> None:
    lines = run_lines([summary_of(*counts, interrupted=interrupted)], {}, 120)
    assert [(part, found) for part, found in parts(lines[-1]) if found] == [(text, style)]


def test_a_run_without_budgets_has_no_colour() -> None:
    lines = run_lines([summary_of(0, 0, 0, 0)], {}, 120)
    assert not [part for line in lines for part, style in parts(line) if style]
