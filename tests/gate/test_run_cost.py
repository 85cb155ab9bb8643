"""The budget on what a run cost."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.errors import SettingsError
from pytest_opml.gate.budgets import Gate, parse_gate, with_options
from pytest_opml.gate.run_cost import MaxCost, check_prices, judge_cost, money, money_apart
from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.records.node_use import NodeUse
from pytest_opml.records.run import RunRecord
from pytest_opml.runner.outcome import conclude
from tests.support.builders import make_result, make_run

BUDGET = MaxCost(20.0, "tool.opml.gate.max_cost")


def gate_of(**table: Any) -> Gate:
    return parse_gate(table, "tool.opml.gate", ("cpu", "v100"))


def run_of(hours: float, price: float | None = 1.0) -> RunRecord:
    use = NodeUse(profile="v100", nodes=1, seconds=3600 * hours, price_per_hour=price)
    return make_run([make_result()], node_use=(use,))


def judged(record: RunRecord, gate: Gate) -> RunRecord:
    return record.model_copy(update={"checks": judge_run(record, gate)})


def test_it_is_read_with_its_place() -> None:
    assert gate_of(max_cost=20).max_cost == BUDGET
    assert gate_of().max_cost is None
    option = with_options(gate_of(max_cost=20), ["max_cost=1.5", "confidence=0.9"])
    assert option.max_cost == MaxCost(1.5, "--opml-gate max_cost=1.5")
    assert option.terms.confidence == 0.9


@pytest.mark.parametrize("value", [0, -1, "20", True, None, float("nan"), float("inf"), 10**400, {"max": 20}])
def test_what_is_no_amount_is_refused(value: Any) -> None:
    with pytest.raises(SettingsError, match=r"^tool\.opml\.gate\.max_cost: must be a number above 0 and up to 1,000,"):
        gate_of(max_cost=value)


@pytest.mark.parametrize("text", ["0", "-1", "much", "nan", "inf", ""])
def test_an_option_that_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^--opml-gate max_cost=.*: must be a number above 0 and up to 1,000,"):
        with_options(Gate(), [f"max_cost={text}"])


def test_a_run_that_costs_more_fails_and_says_so_in_its_last_line() -> None:
    record = judged(run_of(23.1), gate_of(max_cost=20))
    (check,) = record.checks
    assert check.is_of_run
    assert (check.verdict, check.value, check.limit, check.blocking) == ("fail", pytest.approx(23.1), 20.0, True)
    assert conclude(record) == (1, "the run cost 23.10, at most 20.00 is allowed (max_cost)")
    assert record.rejected_for == "failed"


def test_it_stands_beside_what_else_failed() -> None:
    record = judged(run_of(23.1), gate_of(max_cost=20, size_mb={"max": 1e-9}))
    assert conclude(record, failed_tests=2) == (
        1,
        "1 budget failed and 2 tests failed for another reason; "
        "the run cost 23.10, at most 20.00 is allowed (max_cost)",
    )
    assert conclude(judged(run_of(23.1), gate_of(max_cost=20)), failed_tests=1).reason == (
        "1 test failed for another reason; the run cost 23.10, at most 20.00 is allowed (max_cost)"
    )


def test_a_run_that_costs_as_much_as_it_may_passes() -> None:
    record = judged(run_of(20.0), gate_of(max_cost=20))
    assert conclude(record) == (0, "1 budget passed")
    assert not record.rejected_for


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (make_run([make_result()]), "the record does not say what the run used of its machines"),
        (run_of(1.0, price=None), "the run was made without a price of v100"),
    ],
)
def test_a_run_whose_cost_is_not_known_is_not_judged(record: RunRecord, why: str) -> None:
    record = judged(record, gate_of(max_cost=20))
    assert conclude(record) == (11, f"1 budget could not be judged ({why})")


def test_no_waiver_for_cases_lets_it_pass() -> None:
    waiver = {"match": "*", "metric": "size_mb", "until": date(9999, 1, 1), "reason": "x"}
    record = judged(run_of(23.1), gate_of(max_cost=20, waiver=[waiver]))
    assert record.failed == 1


def test_a_kind_without_a_price_is_refused_only_where_the_cost_is_limited() -> None:
    check_prices({}, None, ["v100"])
    check_prices({"v100": 2.48}, BUDGET, ["v100"])
    with pytest.raises(SettingsError) as raised:
        check_prices({"v100": 2.48}, BUDGET, ["v100", "cpu", "t4"])
    assert str(raised.value) == (
        "tool.opml.gate.max_cost: the run is on cpu, t4, without a price, so its cost would not be known; write what "
        "an hour of such a machine costs into [tool.opml.price] of pyproject.toml: cpu = ..., t4 = ..."
    )


@given(st.floats(0, 1e6), st.floats(1e-6, 1e6))
def test_the_verdict_follows_from_the_cost_alone(hours: float, limit: float) -> None:
    record = run_of(hours)
    (check,) = judge_cost(record, MaxCost(limit, "x"))
    assert record.cost is not None
    assert check.verdict == ("fail" if record.cost > limit else "pass")
    assert check.blocking == (record.cost > limit)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0.00"), (1.84, "1.84"), (23.104, "23.10"), (1234.5, "1,234.50"), (0.00123, "0.0012")]
)
def test_amounts_are_shown_with_two_decimals_or_two_digits(value: float, text: str) -> None:
    assert money(value) == text


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9))
def test_a_cost_above_its_limit_never_looks_like_it(value: float, limit: float) -> None:
    texts = money_apart(value, limit)
    assert value <= limit * (1 + 1e-11) or texts[0] != texts[1]
