from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.domain.gate import RULES, Budget, Gate, breach_line, judge, parse_budgets, parse_gate
from pytest_opml.domain.metrics import METRICS, find
from pytest_opml.domain.records import Check, GpuUse, Result, Score
from pytest_opml.errors import SettingsError
from tests.builders import make_conditions, make_result, make_side_by_side

PROFILES = ("cpu", "v100", "h200")


def gate(table: Any) -> Gate:
    return parse_gate(table, "gate", PROFILES)


def limits(budgets: tuple[Budget, ...]) -> dict[str, float]:
    return {f"{budget.metric.name} {budget.rule}": budget.limit for budget in budgets}


def check(budgets: dict[str, Any], result: Result, reference: Result | None = None) -> Check:
    """The check of the one budget in a table."""
    (only,) = judge(parse_budgets(budgets, "gate"), result, reference)
    return only


def verdict(budgets: dict[str, Any], result: Result, reference: Result | None = None) -> str:
    return check(budgets, result, reference).verdict


def with_score(value: float) -> Result:
    score = Score(
        value=value, low=value, high=value, log_error=value, log_seconds=0.0, log_megabytes=0.0, error_floored=False
    )
    return make_result("int8", op_score=score)


def on_gpu(technique: str = "baseline") -> Result:
    """A result that has every metric: three passes over 500 images took 6 J, so 10,000 take 40."""
    use = GpuUse(seconds=2.0, samples=12, energy_j=6.0, energy_source="counter")
    return make_result(technique, conditions=make_conditions().model_copy(update={"gpu_use": use}))


# Metrics


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("accuracy", 0.9, "0.9000"),
        ("recall", 0.9, "0.9000"),
        ("precision", 0.9, "0.9000"),
        ("f1", 0.9, "0.9000"),
        ("auc", 0.95, "0.9500"),
        ("inference_s", 10.0, "10 s"),
        ("latency_ms.p50", 1.0, "1 ms"),
        ("latency_ms.p90", 1.5, "1.5 ms"),
        ("latency_ms.p99", 2.0, "2 ms"),
        ("training_s", 60.0, "60 s"),
        ("preparation_s", 0.5, "0.5 s"),
        ("size_mb", 14.0, "14 MB"),
        ("deflated_mb", 12.6, "12.6 MB"),
        ("peak_memory_mb", 800.0, "800 MB"),
        ("throughput", 1000.0, "1000 images/s"),
        ("cold_start_s", 0.5, "0.5 s"),
        ("energy_j", 40.0, "40 J"),
        ("op_score", math.log10(0.1 * 10.0 * 14.0), "1.146"),
    ],
)
def test_a_metric_is_read_from_a_result_and_shown_with_its_unit(name: str, value: float, shown: str) -> None:
    metric = METRICS[name]
    found = metric.read(on_gpu())
    assert found == pytest.approx(value)
    assert metric.format(found) == shown


def test_every_metric_is_known_by_its_own_name() -> None:
    assert [metric.name for metric in METRICS.values()] == list(METRICS)
    assert len(METRICS) == 18


def test_a_metric_that_was_not_measured_is_shown_as_such() -> None:
    metric = METRICS["latency_ms.p99"]
    assert metric.format(metric.read(make_result(p99=None))) == "n/a"


def test_an_unknown_metric_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError) as caught:
        find("acuracy", "gate")
    assert str(caught.value) == f"gate: unknown metric 'acuracy'; known: {', '.join(METRICS)}"


# Parsing


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
        ({"acuracy": {"min": 0.9}}, "gate: unknown metric 'acuracy'; known: accuracy, recall, "),
        ({"latency_ms": {"p95": {"max": 5}}}, "gate: unknown metric 'latency_ms.p95'; known: .*latency_ms.p99, "),
        ({"latency_ms": {"max": {"max": 5}}}, "gate: unknown metric 'latency_ms.max'; known: "),
        ({"latency_ms": {"p99": 5}}, "gate.latency_ms.p99: must be a table, not 5"),
        ({"latency_ms": 5}, "gate.latency_ms: must be a table, not 5"),
        ({"accuracy": 0.9}, "gate.accuracy: must be a table, not 0.9"),
        ({"accuracy": [0.9]}, r"gate.accuracy: must be a table, not \[0.9\]"),
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
    for budget in parsed.applying("digits/efficientnet_lite0/top1/int8", "v100"):
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
    assert limits(gate(LAYERED).applying(case, profile))["accuracy min"] == accuracy


