from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.errors import SettingsError
from pytest_opml.gate.budgets import RULES, Budget, Gate, GateTerms, parse_budgets, parse_gate, with_options
from pytest_opml.metrics import METRICS, placeholder

PROFILES = ("cpu", "v100", "h200")


def gate(table: Any) -> Gate:
    return parse_gate(table, "gate", PROFILES)


def limits(budgets: tuple[Budget, ...]) -> dict[str, float]:
    return {f"{budget.metric.name} {budget.rule}": budget.limit for budget in budgets}


def test_a_table_of_budgets() -> None:
    budgets = parse_budgets(
        {
            "accuracy": {"min": 0.85, "max_drop": 0.02},
            "latency_ms": {"p99": {"max": 5}},
            "inference_s": {"max_increase": "5%"},
        },
        "gate",
    )
    assert [(b.metric.name, b.rule, b.limit, b.percent, b.source) for b in budgets] == [
        ("accuracy", "min", 0.85, False, "gate.accuracy.min"),
        ("accuracy", "max_drop", 0.02, False, "gate.accuracy.max_drop"),
        ("latency_ms.p99", "max", 5.0, False, "gate.latency_ms.p99.max"),
        ("inference_s", "max_increase", 5.0, True, "gate.inference_s.max_increase"),
    ]


def test_a_dotted_name_may_be_quoted() -> None:
    quoted = parse_budgets({"latency_ms.p99": {"max": 5}}, "gate")
    assert quoted == parse_budgets({"latency_ms": {"p99": {"max": 5}}}, "gate")


@pytest.mark.parametrize("text", ["5%", " 5 % ", "5.0%", "05%"])
def test_a_percentage_may_be_written_in_these_ways(text: str) -> None:
    (budget,) = parse_budgets({"size_mb": {"max_increase": text}}, "gate")
    assert (budget.limit, budget.percent) == (5.0, True)


