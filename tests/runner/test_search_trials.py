from __future__ import annotations

import numpy as np
import pytest

from pytest_opml.gate.budgets import parse_budgets
from pytest_opml.gate.verdict import JudgedResult, judge
from pytest_opml.records.result import Result
from pytest_opml.runner.search_trials import (
    broken_by,
    gain_of,
    interval_of,
    lasting,
    margins_of,
    score_difference,
    steps_bought,
)
from pytest_opml.stats.predictions import pack
from tests.support.builders import make_result, make_side_by_side

SAMPLES = 500


def result(technique: str, wrong: range, ratio: float = 1.0, size_mb: float = 14.0) -> Result:
    """A result with these test examples answered wrong, and this time beside the baseline's 10 s."""
    labels = np.zeros(SAMPLES, np.uint16)
    predicted = labels.copy()
    predicted[list(wrong)] = 1
    return make_result(
        technique,
        1 - len(wrong) / SAMPLES,
        10.0 * ratio,
        size_mb,
        test_samples=SAMPLES,
        predictions=pack(labels, predicted),
        vs_reference=None if technique == "baseline" else make_side_by_side(ratio),
    )


BASELINE = result("baseline", range(50))
PRUNED = result("prune-0.5", range(52), 1.0, 7.0)
INT8 = result("int8", range(10, 62), 0.5, 3.5)


@pytest.mark.parametrize(("one", "beside"), [(INT8, BASELINE), (BASELINE, INT8), (INT8, PRUNED), (PRUNED, INT8)])
def test_a_difference_of_scores_is_that_of_the_records_with_a_paired_interval(one: Result, beside: Result) -> None:
    evidence = score_difference(one, beside)
    expected = one.op_score.value - beside.op_score.value
    assert evidence.value == pytest.approx(expected, abs=1e-6)
    low, high = interval_of(one, beside, 0.05)
    assert low < expected < high
    alone = (one.op_score.high - one.op_score.low) + (beside.op_score.high - beside.op_score.low)
    assert high - low < alone


def test_paired_answers_tell_more_than_other_ones() -> None:
    same, differing = result("int8", range(52), 0.5, 3.5), result("int8", range(100, 152), 0.5, 3.5)
    near, far = (interval_of(one, PRUNED, 0.05) for one in (same, differing))
    assert near.high - near.low < far.high - far.low
    assert interval_of(PRUNED, PRUNED, 0.05) == (0, 0)


def test_results_that_were_timed_beside_nothing_are_compared_as_they_are() -> None:
    alone = INT8.model_copy(update={"vs_reference": None})
    assert score_difference(alone, PRUNED).value == pytest.approx(INT8.op_score.value - PRUNED.op_score.value, abs=1e-6)


def test_a_gain_has_its_interval() -> None:
    value, low, high = gain_of(INT8, BASELINE)
    assert low < value < high < 0


def test_margins_say_by_how_much_budgets_are_kept_or_not() -> None:
    budgets = parse_budgets(
        {"accuracy": {"min": 0.8, "max_drop": 0.001}, "size_mb": {"max": 7.0}, "op_score": {"max": 0.0}}, "here"
    )
    checks = judge(budgets, JudgedResult(INT8, BASELINE))
    margins = margins_of(checks)
    assert margins["accuracy min"] == pytest.approx(np.log10(0.104 / 0.2), abs=1e-3)
    assert margins["accuracy max_drop"] > 0
    assert margins_of(checks, of_reference=True) == {"accuracy max_drop": pytest.approx(np.log10(0.1 / 0.101))}
    assert margins["size_mb max"] == pytest.approx(np.log10(0.5), abs=1e-6)
    assert margins["op_score max"] == pytest.approx(INT8.op_score.value)
    assert [check.verdict for check in checks if check.rule == "max_drop"] == ["inconclusive"]
    assert broken_by(checks) == ("accuracy max_drop", "op_score max")  # beyond its limit, be it by chance
    assert broken_by(judge(budgets, JudgedResult(BASELINE, BASELINE))) == ("size_mb max", "op_score max")


def test_of_few_examples_those_budgets_count_that_more_do_not_change() -> None:
    table = {"accuracy": {"min": 0.8, "max_drop": 0.01, "max_regression": 0.1}, "size_mb": {"max": 7.0}}
    named = [(one.metric.name, one.rule) for one in lasting(parse_budgets(table, "here"))]
    assert named == [("accuracy", "max_drop"), ("size_mb", "max")]


def test_steps_that_were_not_measured_one_by_one_stand_together() -> None:
    chain, whole = ("prune-0.5", "cluster-64", "int8"), make_result("prune-0.5+cluster-64+int8")
    results = {"baseline": BASELINE, "prune-0.5": PRUNED, "prune-0.5+cluster-64+int8": whole}
    assert steps_bought(chain, results) == [
        (("prune-0.5",), BASELINE, PRUNED),
        (("cluster-64", "int8"), PRUNED, whole),
    ]
    assert steps_bought((), results) == []
