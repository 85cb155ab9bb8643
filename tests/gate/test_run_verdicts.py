from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.gate.budgets import Gate, parse_gate
from pytest_opml.gate.run_verdicts import drop_unreached_cases, expected_false_alarms, judge_run
from pytest_opml.metrics import placeholder
from pytest_opml.records.result import Result
from pytest_opml.records.run import Baseline, Check, RunRecord
from pytest_opml.runner.outcome import FAILED, NOT_JUDGED, PASSED, conclude
from tests.support.builders import make_case, make_device, make_failure, make_result, make_run, make_side_by_side

TABLE: dict[str, Any] = {
    "accuracy": {"min": 0.88, "max_drop": 0.01},
    "size_mb": {"max": 10},
    "inference_s": {"max_increase": "5%"},
    "rank": {"max": 2},
    "normalised_score": {"max": 0.5},
}


def gate(table: dict[str, Any]) -> Gate:
    return parse_gate(table, "gate", ("cpu", "v100"))


def settled(record: RunRecord, table: dict[str, Any]) -> RunRecord:
    return record.model_copy(update={"checks": judge_run(record, gate(table))})


def exit_code(record: RunRecord) -> int:
    return conclude(record).code


def lines(record: RunRecord, table: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(c.case_id.rpartition("/")[2], f"{c.metric} {c.rule}", c.verdict) for c in judge_run(record, gate(table))]


def three() -> list[Result]:
    return [
        make_result(accuracy=0.95),
        make_result("int8", 0.94, 3.0, 4.0, vs_reference=make_side_by_side(0.3)),
        make_result("float16", 0.95, 20.0, 7.0, vs_reference=make_side_by_side(2.0)),
    ]


def test_places_among_all_cases_are_judged_at_the_end() -> None:
    table = {"rank": {"max": 1, "max_increase": 0}, "normalised_score": {"max": 0.1}}
    assert lines(make_run(three()), table) == [
        ("baseline", "rank max", "fail"),
        ("baseline", "normalised_score max", "fail"),
        ("int8", "rank max", "pass"),
        ("int8", "rank max_increase", "pass"),
        ("int8", "normalised_score max", "pass"),
        ("float16", "rank max", "fail"),
        ("float16", "rank max_increase", "pass"),  # 20 s x 7 MB is 10 s x 14 MB: the same score, the same place
        ("float16", "normalised_score max", "fail"),
    ]


def test_a_case_alone_has_no_place() -> None:
    (found,) = judge_run(make_run([make_result()]), gate({"rank": {"max": 1}}))
    assert (found.verdict, found.reason) == ("not_judged", "rank needs another case on the same test set")


def test_a_reference_that_was_not_collected_is_not_judged() -> None:
    record = make_run(three(), reference_only=(make_case("baseline").id,))
    assert {name for name, _, _ in lines(record, {"size_mb": {"max": 10}})} == {"int8", "float16"}


def test_the_markers_budgets_are_in_the_record() -> None:
    marked = {make_case("int8").id: {"marker opml on bench: gate": {"size_mb": {"max": 1}}}}
    found = judge_run(make_run(three(), marker_budgets=marked), gate({"size_mb": {"max": 20}}))
    assert [(c.verdict, c.source) for c in found] == [
        ("pass", "gate.size_mb.max"),
        ("fail", "marker opml on bench: gate.size_mb.max"),
        ("pass", "gate.size_mb.max"),
    ]


# --- what is not there


def test_a_case_that_was_collected_and_has_no_result_does_not_pass() -> None:
    record = make_run(three(), collected={make_case("cluster-8").id: "bench/bench_it.py::bench[cluster-8]"})
    found = judge_run(record, gate({"size_mb": {"max": 100}}))[-1]
    assert (found.case_id, found.rule, found.verdict) == (make_case("cluster-8").id, "case", "not_judged")
    assert found.reason == "was collected, but has no result"
    assert exit_code(settled(record, {"size_mb": {"max": 100}})) == NOT_JUDGED


