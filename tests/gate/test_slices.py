from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from pytest_opml.analysis.examples import SliceName
from pytest_opml.errors import SettingsError
from pytest_opml.gate.budgets import Gate, GateTerms, parse_budgets, parse_gate, with_options
from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.gate.verdict import BaselineSearch, JudgedResult, judge
from pytest_opml.measure.quality import assess
from pytest_opml.records.result import Result
from pytest_opml.records.run import Check
from pytest_opml.stats.evidence import PairedProportion, Proportion
from tests.support.builders import make_assessed, make_run

CLASSES = ("cat", "dog", "cow")
LABELS = np.arange(300) % 3
CAMERAS = np.where(np.arange(300) < 200, "old", "new")


def answered(wrong: Any, technique: str = "baseline", **given: Any) -> Result:
    """A result in which the examples of a mask were taken for the next class."""
    rows = np.eye(3, dtype=np.float32)[np.where(wrong, (LABELS + 1) % 3, LABELS)]
    quality = assess(rows, LABELS, "classification", CLASSES, columns={"camera": CAMERAS}, **given)
    return make_assessed(quality, 300, technique)


RIGHT = answered(np.zeros(300, dtype=bool))
CATS = (LABELS == 0) & (np.arange(300) < 90)  # 30 of the 100 cats, all of the old camera
WORSE = answered(CATS, "int8")


def checks(entries: Any, result: Result = WORSE, reference: Result | None = RIGHT, **gate: Any) -> dict[str, Check]:
    budgets = parse_gate({"slice": entries, **gate}, "gate", []).budgets
    subject = JudgedResult(result, reference, search=BaselineSearch())
    return {f"{check.figure_name} {check.rule}": check for check in judge(budgets, subject)}


def test_a_budget_on_a_slice_is_judged_on_its_own_examples() -> None:
    (check,) = checks([{"by": "class", "value": "cat", "accuracy": {"min": 0.9}}]).values()
    assert (check.figure_name, check.verdict, check.value) == ("accuracy[class=cat]", "fail", 0.7)
    assert (check.low, check.high) == pytest.approx(tuple(Proportion(70, 100).interval(0.05)))


def test_every_slice_is_judged_and_one_that_is_named_by_its_own_budget() -> None:
    entries = [
        {"by": "class", "accuracy": {"min": 0.9, "max": 1}},
        {"by": "class", "value": "cat", "accuracy": {"min": 0.5}},
    ]
    verdicts = {name: check.verdict for name, check in checks(entries).items()}
    assert verdicts == {
        "accuracy[class=dog] min": "pass",
        "accuracy[class=cow] min": "pass",
        "accuracy[class=cat] max": "pass",
        "accuracy[class=dog] max": "pass",
        "accuracy[class=cow] max": "pass",
        "accuracy[class=cat] min": "pass",
    }


def test_a_drop_is_paired_on_the_examples_of_the_slice() -> None:
    (check,) = checks([{"by": "camera", "value": "old", "accuracy": {"max_drop": 0.05}}]).values()
    assert check.reference_value == 1.0
    assert check.limit == 0.95
    low, high = PairedProportion((30, 0, 200)).interval(0.05)
    assert (check.low, check.high) == pytest.approx((1 + low, 1 + high))
    assert check.verdict == "fail"
    (unchanged,) = checks([{"by": "camera", "value": "new", "accuracy": {"max_drop": 0.06}}]).values()
    assert (unchanged.value, unchanged.verdict) == (1.0, "pass")


def test_the_quality_of_a_slice_may_be_an_average_over_its_classes() -> None:
    result = answered(CATS, quality="balanced_accuracy")
    (check,) = checks([{"by": "camera", "value": "old", "quality": {"min": 0.5}}], result).values()
    assert check.value == pytest.approx((37 / 67 + 2) / 3)
    (within,) = checks([{"by": "class", "value": "cat", "quality": {"min": 0.5}}], result).values()
    assert (within.verdict, within.reason) == (
        "not_judged",
        "balanced_accuracy means nothing on these examples alone",
    )


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"by": "class", "value": "hen"}, "no test example has class=hen; the values: cat, dog, cow"),
        (
            {"by": "country"},
            "the test data have no column 'country' with 20 values or fewer; the columns: camera",
        ),
    ],
)
def test_a_slice_that_is_not_there_is_not_judged(entry: dict[str, Any], reason: str) -> None:
    (check,) = checks([entry | {"accuracy": {"min": 0.5}}]).values()
    assert (check.verdict, check.reason, check.blocking) == ("not_judged", reason, True)
    (optional,) = checks([entry | {"accuracy": {"min": 0.5}, "optional": True}]).values()
    assert (optional.verdict, optional.blocking) == ("not_judged", False)


def test_a_class_without_a_test_example_is_not_judged() -> None:
    quality = assess(np.eye(3, dtype=np.float32)[[0, 1]], np.array([0, 1]), "classification", CLASSES)
    found = checks([{"by": "class", "accuracy": {"min": 0.01}}], make_assessed(quality, 2))
    assert {name: check.verdict for name, check in found.items()} == {
        "accuracy[class=cat] min": "pass",
        "accuracy[class=dog] min": "pass",
        "accuracy[class=cow] min": "not_judged",
    }


