from __future__ import annotations

import re
from typing import Any

import pytest

from pytest_opml.gate.budgets import Gate, parse_gate, with_options
from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.records.run import RunRecord
from pytest_opml.reports.terminal.verdicts import best_lines, breach_lines, verdict_lines
from tests.support.builders import make_case, make_failure, make_result, make_run, make_side_by_side

INT8 = make_case("int8").id
TABLE: dict[str, Any] = {
    "accuracy": {"min": 0.85, "max_drop": 0.05},
    "size_mb": {"max": 15},
    "latency_ms": {"p99": {"max": 60}},
}


def gate(table: dict[str, Any], *options: str) -> Gate:
    return with_options(parse_gate(table, "tool.opml.gate", ("cpu", "v100")), options)


def run(given: Gate, **fields: Any) -> RunRecord:
    results = [
        make_result(accuracy=0.95, test_samples=2_000),
        make_result("int8", 0.94, 3.0, 4.0, test_samples=2_000, vs_reference=make_side_by_side(0.3)),
        make_result("cluster-8", 0.86, 10.0, 5.0, test_samples=2_000, p99=None),
    ]
    record = make_run(results, **fields)
    return record.model_copy(update={"checks": judge_run(record, given)})


def told(given: Gate, width: int = 80, **fields: Any) -> str:
    return "\n".join(verdict_lines(run(given, **fields), given, width))


def test_no_budgets_are_no_lines() -> None:
    assert verdict_lines(run(gate({})), gate({}), 80) == []


def test_the_last_line_counts_the_verdicts_and_what_chance_may_do() -> None:
    assert " ".join(told(gate(TABLE)).split("\n\n")[-1].split()) == (
        "budgets: 8 passed, 1 failed, 1 inconclusive (counted as pass), 1 not judged "
        "(5 statistical checks; at most 0.13 false alarms expected)"
    )


def test_the_counts_have_the_cases_without_a_result() -> None:
    record = run(gate({"size_mb": {"max": 15}})).model_copy(update={"failures": (make_failure("float16"),)})
    last = verdict_lines(record, gate({}), 100)[-1]
    assert last == "budgets: 3 passed, 0 failed, 0 inconclusive, 0 not judged, 1 case without a result"


def test_a_family_is_named_in_it() -> None:
    text = " ".join(told(gate(TABLE | {"multiple": "holm"})).split())
    assert "(5 statistical checks in one family (Holm); at most 0.025 false alarms expected)" in text


def test_each_budget_has_a_line_with_the_case_that_is_nearest_to_failing_it() -> None:
    lines = told(gate(TABLE), 160).splitlines()
    assert lines[0].split() == [
        "budget",
        "cases",
        "closest",
        "value",
        "interval",
        "limit",
        "verdict",
        "confidence",
        "min.",
    ]
    found = {" ".join(line.split()[:4]): line.split()[4:] for line in lines[3:8]}
    assert found["accuracy min = 0.85"] == [
        *("3", "cluster-8", "0.8600", "0.8440", "to", "0.8749", "0.8500", "inconclusive,", "89", "%", "0.0221")
    ]
    assert "counted as pass" in lines[4]
    assert found["size_mb max = 15"] == ["3", "baseline", "14", "MB", "15", "MB", "pass", "exact"]
    assert found["accuracy max_drop = 0.05"][:2] == ["2", "cluster-8"]
    assert "fail" in found["accuracy max_drop = 0.05"]


@pytest.mark.parametrize("width", [60, 80, 160])
def test_value_limit_and_verdict_are_told_at_any_width(width: int) -> None:
    lines = told(gate(TABLE), width).splitlines()
    line = next(line for line in lines if line.startswith("accuracy min =")).split()
    assert [line.index(text) for text in ("0.8600", "0.8500", "inconclusive,")] == sorted(
        line.index(text) for text in ("0.8600", "0.8500", "inconclusive,")
    )
    assert ("Min. detectable is the smallest excess" in " ".join(" ".join(lines).split())) is (width == 160)
    assert ("%" in line) is ("confidence" in lines[0]) is (width == 160)