@pytest.mark.parametrize(
    ("rule", "value", "text"),
    [
        ("max", 5, "max = 5"),
        ("max", 0.85, "max = 0.85"),
        ("max", 1_234_567, "max = 1234567"),
        ("max", 0.12345678, "max = 0.12345678"),
        ("max_increase", "2.5%", "max_increase = 2.5%"),
    ],
)
def test_a_budget_reads_as_the_user_wrote_it(rule: str, value: object, text: str) -> None:
    (budget,) = parse_budgets({"size_mb": {rule: value}}, "gate")
    assert budget.text == text


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"acuracy": {"min": 0.9}}, "gate: unknown metric 'acuracy'; known: quality, accuracy, "),
        ({"latency_ms": {"p97": {"max": 5}}}, "gate: unknown metric 'latency_ms.p97'; known: .*latency_ms.p99, "),
        ({"latency_ms": {"max": {"max": 5}}}, "gate: unknown metric 'latency_ms.max'; known: "),
        ({"latency_ms": {"p99": 5}}, "gate.latency_ms.p99: must be a table, not 5"),
        ({"latency_ms": 5}, "gate.latency_ms: must be a table, not 5"),
        ({"accuracy": 0.9}, "gate.accuracy: must be a table, not 0.9"),
        ({"accuracy": [0.9]}, r"gate.accuracy: must be a table, not \[0.9\]"),
        ({"accuracy": {}}, "gate.accuracy: has no limit; give one of min, max, max_drop, max_increase, max_regression"),
        ({"accuracy": {"optional": True}}, "gate.accuracy: has no limit; give one of min, "),
        ({"latency_ms": {}}, "gate.latency_ms: has no budget; name one of its figures"),
        ({"latency_ms": {"p99": {}}}, "gate.latency_ms.p99: has no limit; give one of min, "),
        ({"gpu": {"v100": {"f1": {}}}}, "gate.gpu.v100.f1: has no limit; give one of min, "),
        ({"case": [{"match": "*", "f1": {}}]}, r"gate.case\[1\].f1: has no limit; give one of min, "),
        ({"accuracy": {"minimum": 0.9}}, "gate.accuracy: unknown key 'minimum'; known: min, max, max_drop, "),
        ({"accuracy": {"min": "high"}}, "gate.accuracy.min: must be a number, not 'high'"),
        ({"accuracy": {"min": "0.9"}}, "gate.accuracy.min: must be a number, not '0.9'"),
        ({"accuracy": {"min": None}}, "gate.accuracy.min: must be a number, not None"),
        ({"accuracy": {"min": True}}, "gate.accuracy.min: must be a number, not True"),
        ({"accuracy": {"min": [1]}}, r"gate.accuracy.min: must be a number, not \[1\]"),
        ({"accuracy": {"min": math.nan}}, "gate.accuracy.min: must be a number, not nan"),
        ({"accuracy": {"min": math.inf}}, "gate.accuracy.min: must be a number, not inf"),
        ({"size_mb": {"max": -math.inf}}, "gate.size_mb.max: must be a number, not -inf"),
        ({"size_mb": {"max": 10**400}}, "gate.size_mb.max: must be a number"),
        ({"size_mb": {"max_increase": "9" * 400 + "%"}}, "gate.size_mb.max_increase: must be a number or a percentage"),
        ({"size_mb": {"max_increase": "-5%"}}, "gate.size_mb.max_increase: must be a number or a percentage such as"),
        ({"size_mb": {"max_increase": "5"}}, "gate.size_mb.max_increase: must be a number or a percentage such as"),
        ({"size_mb": {"max_increase": math.nan}}, "gate.size_mb.max_increase: must be a number or a percentage such"),
        ({"size_mb": {"max_increase": -1}}, "gate.size_mb.max_increase: must not be negative, it is -1"),
        ({"accuracy": {"max_drop": -0.01}}, "gate.accuracy.max_drop: must not be negative, it is -0.01"),
        ({"accuracy": {"min": "90%"}}, "gate.accuracy.min: min is an absolute limit and cannot be a percentage"),
        ({"size_mb": {"max": "90%"}}, "gate.size_mb.max: max is an absolute limit and cannot be a percentage"),
        (
            {"op_score": {"max_increase": "5%"}},
            "gate.op_score.max_increase: no percentage of op_score: it can be zero or negative; give an absolute diff",
        ),
        ({"op_score": {"max_drop": "5%"}}, "gate.op_score.max_drop: no percentage of op_score: it can be zero or neg"),
        ({"op_score": {"max_increase": "x"}}, "gate.op_score.max_increase: must be a number, not 'x'"),
        ([], r"gate: must be a table, not \[\]"),
        ("accuracy", "gate: must be a table, not 'accuracy'"),
        ({"gpu": {"v100s": {}}}, "gate.gpu: unknown profile 'v100s'; known: cpu, v100, h200"),
        ({"gpu": "v100"}, "gate.gpu: must be a table, not 'v100'"),
        ({"gpu": {"v100": 3}}, "gate.gpu.v100: must be a table, not 3"),
        ({"gpu": {"v100": {"accuracy": {"min": "x"}}}}, "gate.gpu.v100.accuracy.min: must be a number, not 'x'"),
        ({"case": {"match": "*"}}, r"gate.case: must be an array of tables \(\[\[gate.case\]\]\)"),
        ({"case": ["*"]}, r"gate.case\[1\]: must be a table, not '\*'"),
        ({"case": [{"match": "*"}, {}]}, r"gate.case\[2\].match: must be a pattern of case ids, such as "),
        ({"case": [{"match": ""}]}, r"gate.case\[1\].match: must be a pattern of case ids"),
        ({"case": [{"match": ["*"]}]}, r"gate.case\[1\].match: must be a pattern of case ids"),
        ({"case": [{"match": "*", "f2": {"min": 1}}]}, r"gate.case\[1\]: unknown metric 'f2'; known: "),
        ({"case": [{"match": "*", "f1": {"min": "x"}}]}, r"gate.case\[1\].f1.min: must be a number, not 'x'"),
        ({"case": [{"match": "*", "optional": 1}]}, r"gate.case\[1\].optional: must be true or false, not 1"),
        ({"accuracy": {"min": 0.9, "optional": "yes"}}, "gate.accuracy.optional: must be true or false, not 'yes'"),
        ({"rank": {"max_increase": "5%"}}, "gate.rank.max_increase: no percentage of rank: it is a place among others"),
        ({"confidence": 1}, "gate.confidence: must be a number from 0.5 to below 1, not 1"),
        ({"confidence": "95%"}, "gate.confidence: must be a number from 0.5 to below 1, not '95%'"),
        ({"max_seconds": -1}, "gate.max_seconds: must be a number from 0 to below 86400, not -1"),
        ({"inconclusive": "maybe"}, "gate.inconclusive: must be one of pass, fail, not 'maybe'"),
        ({"inconclusive": ["pass"]}, r"gate.inconclusive: must be one of pass, fail, not \['pass'\]"),
        ({"multiple": "bonferroni"}, "gate.multiple: must be one of each, holm, not 'bonferroni'"),
    ],
)
def test_a_mistake_is_refused_with_its_key(table: Any, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^{text}") as caught:
        gate(table)
    assert "\n" not in str(caught.value)


KEYS = st.sampled_from([*METRICS, *RULES, "latency_ms", "p99", "gpu", "v100", "case", "match"]) | st.text(max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_any_table_is_a_gate_or_is_refused_as_one(table: Any) -> None:
    try:
        parsed = gate(table)
    except SettingsError:
        return
    for budget in parsed.applicable("digits/efficientnet_lite0/top1/int8", "v100"):
        assert math.isfinite(budget.limit)


# Which budgets apply


LAYERED = {
    "accuracy": {"min": 0.1},
    "size_mb": {"max": 1},
    "gpu": {"v100": {"accuracy": {"min": 0.2}, "inference_s": {"max": 2}}},
    "case": [
        {"match": "*/cluster-*", "accuracy": {"min": 0.3}, "f1": {"min": 3}},
        {"match": "digits/*", "accuracy": {"min": 0.4}},
    ],
}


@pytest.mark.parametrize(
    ("case", "profile", "accuracy"),
    [
        ("other/net/top1/int8", "cpu", 0.1),
        ("other/net/top1/int8", "v100", 0.2),
        ("other/net/top1/cluster-8", "cpu", 0.3),
        ("other/net/top1/cluster-8", "v100", 0.3),
        ("digits/net/top1/cluster-8", "v100", 0.4),
        ("digits/net/top1/int8", "h200", 0.4),
    ],
)
def test_the_more_special_budget_wins_and_among_cases_the_later(case: str, profile: str, accuracy: float) -> None:
    assert limits(gate(LAYERED).applicable(case, profile))["accuracy min"] == accuracy


def test_what_a_test_itself_gives_wins_over_everything() -> None:
    extra = parse_budgets({"accuracy": {"min": 0.5}, "auc": {"min": 5}}, "marker")
    assert limits(gate(LAYERED).applicable("digits/net/top1/cluster-8", "v100", extra)) == {
        "accuracy min": 0.5,
        "size_mb max": 1,
        "inference_s max": 2,
        "f1 min": 3,
        "auc min": 5,
    }


def test_the_command_line_wins_over_the_marker() -> None:
    marked = parse_budgets({"accuracy": {"min": 0.5}}, "marker")
    given = with_options(gate(LAYERED), ["accuracy.min=0.6"])
    found = given.applicable("digits/net/top1/cluster-8", "v100", marked)
    assert limits(found)["accuracy min"] == 0.6
    assert next(b.source for b in found if b.metric.name == "accuracy") == "--opml-gate accuracy.min=0.6"


def test_every_budget_that_was_written_is_shown_with_what_replaced_it() -> None:
    found = gate(LAYERED).overrides("digits/net/top1/cluster-8", "cpu")
    assert [(each.budget.source, each.replaced_by) for each in found] == [
        ("gate.accuracy.min", "gate.case[2].accuracy.min"),
        ("gate.size_mb.max", None),
        ("gate.case[1].accuracy.min", "gate.case[2].accuracy.min"),
        ("gate.case[1].f1.min", None),
        ("gate.case[2].accuracy.min", None),
    ]


def test_optional_is_said_of_a_metric_or_of_all_budgets_of_a_case() -> None:
    table = {
        "accuracy": {"min": 0.5, "optional": True},
        "f1": {"min": 0.5},
        "case": [{"match": "*", "optional": True, "auc": {"min": 0.5}, "recall": {"min": 0.5, "optional": False}}],
    }
    found = {b.metric.name: b.optional for b in gate(table).applicable("any", "cpu")}
    assert found == {"accuracy": True, "f1": False, "auc": True, "recall": False}


def test_the_terms_stand_beside_the_budgets() -> None:
    table = {"confidence": 0.99, "inconclusive": "fail", "max_seconds": 5, "multiple": "holm", "f1": {"min": 0.5}}
    assert gate(table).terms == GateTerms(0.99, "fail", 5.0, "holm")
    assert gate({}).terms == GateTerms(0.95, "pass", 60.0, "each")
    assert len(gate(table).budgets) == 1


def test_options_change_terms_and_add_budgets() -> None:
    found = with_options(
        gate({"inconclusive": "fail"}), ["confidence=0.9", "latency_ms.p99.max=5", "size_mb.max_drop = 5%"]
    )
    assert found.terms == GateTerms(0.9, "fail", 60.0, "each")
    assert [(b.metric.name, b.rule, b.limit, b.percent) for b in found.given] == [
        ("latency_ms.p99", "max", 5.0, False),
        ("size_mb", "max_drop", 5.0, True),
    ]


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("op_score", "must be METRIC.RULE=VALUE, such as op_score.max=1.5, or one of confidence, inconclusive, "),
        ("op_score=1", "must be METRIC.RULE=VALUE"),
        ("op_score.max=", "must be METRIC.RULE=VALUE"),
        ("=1", "must be METRIC.RULE=VALUE"),
        (".max=1", "must be METRIC.RULE=VALUE"),
        ("op_score.most=1", "unknown key 'most'; known: min, max, "),
        ("opscore.max=1", "unknown metric 'opscore'; known: "),
        ("op_score.max=nan", "must be a number, not nan"),
        ("op_score.max_increase=5%", "no percentage of op_score"),
        ("confidence=2", "confidence: must be a number from 0.5"),
        ("inconclusive=1", "inconclusive: must be one of pass, fail, not 1.0"),
    ],
)
def test_a_wrong_option_is_refused_by_its_text(option: str, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        with_options(Gate(), [option])
    assert str(caught.value).startswith("--opml-gate")
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=30))
def test_any_option_is_understood_or_refused(option: str) -> None:
    try:
        found = with_options(Gate(), [option])
    except SettingsError:
        return
    assert found.given or found.terms != GateTerms() or option.partition("=")[0].strip() in GateTerms._fields