def test_what_a_test_itself_gives_wins_over_everything() -> None:
    extra = parse_budgets({"accuracy": {"min": 0.5}, "auc": {"min": 5}}, "marker")
    assert limits(gate(LAYERED).applying("digits/net/top1/cluster-8", "v100", extra)) == {
        "accuracy min": 0.5,
        "size_mb max": 1,
        "inference_s max": 2,
        "f1 min": 3,
        "auc min": 5,
    }


def test_rules_of_one_metric_replace_only_the_same_rule() -> None:
    table = {"accuracy": {"min": 0.8, "max_drop": 0.02}, "case": [{"match": "*", "accuracy": {"max_drop": 0.01}}]}
    assert limits(gate(table).applying("any", "cpu")) == {"accuracy min": 0.8, "accuracy max_drop": 0.01}


def test_patterns_of_case_ids_see_upper_and_lower_case() -> None:
    table = {"case": [{"match": "Digits/*", "accuracy": {"min": 0.8}}]}
    assert gate(table).applying("digits/net/top1/int8", "cpu") == ()


def test_an_empty_gate_has_no_budgets() -> None:
    assert Gate().applying("any", "cpu") == gate({}).applying("any", "cpu") == ()


# Verdicts


@pytest.mark.parametrize(("limit", "expected"), [(0.89, "pass"), (0.9, "pass"), (0.91, "fail")])
def test_a_minimum_holds_at_the_border(limit: float, expected: str) -> None:
    assert verdict({"accuracy": {"min": limit}}, make_result(accuracy=0.9)) == expected


@pytest.mark.parametrize(("limit", "expected"), [(13.9, "fail"), (14, "pass"), (14.1, "pass")])
def test_a_maximum_holds_at_the_border(limit: float, expected: str) -> None:
    assert verdict({"size_mb": {"max": limit}}, make_result(size_mb=14.0)) == expected


@pytest.mark.parametrize(
    ("accuracy", "expected"), [(0.95, "pass"), (0.9, "pass"), (0.88, "pass"), (0.8799, "fail"), (0.5, "fail")]
)
def test_a_drop_is_measured_from_the_reference(accuracy: float, expected: str) -> None:
    found = check({"accuracy": {"max_drop": 0.02}}, make_result("int8", accuracy), make_result(accuracy=0.9))
    assert found.verdict == expected
    assert found.limit == pytest.approx(0.88)
    assert found.reference_value == 0.9


@pytest.mark.parametrize(
    ("accuracy", "reference", "drop"), [(0.47, 0.51, 0.04), (0.48, 0.53, 0.05), (0.57, 0.63, 0.06)]
)
def test_a_drop_of_exactly_the_limit_holds_in_spite_of_rounding(accuracy: float, reference: float, drop: float) -> None:
    # In floating point 0.51 - 0.04 is above 0.47.
    budgets = {"accuracy": {"max_drop": drop}}
    assert verdict(budgets, make_result("int8", accuracy), make_result(accuracy=reference)) == "pass"


@pytest.mark.parametrize(("seconds", "expected"), [(9.0, "pass"), (10.5, "pass"), (10.51, "fail")])
@pytest.mark.parametrize("limit", ["5%", 0.5])
def test_an_increase_is_absolute_or_in_percent_of_the_reference(limit: object, seconds: float, expected: str) -> None:
    budgets = {"inference_s": {"max_increase": limit}}
    found = check(budgets, make_result("int8", inference_s=seconds), make_result(inference_s=10.0))
    assert (found.verdict, found.limit) == (expected, 10.5)


@pytest.mark.parametrize(("accuracy", "expected"), [(0.81, "pass"), (0.80, "fail")])
def test_a_drop_may_be_in_percent_of_the_reference(accuracy: float, expected: str) -> None:
    budgets = {"accuracy": {"max_drop": "10%"}}
    assert verdict(budgets, make_result("int8", accuracy), make_result(accuracy=0.9)) == expected