def test_a_case_without_budgets_or_with_optional_ones_may_lack_a_result() -> None:
    record = make_run(three(), collected={make_case("cluster-8").id: "t"})
    assert judge_run(record, gate({})) == ()
    table = {"size_mb": {"max": 100, "optional": True}}
    assert exit_code(settled(record, table)) == PASSED


def test_a_failed_case_is_not_reported_twice() -> None:
    record = make_run(three(), [make_failure("cluster-8")], collected={make_case("cluster-8").id: "t"})
    assert all(check.rule != "case" for check in judge_run(record, gate({"size_mb": {"max": 100}})))


def test_what_a_stopped_run_did_not_come_to_is_not_missing() -> None:
    record = drop_unreached_cases(
        make_run(three(), collected={make_case(name).id: "t" for name in ("int8", "prune-0.5")})
    )
    assert judge_run(record, gate({"size_mb": {"max": 100}} | NAMED))[-1].rule == "max"
    assert list(record.collected) == [make_case("int8").id]


NAMED = {"case": [{"match": "*/prune-*", "size_mb": {"max": 5}}]}


def test_a_budget_for_cases_that_are_not_there_does_not_pass() -> None:
    (found,) = judge_run(make_run(three()), gate(NAMED))
    assert (found.case_id, found.verdict, found.source) == ("*/prune-*", "not_judged", "gate.case[1]")
    assert found.blocking
    assert exit_code(settled(make_run(three()), NAMED)) == NOT_JUDGED


@pytest.mark.parametrize(
    "changed",
    [
        {"deselected": (make_case("prune-0.5").id,)},
        {"partial_selection": True},
        {"failures": (make_failure("prune-0.5"),)},
    ],
)
def test_unless_the_command_line_left_them_out_or_they_failed(changed: dict[str, Any]) -> None:
    record = make_run(three()).model_copy(update=changed)
    assert [check for check in judge_run(record, gate(NAMED)) if check.rule == "case"] == []


def test_unless_they_are_optional() -> None:
    table = {"case": [{"match": "*/prune-*", "optional": True, "size_mb": {"max": 5}}]}
    assert judge_run(make_run(three()), gate(table)) == ()


# --- many checks


def chancy(number: int, accuracy: float) -> Result:
    return make_result("int8", accuracy, case=make_case("int8", seed=number + 1), test_samples=1_000)


def test_among_many_checks_a_breach_that_may_be_chance_is_none_for_holm() -> None:
    # of 40 at the limit of 0.9, one is 2.3 standard errors below, and one is far below
    results = [chancy(number, 0.9) for number in range(38)] + [chancy(38, 0.877), chancy(39, 0.8)]
    table = {"accuracy": {"min": 0.9}}
    verdicts = {
        multiple: [c.verdict for c in judge_run(make_run(results), gate(table | {"multiple": multiple}))][-2:]
        for multiple in ("each", "holm")
    }
    assert verdicts == {"each": ["fail", "fail"], "holm": ["inconclusive", "fail"]}
    found = judge_run(make_run(results), gate(table | {"multiple": "holm", "inconclusive": "fail"}))[-2]
    assert found.blocking
    assert found.reason == "among 40 checks, one like it may be chance (Holm)"


def test_holm_leaves_figures_without_an_interval_alone() -> None:
    assert lines(make_run(three()), {"size_mb": {"max": 10}, "multiple": "holm"})[0][2] == "fail"


def test_the_expected_number_of_false_alarms() -> None:
    results = [chancy(number, 0.9) for number in range(40)]
    for multiple, expected in (("each", 40 * 0.025), ("holm", 0.025)):
        given_ = gate({"accuracy": {"min": 0.8}, "size_mb": {"max": 90}, "multiple": multiple})
        assert expected_false_alarms(judge_run(make_run(results), given_), given_.terms) == pytest.approx(expected)


# --- properties


def by_case(checks: tuple[Check, ...]) -> set[str]:
    return {check.model_dump_json() for check in checks}