def test_the_closest_case_is_the_one_on_the_wrong_side_of_the_limit() -> None:
    given = gate({"accuracy": {"min": 0.87}, "size_mb": {"max": 12}})
    near = make_result("int8", 0.871, 3.0, 14.0, test_samples=2_000)
    beyond = make_result("cluster-8", 0.86, 10.0, 12.1, test_samples=2_000)
    far_beyond = make_result("prune-0.5", 0.96, 10.0, 13.0, test_samples=2_000)
    record = make_run([near, beyond, far_beyond])
    record = record.model_copy(update={"checks": judge_run(record, given)})
    lines = verdict_lines(record, given, 160)
    assert next(line for line in lines if line.startswith("accuracy min =")).split()[5] == "cluster-8"
    assert next(line for line in lines if line.startswith("size_mb max =")).split()[5] == "int8"


@pytest.mark.parametrize("width", [60, 80, 120, 160])
def test_lines_keep_to_the_width_but_commands(width: int) -> None:
    collected = {INT8: "bench/bench_it.py::bench[int8]", make_case("cluster-8").id: "bench/bench_it.py::bench[c]"}
    lines = told(gate(TABLE, "op_score.max=0.1"), width, collected=collected).splitlines()
    assert all(len(line) <= width for line in lines if not line.startswith("  again"))


def test_a_no_is_explained() -> None:
    collected = {make_case("cluster-8").id: "bench/bench_it.py::bench[c d]"}
    given = gate(TABLE, "size_mb.max=20", "confidence=0.9")
    text = told(given, 100, collected=collected)
    block = next(part for part in text.split("\n\n") if part.startswith("FAIL")).splitlines()
    assert block[0] == "FAIL cluster-8: accuracy 0.8600 is below 0.9000 (max_drop = 0.05 from 0.9500)"
    assert block[1] == "  budget     max_drop = 0.05, tool.opml.gate.accuracy.max_drop in pyproject.toml"
    assert block[2].startswith("  evidence   interval 0.8")
    assert block[2].endswith(", confidence > 99.99 %")
    assert block[3] == "  reference  digits/efficientnet_lite0/top1/baseline"
    assert block[4] == "  OpScore    +0.000 against it: error +0.447, time +0.000, size -0.447"
    assert block[5] == (
        "  again      pytest 'bench/bench_it.py::bench[c d]' --opml-gpu=v100 --opml-gate=size_mb.max=20"
    )


def test_what_was_measured_once_says_so() -> None:
    assert "evidence   measured once: no interval, judged as it is" in told(gate({"training_s": {"max": 1}}))
    assert "evidence   exact" in told(gate({"size_mb": {"max": 1}}))


def test_two_breaches_of_a_case_share_their_explanation() -> None:
    text = told(gate({"size_mb": {"max": 3}, "training_s": {"max": 1}}), collected={INT8: "t"})
    block = next(part for part in text.split("\n\n") if part.startswith("FAIL int8")).splitlines()
    assert sum(line.startswith("FAIL") for line in block) == 2
    assert sum("  again " in line for line in block) == sum("OpScore" in line for line in block) == 1


def test_what_was_not_judged_says_why_and_where_it_is_asked() -> None:
    text = told(gate(TABLE))
    block = next(part for part in text.split("\n\n") if part.startswith("NOT JUDGED")).splitlines()
    assert " ".join(block[0].split() + block[1].split()).startswith(
        "NOT JUDGED cluster-8: latency_ms.p99: not judged (max = 60): latency_ms.p99 has not enough samples"
    )
    assert "tool.opml.gate.latency_ms.p99.max" in block[-1] + block[-2]


def test_a_missing_case_is_named() -> None:
    given = gate({"case": [{"match": "*/prune-*", "size_mb": {"max": 5}}]})
    text = " ".join(told(given).split())
    assert "NOT JUDGED */prune-*: no case of this run has such an id: renamed, or no longer collected?" in text


