from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.records.run import CiRun
from pytest_opml.reports.page.build import page_of
from pytest_opml.reports.page.model import Page, Table
from tests.support.builders import make_case, make_failure, make_result, make_run
from tests.support.history_runs import commit_of, make_timing
from tests.support.pages import (
    BROKEN,
    BUDGETS,
    HOSTILE,
    gate_of,
    make_baselines,
    make_eight,
    make_full_page,
    make_hostile,
    make_page,
)

CLOSE = {"accuracy": {"min": 0.93}}


def column(table: Table | None, header: str) -> list[str]:
    assert table
    return [row[table.headers.index(header)] for row in table.rows]


def texts(value: Any) -> list[str]:
    """Every text of plain data."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, (list, tuple)):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize(
    ("table", "failures", "state", "headline"),
    [
        (BUDGETS, 0, "pass", "All 30 budgets passed"),
        (BUDGETS, 1, "not_judged", "All 30 budgets passed; 1 case without a result"),
        ({"rank": {"max": 9}, "case": []}, 0, "pass", "All 8 budgets passed"),
        (BROKEN, 1, "fail", "4 of 38 budgets failed"),
        ({"size_mb": {"max": 14}}, 0, "fail", "2 of 8 budgets failed"),
        ({"energy_j": {"max": 3}}, 0, "not_judged", "No budget failed: 0 of 8 budgets passed, 8 not judged"),
        (CLOSE, 0, "pass", "No budget failed: 4 of 8 budgets passed, 4 inconclusive (counted as pass)"),
        (
            CLOSE | {"inconclusive": "fail"},
            0,
            "not_judged",
            "No budget failed: 4 of 8 budgets passed, 4 inconclusive (counted as fail)",
        ),
        ({}, 0, "none", "No budget is set"),
        ({}, 2, "not_judged", "No budget is set; 2 cases without a result"),
    ],
)
def test_the_headline_is_the_verdict_in_words(table: dict[str, Any], failures: int, state: str, headline: str) -> None:
    failed = [make_failure("prune-0.5"), make_failure("prune-0.7")][:failures]
    page = make_page(table, failures=failed)
    assert (page.state, page.headline) == (state, headline)


@pytest.mark.parametrize(
    ("fields", "headline"),
    [
        ({}, "Nothing was measured"),
        ({"failures": [make_failure()]}, "Nothing was measured: 1 case without a result"),
        ({"timings": [make_timing()]}, "Nothing was measured; the run has 1 imported benchmark"),
    ],
)
def test_a_run_without_results_says_so(fields: dict[str, Any], headline: str) -> None:
    page = page_of(make_run(**fields), gate_of({}))
    assert (page.state, page.headline, page.legend) == ("not_judged", headline, "")
    assert [found.table for found in page.test_sets] == [None] * len(fields.get("failures", ()))


def test_the_cases_of_each_verdict_are_named_in_what_would_mend_them() -> None:
    named: dict[str, list[str]] = {}
    for remedy in make_full_page().remedies:
        named.setdefault(remedy.verdict, []).extend(remedy.case.split(", "))
    assert set(named["fail"]) == {"top1/baseline", "top1/float16", "top10/baseline", "top10/float16"}
    assert len(named["not judged"]) == 8
    assert named["no result"] == ["top1/prune-0.5"]


def test_the_ranking_has_what_the_terminal_has_and_the_axes() -> None:
    (found,) = make_page().test_sets
    assert found.title == "digits/efficientnet_lite0, 599 test examples, time: inference over 10,000 examples"
    assert column(found.table, "#") == ["", "*1", "*2", "*3", "4", "*5", "*6", "7", "8", ""]
    assert column(found.table, "case")[:3] == ["best values", "top10/int8", "top1/int8"]
    assert column(found.table, "accuracy")[:2] == ["0.9616", "0.9533 ±.030"]
    assert column(found.table, "OpScore - reference = error + time + size")[1] == "-1.03 = +0.09 -0.57 -0.55"
    assert found.table
    assert found.table.marks == ("bound", "best", *[""] * 7, "bound")
    assert found.notes == ("¹ this device has no float16 arithmetic: half precision saves space here, not time",)


def test_the_charts_show_every_case_and_the_bars_every_one_that_has_a_reference() -> None:
    (found,) = make_page().test_sets
    charts = {chart.name: chart.datasets for chart in found.charts}
    assert {row["name"] for row in charts["bubbles"]["cases"] if not row["front"]} == {
        *("top1/cluster-256", "top1/baseline", "top1/float16"),
    }
    totals = charts["score-axes"]["totals"]
    assert [row["name"] for row in totals][-2:] == ["top10/float16", "top1/float16"]
    assert len(totals) == 6
    assert totals[0]["total"] == pytest.approx(-1.03, abs=0.005)
    assert found.full_table
    assert {row["case"] for row in charts["bubbles"]["cases"]} == {*found.full_table.cases} - {""}


def test_what_disturbed_the_timing_is_told_by_case_and_part() -> None:
    record = make_eight()
    first = record.results[0]
    conditions = first.conditions.model_copy(update={"disturbed": {"offline": "1.2 other processors were busy"}})
    training = first.training.model_copy(update={"disturbed": "the machine was hot"})
    disturbed = first.model_copy(update={"conditions": conditions, "training": training})
    page = page_of(record.model_copy(update={"results": (disturbed, *record.results[1:])}), gate_of({}))
    assert page.disturbances
    assert page.disturbances.rows == (
        ("top1/baseline", "training", "the machine was hot"),
        ("top1/baseline", "offline", "1.2 other processors were busy"),
    )
    assert page_of(record, gate_of({})).disturbances is None


def test_a_budget_that_did_not_pass_has_its_figures_and_where_it_was_written() -> None:
    page = make_page({"accuracy": {"min": 0.95}, "size_mb": {"max": 5}})
    table = page.not_passed
    verdicts = column(table, "verdict")
    assert verdicts == sorted(verdicts)
    assert set(verdicts) == {"fail", "inconclusive, counted as pass"}
    assert any(why.endswith(" test examples would decide it") for why in column(table, "why"))
    rows = [dict(zip(table.headers, row, strict=True)) for row in table.rows] if table else []
    (row,) = [row for row in rows if row["case"] == "top1/int8"]
    assert row["budget"] == "accuracy min = 0.95"
    assert (row["value"], row["limit"], row["confidence"]) == ("0.9182", "0.9500", "99.94 %")
    assert row["interval"] == "0.8933 to 0.9389"
    assert row["written in"] == "tool.opml.gate.accuracy.min in pyproject.toml"
    assert column(page.passed, "value")[0] == "3.98 MB"


def test_why_and_how_to_repeat_it_are_told_by_case() -> None:
    page = make_page(BROKEN)
    (failed,) = [remedy for remedy in page.remedies if remedy.case == "top1/float16"]
    assert failed.problems[-1] == (
        "Against its reference: error x1.00, time x3.32, size x0.502, OpScore +0.222; the time costs the most."
    )
    commands = {repeat.case: repeat.command for repeat in page.repeats}
    case = make_case("int8").id
    assert commands["top1/int8"] == f"pytest 'bench/bench_digits.py::bench_digits[{case}]'"


def test_what_was_run_is_told_and_only_a_safe_link_is_one() -> None:
    def link(url: str | None) -> tuple[str, str]:
        job = CiRun(service="GitHub Actions", url=url, pull_request="12", target="main")
        facts = {fact.label: fact for fact in make_page(commit=commit_of("a", "topic", dirty=True, ci=job)).facts}
        assert facts["commit"].text == "aaaaaaaaaa, with changes that are not in it"
        assert facts["date"].text == "2026-01-02 03:04 UTC, took 42 s"
        return facts["CI job"].text, facts["CI job"].link

    text = "GitHub Actions, request 12 into main"
    good = "https://github.com/o/r/actions/runs/1"
    assert link(good) == (text, good)
    for url in (None, "javascript:alert(1)", "https://a/b)[c](d", "https://a/<b>", "data:text/html,x", f"{good}\nx"):
        assert link(url) == (text, "")


def test_a_baseline_that_was_asked_for_stands_in_the_place_of_those_of_the_run() -> None:
    record = make_eight(baseline="last")
    own = record.model_copy(update={"baselines": make_baselines(record, name="last")})
    gate = gate_of(BUDGETS)
    assert page_of(record, gate).baseline is None
    of_run = page_of(own, gate).baseline
    assert of_run
    assert of_run.title == "Against the baseline last"
    assert len(of_run.table.rows if of_run.table else ()) == 7
    assert "no baseline: top10/cluster-256" in of_run.notes
    other = page_of(own, gate, make_baselines(record, 0.5, name="branch main"), "main").baseline
    assert other
    assert other.title == "Against the baseline branch main"
    assert column(other.table, "time / baseline")[0].startswith("2.000")
    nothing = page_of(own, gate, [], "main").baseline
    assert nothing
    assert (nothing.title, nothing.table) == ("Against the baseline main", None)
    assert nothing.notes == ("It has no earlier result of these cases on cpu to compare with.",)


def test_on_two_test_sets_cases_are_told_apart() -> None:
    results = [make_result(case=make_case(size=size)) for size in (32, 96)]
    table = {"size_mb": {"max": 1}}
    record = make_run(results)
    record = record.model_copy(update={"checks": judge_run(record, gate_of(table))})
    page = page_of(record, gate_of(table))
    assert len(page.test_sets) == 2
    assert sorted(column(page.not_passed, "case")) == ["baseline/size=32", "baseline/size=96"]


@pytest.mark.parametrize("text", HOSTILE)
def test_every_text_is_one_line_of_characters_that_only_show(text: str) -> None:
    page = page_of(make_hostile(text), gate_of({}))
    assert all(found.isprintable() for found in texts(page.as_plain()))


def test_a_very_long_text_is_cut() -> None:
    page = make_page(failures=[make_failure(message="x" * 5_000)])
    assert len(page.test_sets[0].failures[0].why) == 1_000


def test_the_page_is_frozen_and_plain_data_without_loss() -> None:
    page = make_full_page()
    with pytest.raises(FrozenInstanceError):
        page.headline = ""  # type: ignore[misc]
    plain = json.loads(json.dumps(page.as_plain()))
    assert set(plain) == set(Page.__dataclass_fields__)
    charts = {chart["name"]: chart for chart in plain["test_sets"][0]["charts"]}
    assert charts["bubbles"]["datasets"]["cases"][0]["megabytes"] == 14.2
    assert "spec" not in charts["bubbles"]