@pytest.mark.parametrize(("score", "expected"), [(-0.95, "pass"), (-0.9, "pass"), (-0.89, "fail")])
def test_a_score_below_zero_is_held_to_an_absolute_increase(score: float, expected: str) -> None:
    assert verdict({"op_score": {"max_increase": 0.1}}, with_score(score), with_score(-1.0)) == expected


def test_no_increase_at_all_may_be_asked_for() -> None:
    budgets = {"size_mb": {"max_increase": 0}}
    assert verdict(budgets, make_result("int8", size_mb=14.0), make_result(size_mb=14.0)) == "pass"
    assert verdict(budgets, make_result("int8", size_mb=14.000001), make_result(size_mb=14.0)) == "fail"


@pytest.mark.parametrize("rule", ["max_drop", "max_increase"])
@pytest.mark.parametrize("metric", METRICS)
def test_without_a_reference_a_relative_budget_is_not_judged(metric: str, rule: str) -> None:
    found = check({metric: {rule: 1e6}}, on_gpu("int8"))
    assert (found.verdict, found.reason) == ("unjudged", "the reference case has no result to compare with")


def test_a_relative_budget_does_not_apply_to_the_reference_itself() -> None:
    budgets = parse_budgets({"accuracy": {"min": 0.8, "max_drop": 0}, "size_mb": {"max_increase": "1%"}}, "gate")
    assert [found.rule for found in judge(budgets, make_result(), None)] == ["min"]
    assert [found.rule for found in judge(budgets, make_result("int8"), None)] == ["min", "max_drop", "max_increase"]


@pytest.mark.parametrize("metric", METRICS)
def test_an_absolute_budget_needs_no_reference(metric: str) -> None:
    assert verdict({metric: {"max": 1e6}}, on_gpu()) == "pass"


@pytest.mark.parametrize("rule", RULES)
def test_what_was_not_measured_is_not_judged(rule: str) -> None:
    found = check({"latency_ms": {"p99": {rule: 1e6}}}, make_result("int8", p99=None), make_result())
    assert (found.verdict, found.value, found.reason) == ("unjudged", None, "latency_ms.p99 has not enough samples")


@pytest.mark.parametrize(
    ("metric", "ratio", "verdict_"),
    [
        ("inference_s", 1.04, "pass"),
        ("inference_s", 1.06, "fail"),
        ("latency_ms.p50", 1.04, "pass"),
        ("latency_ms.p50", 1.06, "fail"),
    ],
)
def test_an_increase_of_time_is_judged_by_what_was_timed_side_by_side(metric: str, ratio: float, verdict_: str) -> None:
    candidate = make_result("int8", side_by_side=make_side_by_side(ratio, ratio))
    # measured by itself, at another time, the reference took ten times as long
    reference = make_result(p50=300.0, inference_s=30.0)
    name, _, part = metric.partition(".")
    rule = {"max_increase": "5%"}
    assert verdict({name: {part: rule} if part else rule}, candidate, reference) == verdict_


def test_a_drop_of_throughput_is_judged_by_what_was_timed_side_by_side() -> None:
    candidate = make_result("int8", side_by_side=make_side_by_side(1.25))  # four fifths of the throughput
    assert verdict({"throughput": {"max_drop": "21%"}}, candidate, make_result()) == "pass"
    assert verdict({"throughput": {"max_drop": "19%"}}, candidate, make_result()) == "fail"


def test_the_reference_s_figure_is_then_the_one_beside_the_candidate() -> None:
    candidate = make_result("int8", side_by_side=make_side_by_side(0.5))
    found = check({"inference_s": {"max_increase": "0%"}}, candidate, make_result())
    assert found.reference_value == pytest.approx(2 * candidate.inference_s.value)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_judged(rule: str, value: float) -> None:
    result = make_result("int8").model_copy(update={"auc": value})
    assert verdict({"auc": {rule: 0.1}}, result, make_result()) == "unjudged"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("rule", ["max_drop", "max_increase"])
def test_a_reference_that_is_no_number_is_not_judged(rule: str, value: float) -> None:
    reference = make_result().model_copy(update={"auc": value})
    assert verdict({"auc": {rule: 0.1}}, make_result("int8"), reference) == "unjudged"