@given(st.randoms(use_true_random=False), st.sampled_from(["each", "holm"]), st.lists(st.floats(0.6, 1), max_size=6))
def test_verdicts_do_not_depend_on_the_order_of_the_cases(
    order: random.Random, multiple: str, accuracies: list[float]
) -> None:
    results = [*three(), *(chancy(number, round(share, 3)) for number, share in enumerate(accuracies))]
    shuffled = order.sample(results, len(results))
    given_ = gate(TABLE | {"multiple": multiple})
    assert by_case(judge_run(make_run(results), given_)) == by_case(judge_run(make_run(shuffled), given_))


@given(st.lists(st.floats(0.6, 1), max_size=4), st.sampled_from(["each", "holm"]), st.floats(0.6, 0.99))
def test_a_stored_run_is_judged_as_it_was_live(accuracies: list[float], multiple: str, limit: float) -> None:
    results = [*three(), *(chancy(number, round(share, 3)) for number, share in enumerate(accuracies))]
    given_ = gate(TABLE | {"accuracy": {"min": limit}, "multiple": multiple})
    live = make_run(results, collected={make_case("cluster-8").id: "t"})
    live = live.model_copy(update={"checks": judge_run(live, given_)})
    stored = RunRecord.model_validate_json(live.model_dump_json())
    assert judge_run(stored, given_) == live.checks == stored.checks
    assert exit_code(stored) == exit_code(live)


@given(st.lists(st.floats(0.6, 1), min_size=1, max_size=6), st.tuples(st.floats(0.6, 1), st.floats(0.6, 1)))
def test_a_stricter_budget_never_turns_a_fail_into_a_pass_in_a_family(
    accuracies: list[float], pair: tuple[float, float]
) -> None:
    worse = {"pass": 0, "inconclusive": 1, "fail": 2}
    record = make_run([chancy(number, round(share, 3)) for number, share in enumerate(accuracies)])
    lenient, strict = (
        judge_run(record, gate({"accuracy": {"min": limit}, "multiple": "holm"})) for limit in sorted(pair)
    )
    assert all(worse[one.verdict] <= worse[other.verdict] for one, other in zip(lenient, strict, strict=True))


def test_the_exit_code_follows_from_the_checks() -> None:
    assert exit_code(settled(make_run(three()), {"size_mb": {"max": 10}})) == FAILED
    assert exit_code(settled(make_run(three()), {"size_mb": {"max": 20}})) == PASSED
    undecided = {"accuracy": {"min": 0.95}}
    assert exit_code(settled(make_run([make_result(accuracy=0.95)]), undecided)) == PASSED
    assert (
        exit_code(settled(make_run([make_result(accuracy=0.95)]), undecided | {"inconclusive": "fail"})) == NOT_JUDGED
    )


# --- metrics that are not registered here


def lenient(table: dict[str, Any]) -> Gate:
    return parse_gate(table, "gate", ("cpu", "v100"), find=placeholder)


def layers_check(**fields: Any) -> Check:
    """A check of a metric of the user's own, as it was stored."""
    given = {"case_id": make_case("int8").id, "profile": "v100", "metric": "layers_seen", "rule": "max", "limit": 40.0}
    given |= {
        "budget": "max = 40",
        "source": "gate",
        "value": 50.0,
        "verdict": "fail",
        "blocking": True,
        "confidence": 0.99,
    }
    return Check.model_validate(given | fields)


SHOWN = "the metric layers_seen is not registered here, so it is shown as it was stored"


@pytest.mark.parametrize("multiple", ["each", "holm"])
@pytest.mark.parametrize("verdict", ["pass", "fail", "inconclusive"])
def test_a_stored_check_of_a_metric_that_is_gone_stays_as_it_is(verdict: str, multiple: str) -> None:
    stored = layers_check(verdict=verdict)
    record = make_run([make_result(), make_result("int8")], checks=[stored], reference_only=(make_case().id,))
    gate = lenient({"layers_seen": {"max": 40}, "size_mb": {"max": 90}, "multiple": multiple})
    known, unknown = judge_run(record, gate)
    assert (known.metric, known.verdict) == ("size_mb", "pass")
    assert unknown == stored.model_copy(update={"reason": SHOWN})
    assert judge_run(record.model_copy(update={"checks": (known, unknown)}), gate) == (known, unknown)


