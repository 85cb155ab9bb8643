from __future__ import annotations

import pytest

from pytest_opml.gate.budgets import parse_gate
from pytest_opml.gate.verdict import JudgedResult, judge
from pytest_opml.measure.timing import summarise_latency
from pytest_opml.runner.first_budgets import _rounded_up, first_budgets
from tests.support.builders import make_result

LATENCY = summarise_latency([(100 + number % 10) / 1e6 for number in range(700)])


@pytest.mark.parametrize("accuracy", [0.3, 0.9, 0.999, 1.0])
def test_a_result_passes_the_budgets_that_were_made_from_it(accuracy: float) -> None:
    result = make_result(accuracy=accuracy, latency_ms=LATENCY)
    written = first_budgets(result)
    assert [one.metric for one in written] == ["accuracy", "latency_ms.p99", "size_mb"]
    table: dict[str, dict[str, dict[str, float]]] = {}
    for one in written:
        name, _, rest = one.metric.partition(".")
        limit = {one.rule: float(one.limit)}
        table[name] = {rest: limit} if rest else limit  # type: ignore[dict-item]
    gate = parse_gate(table, "tool.opml.gate", ())
    checks = judge(gate.budgets, JudgedResult(result, None, None), gate.terms)
    assert [check.verdict for check in checks] == ["pass"] * 3


def test_each_says_what_was_measured() -> None:
    accuracy, latency, size = first_budgets(make_result(accuracy=0.9, latency_ms=LATENCY))
    assert accuracy.reason.startswith("0.9000 was measured (0.")
    assert "95 % confidence" in accuracy.reason
    assert accuracy.reason.endswith("the lower end of that")
    assert "3 times the upper end of that" in latency.reason
    assert size.reason.endswith("was measured: a tenth more")


@pytest.mark.parametrize(
    ("value", "text"), [(0.0031, "0.0031"), (0.00311, "0.0032"), (9.91, "10.0"), (123.4, "130"), (1.0, "1.0")]
)
def test_a_limit_has_two_digits_and_is_not_below(value: float, text: str) -> None:
    assert _rounded_up(value) == text
