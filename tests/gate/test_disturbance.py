"""A figure that fails its limit on a busy machine is no proof; all else is judged as on a quiet one."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_opml.gate.budgets import GateTerms, parse_budgets, parse_gate
from pytest_opml.gate.disturbance import disturbance
from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.gate.verdict import JudgedResult, judge
from pytest_opml.metrics import METRICS
from pytest_opml.records.device import GpuUse
from pytest_opml.records.result import Latency, Result
from pytest_opml.records.run import Check
from pytest_opml.reports.phrases import check_text
from tests.support.builders import make_conditions, make_result, make_run, make_side_by_side

WORK = "other work took 1.4 of 2 cores"
SECTIONS = ("offline", "single", "cold_start", "training", "preparation")
LATENCY = Latency(p50=50.0, p90=80.0, p95=90.0, p99=104.0, samples=700, intervals={"p99": (100.0, 108.0)})


def disturbed(*sections: str, technique: str = "baseline", **fields: Any) -> Result:
    """A result of which these parts were disturbed."""
    use = GpuUse(seconds=1, samples=3, energy_j=100.0)
    conditions = make_conditions().model_copy(
        update={"disturbed": dict.fromkeys(sections, WORK), "gpu_use": use if "gpu" in fields else None}
    )
    fields.pop("gpu", None)
    return make_result(technique, conditions=conditions, **{"latency_ms": LATENCY} | fields)


def check(budgets: dict[str, Any], result: Result, reference: Result | None = None, **terms: Any) -> Check:
    (only,) = judge(parse_budgets(budgets, "gate"), JudgedResult(result, reference), GateTerms(**terms))
    return only


@pytest.mark.parametrize(
    ("metric", "rule", "limit", "section"),
    [
        ("inference_s", "max", 5.0, "offline"),
        ("throughput", "min", 2000.0, "offline"),
        ("op_score", "max", 0.0, "offline"),
        ("energy_j", "max", 1.0, "offline"),
        ("latency_ms.p99", "max", 60.0, "single"),
        ("cold_start_s", "max", 0.1, "cold_start"),
        ("training_s", "max", 10.0, "training"),
        ("preparation_s", "max", 0.1, "preparation"),
    ],
)
def test_a_time_beyond_its_limit_fails_on_a_quiet_machine_and_is_inconclusive_on_a_busy_one(
    metric: str, rule: str, limit: float, section: str
) -> None:
    budget = {metric: {rule: limit}}
    quiet = check(budget, disturbed(*(part for part in SECTIONS if part != section), gpu=True))
    busy = check(budget, disturbed(section, gpu=True))
    assert (quiet.verdict, quiet.blocking, quiet.busy) == ("fail", True, False)
    assert (busy.verdict, busy.blocking, busy.busy) == ("inconclusive", True, True)
    assert busy.reason == f"the machine was busy: {WORK}"
    assert (busy.value, busy.limit, busy.confidence) == (quiet.value, quiet.limit, quiet.confidence)


def test_the_verdict_says_both_the_figure_and_what_disturbed_it() -> None:
    text = check_text(check({"latency_ms.p99": {"max": 60}}, disturbed("single")))
    assert text == f"latency_ms.p99 104 ms is above 60 ms (max = 60), but the machine was busy: {WORK}"


@pytest.mark.parametrize("inconclusive", ["pass", "fail"])
def test_it_blocks_whatever_becomes_of_what_is_inconclusive(inconclusive: str) -> None:
    assert check({"latency_ms.p99": {"max": 60}}, disturbed("single"), inconclusive=inconclusive).blocking


def test_a_value_within_its_limit_on_a_busy_machine_passes() -> None:
    found = check({"latency_ms.p99": {"max": 120}}, disturbed(*SECTIONS))
    assert (found.verdict, found.blocking, found.busy) == ("pass", False, False)


def test_one_that_chance_may_have_made_stays_as_it_is() -> None:
    found = check({"latency_ms.p99": {"max": 103}}, disturbed(*SECTIONS))
    assert (found.verdict, found.blocking, found.busy) == ("inconclusive", False, False)


@pytest.mark.parametrize(
    "budget",
    [
        {"accuracy": {"min": 0.99}},
        {"size_mb": {"max": 1}},
        {"peak_memory_mb": {"max": 1}},  # other work takes time, not this process's memory
        {"inference_s": {"min": 100}},  # nor does it make a case faster
        {"throughput": {"max": 1}},
    ],
)
def test_what_other_work_cannot_do_fails_all_the_same(budget: dict[str, Any]) -> None:
    found = check(budget, disturbed(*SECTIONS))
    assert (found.verdict, found.busy) == ("fail", False)


@pytest.mark.parametrize(
    ("metric", "rule", "far", "near"),
    [
        ("inference_s", "max", 0.0099, 0.0101),
        ("throughput", "min", 1_010_000.0, 990_000.0),
        ("training_s", "max", 0.0, 0.0601),
        ("op_score", "max", -1.9, -1.8),
    ],
)
def test_what_is_a_thousand_times_too_slow_is_so_on_any_machine(
    metric: str, rule: str, far: float, near: float
) -> None:
    result = disturbed(*SECTIONS)
    assert check({metric: {rule: far}}, result).verdict == "fail"
    assert check({metric: {rule: near}}, result).verdict == "inconclusive"


@pytest.mark.parametrize("metric", ["inference_s", "latency_ms.p50", "op_score"])
def test_a_relative_limit_is_judged_by_what_was_timed_in_turn(metric: str) -> None:
    reference = disturbed(*SECTIONS)
    slow = disturbed(*SECTIONS, technique="int8", inference_s=20.0, vs_reference=make_side_by_side(2.0, 2.0))
    found = check({metric: {"max_increase": 0.001}}, slow, reference)
    assert (found.verdict, found.busy) == ("fail", False)


def test_a_time_by_its_ratio_is_disturbed_where_its_reference_was() -> None:
    quiet, busy = disturbed(), disturbed(*SECTIONS)
    by_ratio = {"technique": "int8", "vs_reference": make_side_by_side()}
    assert disturbance(METRICS["inference_s"], disturbed(*SECTIONS, **by_ratio), quiet) == ""
    assert disturbance(METRICS["inference_s"], disturbed(**by_ratio), busy) == WORK
    assert disturbance(METRICS["op_score"], disturbed(**by_ratio), busy) == WORK
    # the higher percentiles, and all without a ratio, are its own
    assert disturbance(METRICS["latency_ms.p99"], disturbed(**by_ratio), busy) == ""
    assert disturbance(METRICS["inference_s"], disturbed(technique="int8"), busy) == ""
    assert disturbance(METRICS["inference_s"], disturbed("offline", technique="int8"), quiet) == WORK


def test_a_score_of_the_training_time_is_disturbed_where_that_was() -> None:
    score = make_result(inference_s=70.0).op_score  # of inference and training
    assert disturbance(METRICS["op_score"], disturbed("training", op_score=score), None) == WORK
    assert disturbance(METRICS["op_score"], disturbed("training"), None) == ""


def test_a_stored_run_is_judged_the_same() -> None:
    gate = parse_gate({"latency_ms": {"p99": {"max": 60}}, "accuracy": {"min": 0.5}}, "gate", ("cpu",))
    run = make_run([disturbed("single")])
    run = run.model_copy(update={"checks": judge_run(run, gate)})
    read = type(run).model_validate_json(run.model_dump_json())
    assert read == run
    assert judge_run(read, gate) == run.checks
    assert {found.metric: found.busy for found in run.checks} == {"latency_ms.p99": True, "accuracy": False}


def test_among_many_checks_one_that_chance_may_have_made_is_not_blamed_on_the_machine() -> None:
    limits = {"latency_ms": {"p99": {"max": 60}}, "inference_s": {"max": 9.795}, "accuracy": {"min": 0.5}}
    gate = parse_gate({"multiple": "holm"} | limits, "gate", ("cpu",))
    near = disturbed(*SECTIONS, inference_s=10.0)
    (_, by_time, by_latency) = sorted(judge_run(make_run([near]), gate), key=lambda c: c.metric)
    assert (by_latency.verdict, by_latency.busy, by_latency.blocking) == ("inconclusive", True, True)
    assert (by_time.verdict, by_time.busy, by_time.blocking) == ("inconclusive", False, False)
    assert "may be chance (Holm)" in by_time.reason