def test_a_regression_has_no_accuracy_in_a_slice_either() -> None:
    targets = np.random.default_rng(0).normal(size=100)
    quality = assess(targets + 0.1, targets, "regression", ("y",), columns={"half": np.arange(100) < 50})
    entries = [{"by": "half", "value": True, "accuracy": {"min": 0.5}, "quality": {"min": 0.5}}]
    found = checks(entries, make_assessed(quality, 100))
    assert found["accuracy[half=True] min"].verdict == "not_judged"
    assert "means nothing for the task" in found["accuracy[half=True] min"].reason
    assert found["quality[half=True] min"].verdict == "pass"
    (of_class,) = checks([{"by": "class", "quality": {"min": 0.5}}], make_assessed(quality, 100)).values()
    assert of_class.reason == "the test data have no classes, or too many to be told apart (100 at most)"


def test_slices_count_in_the_family() -> None:
    gate = parse_gate({"multiple": "holm", "slice": [{"by": "class", "accuracy": {"min": 0.87}}]}, "gate", [])
    wrong = (LABELS == 0) & (np.arange(300) < 63)  # 21 of 100: 0.79 is surely below 0.87 alone, not as one of three
    result = answered(wrong, "int8")
    alone = judge_run(make_run([result]), gate._replace(terms=GateTerms()))
    family = judge_run(make_run([result]), gate)
    assert [check.verdict for check in alone] == ["fail", "pass", "pass"]
    assert [check.verdict for check in family] == ["inconclusive", "pass", "pass"]


def test_the_command_line_may_name_a_slice() -> None:
    gate = with_options(Gate(), ["accuracy[camera=old].min=0.9", "accuracy.max=1"])
    assert [(budget.name, budget.rule, budget.limit) for budget in gate.given] == [
        ("accuracy[camera=old]", "min", 0.9),
        ("accuracy", "max", 1.0),
    ]
    assert gate.given[0].slice == SliceName("camera", "old")


def test_a_budget_on_a_slice_does_not_replace_that_on_all() -> None:
    gate = with_options(parse_gate({"accuracy": {"min": 0.9}}, "gate", []), ["accuracy[class=cat].min=0.5"])
    assert [budget.name for budget in gate.applicable("a/b/top1/c", "cpu")] == ["accuracy", "accuracy[class=cat]"]


def test_a_waiver_is_for_the_slice_that_it_names() -> None:
    waiver = {"match": "*", "until": date(2100, 1, 1), "reason": "known"}
    entries = [{"by": "class", "value": "cat", "accuracy": {"min": 0.9}}]
    for metric, waived in (("accuracy", False), ("accuracy[class=dog]", False), ("accuracy[class=cat]", True)):
        gate = parse_gate({"slice": entries, "waiver": [waiver | {"metric": metric}]}, "gate", [])
        (check,) = judge_run(make_run([WORSE]), gate)
        assert bool(check.waived) == waived


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"by": "class"}, "gate.slice: must be an array of tables"),
        ([{"accuracy": {"min": 0.9}}], r"gate.slice\[1\].by: must be class or the name of a column"),
        ([{"by": "a=b", "accuracy": {"min": 0.9}}], "by: must be class or the name of a column of the data, not 'a=b'"),
        ([{"by": "class", "value": [], "accuracy": {"min": 0.9}}], r"gate.slice\[1\].value: must be a value of class"),
        ([{"by": "class"}], r"gate.slice\[1\]: needs a budget, such as"),
        ([{"by": "class", "f1": {"min": 0.9}}], "f1 is no figure of a slice; choose among accuracy, quality"),
        (
            [{"by": "camera", "size_mb": {"max": 9}}],
            "size_mb is no figure of a slice; choose among acc",
        ),
        ([{"by": "class", "acuracy": {"min": 0.9}}], "unknown metric 'acuracy'"),
        ([{"by": "class", "optional": 1, "accuracy": {"min": 0.9}}], "optional: must be true or false"),
    ],
)
def test_a_mistake_is_refused_with_its_key(entries: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_budgets({"slice": entries}, "gate")


@pytest.mark.parametrize("option", ["size_mb[class=cat].max=3", "accuracy[=cat].min=1", "accuracy[class=].min=1"])
def test_an_option_that_names_no_slice_is_refused(option: str) -> None:
    with pytest.raises(SettingsError):
        with_options(Gate(), [option])


@pytest.mark.parametrize(
    "option", ["accuracy[.min=0.1", "accuracy].min=0.1", "accuracy[].min=1", "accuracy[class].min=1"]
)
def test_an_option_with_half_a_slice_says_how_one_is_written(option: str) -> None:
    with pytest.raises(SettingsError, match=r"a slice is written \[by=value\], such as accuracy\[class=cat\]"):
        with_options(Gate(), [option])
