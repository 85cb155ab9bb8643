from __future__ import annotations

from typing import Any

import pytest

from pytest_opml.gate.run_cost import MaxCost, judge_cost
from pytest_opml.history.base import CALL_S, COLUMNS, Outline
from pytest_opml.history.memory import MemoryHistory
from pytest_opml.records.node_use import NodeUse
from pytest_opml.records.run import Check, CiRun, RunRecord
from pytest_opml.reports.site.run_document import (
    FAIL,
    INCONCLUSIVE,
    NO_BUDGET,
    NO_RESULT,
    NOT_JUDGED,
    PASS,
    SITE_METRICS,
    WAIVED,
    Place,
    budget_rows,
    checks_by_place,
    list_row,
    metric_rows,
    outcomes,
    run_document,
    run_verdict,
    verdict_sentence,
)
from pytest_opml.reports.site.state import Numbers
from tests.support.builders import make_case, make_failure, make_result, make_run
from tests.support.history_runs import commit_of, make_timing

CASE = make_case().id


def outline_of(run: RunRecord) -> Outline:
    (outline,) = MemoryHistory([run]).outlines([run.run_id])
    return outline


def check(verdict: Any, **fields: Any) -> Check:
    given: dict[str, Any] = {
        "case_id": CASE,
        "profile": "v100",
        "metric": "size_mb",
        "rule": "max",
        "limit": 5.0,
        "budget": "max = 5",
        "source": "tool.opml.gate.size_mb",
        "value": 14.0,
        "verdict": verdict,
        "blocking": verdict == "fail",
    }
    return Check(**given | fields)


def document_of(run: RunRecord) -> dict[str, Any]:
    outline = outline_of(run)
    all_outcomes = outcomes(outline)
    places = {outcome.place: at for at, outcome in enumerate(all_outcomes)}
    return run_document(7, outline, all_outcomes, places, Numbers([]))


def test_each_metric_of_the_history_is_in_a_row_once() -> None:
    assert sorted(SITE_METRICS) == sorted((*COLUMNS, CALL_S))
    assert [row[0] for row in metric_rows()] == list(SITE_METRICS)
    assert metric_rows()[:4] == [
        ["op_score", "", "lower", True],
        ["quality", "", "higher", False],
        ["inference_s", "s", "lower", True],
        ["size_mb", "MB", "lower", False],
    ]


def test_a_row_leaves_out_the_figures_that_come_last_and_are_missing() -> None:
    (outcome,) = outcomes(outline_of(make_run([make_result(size_mb=14.2)])))
    row = outcome.line(3, 1)
    assert row.startswith("[3,1,0,")
    assert not row.endswith("null]")
    assert ",14.2," in row
    (failed,) = outcomes(outline_of(make_run(failures=[make_failure()])))
    assert failed.line(3, 1) == f"[3,1,{NO_RESULT}]"


def test_a_size_has_each_byte() -> None:
    (outcome,) = outcomes(outline_of(make_run([make_result(size_mb=14.123456)])))
    assert outcome.figures[SITE_METRICS.index("size_mb")] == "14.123456"


@pytest.mark.parametrize(
    ("checks", "code"),
    [
        ([], NO_BUDGET),
        ([check("pass")], PASS),
        ([check("pass"), check("fail"), check("not_judged")], FAIL),
        ([check("inconclusive"), check("pass")], INCONCLUSIVE),
        ([check("not_judged"), check("inconclusive")], NOT_JUDGED),
        ([check("fail", blocking=False, waived="until May"), check("pass")], WAIVED),
        ([check("pass", profile="cpu")], NO_BUDGET),
        ([check("fail", profile=None)], FAIL),
        ([check("fail", case_id="another")], NO_BUDGET),
    ],
)
def test_a_result_has_the_worst_verdict_on_it(checks: list[Check], code: int) -> None:
    (outcome,) = outcomes(outline_of(make_run([make_result()], checks=checks)))
    assert outcome.verdict == code