def test_the_reason_that_was_stored_is_kept_beside_it() -> None:
    record = make_run([make_result("int8")], checks=[layers_check(verdict="inconclusive", reason="chance")])
    (check,) = judge_run(record, lenient({"layers_seen": {"max": 40}}))
    assert check.reason == f"chance; {SHOWN}"


@pytest.mark.parametrize(("optional", "blocking"), [(False, True), (True, False)])
def test_another_budget_on_it_is_not_judged(optional: bool, blocking: bool) -> None:
    record = make_run([make_result("int8")], checks=[layers_check()])
    (check,) = judge_run(record, lenient({"layers_seen": {"max": 90, "optional": optional}}))
    assert (check.verdict, check.blocking, check.value, check.limit) == ("not_judged", blocking, None, 90.0)
    assert check.reason == "the metric layers_seen is not registered here, and no check of this budget was stored"


def test_a_budget_of_a_marker_on_it_does_not_hinder() -> None:
    case = make_case("int8")
    record = make_run([make_result("int8")], checks=[layers_check()])
    record = record.model_copy(update={"marker_budgets": {case.id: {"marker": {"layers_seen": {"max": 40}}}}})
    (check,) = judge_run(record, gate({}))
    assert (check.verdict, check.reason) == ("fail", SHOWN)


def test_a_relative_budget_on_it_does_not_apply_to_a_reference() -> None:
    checks = judge_run(make_run([make_result(), make_result("int8")]), lenient({"layers_seen": {"max_increase": "5%"}}))
    assert [check.case_id for check in checks] == [make_case("int8").id]


# --- results of several devices


def on(profile: str, technique: str = "baseline", *figures: float, **fields: Any) -> Result:
    return make_result(technique, *figures, device=make_device(profile), **fields)


def test_each_result_is_held_to_the_budgets_of_its_own_device() -> None:
    record = make_run([on("t4", size_mb=9.0), on("cpu", size_mb=9.0)])
    checks = judge_run(record, gate({"size_mb": {"max": 10}, "gpu": {"cpu": {"size_mb": {"max": 5}}}}))
    assert [(check.profile, check.limit, check.verdict) for check in checks] == [("t4", 10, "pass"), ("cpu", 5, "fail")]


def test_a_result_is_compared_with_the_reference_and_the_baseline_of_its_own_device() -> None:
    then = on("t4", "int8", size_mb=4.0)
    run = make_run()
    about = {"run_id": "r", "started": run.started, "commit": None, "device": then.device}
    record = make_run(
        [
            on("t4", size_mb=20.0),
            on("cpu", size_mb=10.0),
            on("t4", "int8", size_mb=8.0),
            on("cpu", "int8", size_mb=8.0),
        ],
        baselines=(Baseline.model_validate(about | {"result": then}),),
    )
    table = {"size_mb": {"max_increase": "0%", "max_regression": "0%"}}
    checks = [check for check in judge_run(record, gate(table)) if check.case_id == make_case("int8").id]
    assert [(check.profile, check.rule, check.verdict, check.reference_value) for check in checks] == [
        ("t4", "max_increase", "pass", 20.0),
        ("t4", "max_regression", "fail", 4.0),
        ("cpu", "max_increase", "pass", 10.0),
        ("cpu", "max_regression", "not_judged", None),
    ]


def test_a_place_is_one_among_those_of_the_same_device() -> None:
    record = make_run(
        [
            on("t4", "baseline", 0.9, 1.0),
            on("t4", "int8", 0.9, 2.0),
            on("cpu", "baseline", 0.9, 9.0),
            on("cpu", "int8", 0.9, 8.0),
        ]
    )
    checks = judge_run(record, gate({"rank": {"max": 1}}))
    ranks = [(check.profile, check.case_id == make_case("int8").id, check.value) for check in checks]
    assert ranks == [("t4", False, 1.0), ("t4", True, 2.0), ("cpu", False, 2.0), ("cpu", True, 1.0)]