def test_in_a_family_each_check_has_an_equal_part_of_the_error_until_all_are_known() -> None:
    assert gate({"multiple": "holm"}).terms_per_check(50).error == pytest.approx(0.001)
    assert gate({}).terms_per_check(50).error == pytest.approx(0.05)


def test_rules_of_one_metric_replace_only_the_same_rule() -> None:
    table = {"accuracy": {"min": 0.8, "max_drop": 0.02}, "case": [{"match": "*", "accuracy": {"max_drop": 0.01}}]}
    assert limits(gate(table).applicable("any", "cpu")) == {"accuracy min": 0.8, "accuracy max_drop": 0.01}


def test_patterns_of_case_ids_see_upper_and_lower_case() -> None:
    table = {"case": [{"match": "Digits/*", "accuracy": {"min": 0.8}}]}
    assert gate(table).applicable("digits/net/top1/int8", "cpu") == ()


def test_an_empty_gate_has_no_budgets() -> None:
    assert Gate().applicable("any", "cpu") == gate({}).applicable("any", "cpu") == ()


def test_of_a_run_that_is_over_a_metric_may_be_gone() -> None:
    table = {
        "layers_seen": {"max": 3},
        "case": [{"match": "*", "wrong_per_mb": {"max_drop": "5%"}}],
        "gpu": {"cpu": {"layers_seen": {"max": 4}}},
        "size_mb": {"max": 1},
    }
    with pytest.raises(SettingsError, match="unknown metric 'layers_seen'"):
        parse_gate(table, "gate", ("cpu",))
    found = parse_gate(table, "gate", ("cpu",), find=placeholder)
    assert found.unregistered == ("layers_seen", "wrong_per_mb")
    with pytest.raises(SettingsError, match="unknown key 'most'"):
        parse_gate({"layers_seen": {"most": 3}}, "gate", ("cpu",), find=placeholder)
    assert with_options(found, ["gone.max=1"], find=placeholder).unregistered[-1] == "gone"
    with pytest.raises(SettingsError, match="unknown metric 'gone'"):
        with_options(found, ["gone.max=1"])


def test_a_name_that_is_no_text_is_refused() -> None:
    for name in (None, 1, b"accuracy"):
        with pytest.raises(SettingsError, match="is no name of a metric, which is a text"):
            parse_budgets({name: {"min": 1}}, "marker")