def test_what_is_inconclusive_is_one_line() -> None:
    line = "cluster-8: accuracy 0.8600 (min = 0.85): 0.8500 lies within 0.8440 to 0.8749"
    text = " ".join(told(gate(TABLE)).split())
    needed = text.partition(f"INCONCLUSIVE, counted as pass: {line}; ")[2]
    assert re.match(r"about \d,\d00 test examples would decide it budgets: ", needed)
    strict = " ".join(told(gate(TABLE | {"inconclusive": "fail"})).split())
    assert f"INCONCLUSIVE, counted as fail: {line}; about " in strict


def test_a_breach_by_little_still_shows_two_different_figures() -> None:
    given = gate({"deflated_mb": {"max": 12.599999}})
    assert breach_lines(run(given).checks[:1]) == [
        "deflated_mb 12.6 > 12.599999 (max = 12.599999)",
        "  of digits/efficientnet_lite0/top1/baseline",
    ]


def test_the_breaches_of_more_than_one_case_are_told_apart() -> None:
    given = gate({"size_mb": {"max": 4}, "accuracy": {"min": 0.9}})
    failed = [check for check in run(given).checks if check.verdict == "fail"]
    assert breach_lines(failed) == [
        "size_mb 14 MB > 4 MB (max = 4)",
        "  of digits/efficientnet_lite0/top1/baseline",
        "size_mb 5 MB > 4 MB (max = 4)",
        "accuracy 0.8600 < 0.9000 (min = 0.9)",
        "  of digits/efficientnet_lite0/top1/cluster-8",
    ]


def test_a_check_of_an_unknown_metric_is_still_told() -> None:
    given = gate({"size_mb": {"max": 1}})
    record = run(given)
    unknown = [check.model_copy(update={"metric": "of_another_package"}) for check in record.checks]
    lines = verdict_lines(record.model_copy(update={"checks": tuple(unknown)}), given, 80)
    assert any("of_another_package 14 is above 1 (max = 1)" in line for line in lines)


def test_the_best_within_the_budgets_and_what_they_cost() -> None:
    lines = best_lines(run(gate({"size_mb": {"max": 4.5, "min": 4.5}})), 80)
    assert lines == [
        "None of 3 on digits passes all budgets",
        "Pareto front: int8, baseline",
        "without size_mb max: baseline (OpScore 0.845)",
        "without size_mb min: int8 (OpScore -0.143)",
    ]


def test_a_best_case_that_passes_as_inconclusive_says_so() -> None:
    lines = best_lines(run(gate({"accuracy": {"min": 0.85}, "size_mb": {"max": 12, "min": 4}})), 160)
    assert lines[0] == (
        "Best of 3 on digits within the budgets, which 2 pass (1 of them inconclusive, counted as pass): "
        "int8 (OpScore -0.143)"
    )
    alone = best_lines(run(gate({"accuracy": {"min": 0.85, "max": 0.9}})), 160)
    assert alone[0] == (
        "Best of 3 on digits within the budgets, which 1 passes (inconclusive, counted as pass): "
        "cluster-8 (OpScore 0.845; inconclusive, counted as pass)"
    )


def test_without_budgets_the_best_is_the_first_and_a_case_alone_is_not_best_of_anything() -> None:
    assert best_lines(run(gate({})), 80)[0] == "Best of 3 on digits: int8 (OpScore -0.143)"
    assert best_lines(make_run([make_result()]), 80) == []
    assert best_lines(make_run([make_result()]), 80, alone=True)[0] == "Best of 1 on digits: baseline (OpScore 1.146)"


def test_cases_that_were_not_judged_for_the_same_reason_are_told_of_once() -> None:
    given = gate({"energy_j": {"max": 3}, "size_mb": {"max": 4.5}})
    lines = told(given, 120).splitlines()
    heads = [line for line in lines if line.startswith("NOT JUDGED")]
    assert heads == ["NOT JUDGED baseline: energy_j: not judged (max = 3): energy_j is not told by this device"]
    assert "  likewise   int8, cluster-8" in lines
    assert sum(line.startswith("FAIL") for line in lines) == 2  # by figures of their own
    assert not [line for line in lines[: lines.index(heads[0])] if "likewise" in line]
