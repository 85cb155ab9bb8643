"""Waivers: what they are refused for, and which failures they let pass."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from pytest_opml.errors import SettingsError
from pytest_opml.gate.budgets import parse_gate
from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.gate.waivers import idle_waivers, waive
from tests.support.builders import make_result, make_run

WAIVER: dict[str, Any] = {"match": "*/int8", "metric": "size_mb", "until": date(2026, 5, 1), "reason": "known"}
RECORD = make_run([make_result(size_mb=14.0), make_result("int8", size_mb=14.0)])


def gate_with(**changes: Any) -> Any:
    return parse_gate({"size_mb": {"max": 10}, "waiver": [WAIVER | changes]}, "gate", ("cpu",))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"until": "2026-05-01"}, "gate.waiver[1].until: must be a day such as 2026-12-31, without quotes"),
        ({"until": None}, "gate.waiver[1].until: "),
        ({"reason": " "}, "gate.waiver[1].reason: must be a text"),
        ({"match": 3}, "gate.waiver[1].match: must be a text"),
        ({"metric": "speed"}, "gate.waiver[1].metric: unknown metric 'speed'"),
        ({"when": 1}, "gate.waiver[1]: unknown key 'when'; known: match, metric, until, reason"),
    ],
)
def test_a_waiver_that_is_not_whole_is_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        gate_with(**changes)
    assert str(caught.value).startswith(text)


def test_a_waiver_is_one_of_an_array() -> None:
    with pytest.raises(SettingsError, match=r"gate.waiver: must be an array of tables"):
        parse_gate({"waiver": WAIVER}, "gate", ("cpu",))


@pytest.mark.parametrize(("today", "blocking"), [(date(2026, 5, 1), [True, False]), (date(2026, 5, 2), [True, True])])
def test_it_holds_up_to_its_day_for_the_cases_that_it_names(today: date, blocking: list[bool]) -> None:
    checks = judge_run(RECORD, gate_with(), today)
    assert [check.verdict for check in checks] == ["fail", "fail"]
    assert [check.blocking for check in checks] == blocking
    assert [bool(check.waived) for check in checks] == [not each for each in blocking]


def test_a_stored_failure_counts_again_once_its_waiver_is_gone() -> None:
    gate, day = gate_with(), date(2026, 5, 1)
    stored = judge_run(RECORD, gate, day)
    assert [check.blocking for check in waive(stored, (), day)] == [True, True]
    assert [check.waived for check in waive(stored, (), day)] == ["", ""]
    assert waive(stored, gate.waivers, day) == stored


def test_one_that_does_nothing_is_told() -> None:
    def told(today: date = date(2026, 1, 1), **changes: Any) -> list[str]:
        gate = gate_with(**changes)
        return list(idle_waivers(judge_run(RECORD, gate, today), gate.waivers, today))

    about = "the waiver gate.waiver[1] (size_mb of */int8)"
    assert told() == []
    assert told(date(2026, 6, 1)) == [f"{about} ended on 2026-05-01: known"]
    assert told(match="*/nothing") == [
        "the waiver gate.waiver[1] (size_mb of */nothing) does nothing: this run has no such check"
    ]