def test_a_reference_without_the_metric_is_not_judged() -> None:
    budgets = {"latency_ms": {"p99": {"max_increase": 1}}}
    assert verdict(budgets, make_result("int8"), make_result(p99=None)) == "unjudged"


def test_every_budget_has_its_check_in_the_order_given() -> None:
    table = {"size_mb": {"max": 10}, "accuracy": {"min": 0.5, "max_drop": 0.1}}
    checks = judge(parse_budgets(table, "gate"), make_result("int8"), None)
    assert [(c.case_id, c.metric, c.rule, c.budget, c.verdict) for c in checks] == [
        ("digits/efficientnet_lite0/top1/int8", "size_mb", "max", "max = 10", "fail"),
        ("digits/efficientnet_lite0/top1/int8", "accuracy", "min", "min = 0.5", "pass"),
        ("digits/efficientnet_lite0/top1/int8", "accuracy", "max_drop", "max_drop = 0.1", "unjudged"),
    ]


VALUES = st.floats(0.001, 0.999)
# How much stricter a limit gets when it goes up.
STRICTER = {"min": 1, "max": -1, "max_drop": -1, "max_increase": -1}


@given(st.sampled_from(RULES), VALUES, VALUES, st.tuples(VALUES, VALUES), st.booleans())
def test_a_stricter_budget_never_turns_a_fail_into_a_pass(
    rule: str, value: float, reference: float, pair: tuple[float, float], percent: bool
) -> None:
    lenient, strict = sorted(pair, reverse=STRICTER[rule] < 0)
    as_written = "{:f}%".format if percent and rule.startswith("max_") else float
    verdicts = [
        verdict({"accuracy": {rule: as_written(limit)}}, make_result("int8", value), make_result(accuracy=reference))
        for limit in (lenient, strict)
    ]
    assert verdicts != ["fail", "pass"]


@given(st.sampled_from(RULES), VALUES, VALUES, VALUES)
def test_a_better_value_never_turns_a_pass_into_a_fail(
    rule: str, limit: float, reference: float, values: float
) -> None:
    good, bad = sorted([values, reference], reverse=rule in ("min", "max_drop"))
    verdicts = [
        verdict({"accuracy": {rule: limit}}, make_result("int8", value), make_result(accuracy=reference))
        for value in (bad, good)
    ]
    assert verdicts != ["pass", "fail"]


# What the user reads


def test_a_breach_says_case_metric_value_and_limit() -> None:
    found = check({"accuracy": {"min": 0.95}}, make_result("int8", accuracy=0.9))
    assert breach_line(found) == ("digits/efficientnet_lite0/top1/int8: accuracy 0.9000 is below 0.9500 (min = 0.95)")


def test_a_breach_against_a_reference_says_what_that_had() -> None:
    found = check({"inference_s": {"max_increase": "5%"}}, make_result("int8", inference_s=11.0), make_result())
    assert breach_line(found) == (
        "digits/efficientnet_lite0/top1/int8: inference_s 11 s is above 10.5 s (max_increase = 5% from 10 s)"
    )


def test_what_was_not_judged_says_why() -> None:
    found = check({"accuracy": {"max_drop": 0.02}}, make_result("int8"))
    assert breach_line(found) == (
        "digits/efficientnet_lite0/top1/int8: accuracy: not judged (max_drop = 0.02): "
        "the reference case has no result to compare with"
    )


@pytest.mark.parametrize(("value", "limit"), [(14.01, 14), (1234.5, 1234), (0.10004, 0.1)])
def test_a_breach_by_little_still_shows_two_different_figures(value: float, limit: float) -> None:
    line = breach_line(check({"size_mb": {"max": limit}}, make_result(size_mb=value)))
    shown, _, rest = line.partition(" size_mb ")[2].partition(" is above ")
    assert shown != rest.partition(" (")[0]


@given(st.sampled_from([*METRICS]), st.sampled_from(RULES), st.floats(0, 1e6), st.booleans())
def test_a_breach_is_one_line_that_names_its_case_and_metric(
    metric: str, rule: str, limit: float, has_reference: bool
) -> None:
    found = check({metric: {rule: limit}}, make_result("int8"), make_result() if has_reference else None)
    line = breach_line(found)
    assert line.startswith(f"{found.case_id}: {metric}")
    assert found.budget in line
    assert "\n" not in line