@pytest.mark.parametrize(
    ("fields", "code", "sentence"),
    [
        ({}, NO_BUDGET, "No budget is set."),
        ({"checks": [check("pass")]}, PASS, "The one budget passed."),
        ({"checks": [check("pass")] * 3}, PASS, "All 3 budgets passed."),
        ({"checks": [check("pass"), check("fail")]}, FAIL, "1 of 2 budgets failed."),
        (
            {"checks": [check("pass"), check("inconclusive")]},
            PASS,
            "No budget failed: 1 of 2 budgets passed, 1 inconclusive (counted as pass).",
        ),
        (
            {"checks": [check("pass"), check("inconclusive", blocking=True)]},
            NOT_JUDGED,
            "No budget failed: 1 of 2 budgets passed, 1 inconclusive (counted as fail).",
        ),
        (
            {"checks": [check("not_judged", blocking=True), check("pass")]},
            NOT_JUDGED,
            "No budget failed: 1 of 2 budgets passed, 1 not judged.",
        ),
        (
            {"checks": [check("fail", blocking=False, waived="x"), check("pass")]},
            PASS,
            "No budget failed: 1 of 2 budgets passed, 1 failed and waived.",
        ),
        (
            {"checks": [check("pass")], "failures": [make_failure("int8")]},
            NOT_JUDGED,
            "The one budget passed; 1 case without a result.",
        ),
        (
            {"interrupted": True},
            NOT_JUDGED,
            "The run was interrupted: it was stopped before its end, and cases are missing. No budget is set.",
        ),
    ],
)
def test_a_run_has_a_verdict_and_a_sentence(fields: dict[str, Any], code: int, sentence: str) -> None:
    outline = outline_of(make_run([make_result()], **fields))
    assert (run_verdict(outline), verdict_sentence(outline)) == (code, sentence)
    assert list_row(5, 2, outline)[6] == code
    assert list_row(5, 2, outline)[-1] == ("interrupted" in fields)


def test_a_document_has_what_did_not_pass_the_worst_first() -> None:
    checks = [check("pass"), check("inconclusive"), check("fail")]
    document = document_of(make_run([make_result()], checks=checks))
    assert [row[2] for row in document["checks"]] == [FAIL, INCONCLUSIVE]
    assert document["checks"][0][4] == "size_mb 14 MB is above 5 MB (max = 5)"
    assert document["more_checks"] == 0


def test_a_document_has_what_the_run_cost_and_a_check_of_the_run_beside_those_of_its_cases() -> None:
    use = NodeUse(profile="v100", nodes=1, seconds=3600, price_per_hour=2.48)
    run = make_run([make_result()], checks=[check("fail")], node_use=(use,))
    run = run.model_copy(update={"checks": (*run.checks, *judge_cost(run, MaxCost(2.0, "s")))})
    document = document_of(run)
    assert document["cost"] == "2.48 (v100 1:00:00 at 2.48/h)"
    reason = "the run cost 2.48, at most 2.00 is allowed (max_cost)"
    assert document["checks"][1] == ["", "", FAIL, "fail", reason]
    assert document_of(make_run([make_result()]))["cost"] == ""
    assert [place.case_id for place in checks_by_place(run.checks)] == [CASE]


def test_a_document_has_no_more_checks_than_can_be_read() -> None:
    document = document_of(make_run([make_result()], checks=[check("fail")] * 260))
    assert (len(document["checks"]), document["more_checks"]) == (200, 60)


def test_a_document_has_results_and_failures_by_their_series() -> None:
    run = make_run([make_result(), make_result("int8")], [make_failure("float16")], timings=[make_timing(call_s=0.5)])
    document = document_of(run)
    assert [row[0] for row in document["results"]] == [0, 1, 2]
    assert document["results"][2][3:] == [None, None, None, None, 0.5]
    assert document["failures"] == [[3, "crash", "it fell over"]]


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://ci.example/jobs/1?x=2", "https://ci.example/jobs/1?x=2"),
        ("http://ci.example/jobs/1", ""),
        ("javascript:alert(1)", ""),
        ('https://ci.example/"><script>', ""),
        (None, ""),
    ],
)
def test_only_a_plain_address_becomes_a_link(url: str | None, link: str) -> None:
    commit = commit_of("a", ci=CiRun(service="CI", url=url))
    assert document_of(make_run([make_result()], commit=commit))["job"] == {
        "service": "CI",
        "request": "",
        "link": link,
    }


def test_budgets_are_those_of_the_case_and_its_device() -> None:
    checks = [check("fail"), check("pass", case_id="another"), check("pass", rule="case"), check("pass", rule="min")]
    places = checks_by_place(checks)
    assert set(places) == {Place(CASE, "v100"), Place("another", "v100")}
    assert [row[:6] for row in budget_rows(places[Place(CASE, "v100")])] == [
        ["size_mb", "max = 5", 5.0, 14.0, FAIL, "most"],
        ["size_mb", "max = 5", 5.0, 14.0, PASS, "least"],
    ]
