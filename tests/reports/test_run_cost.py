"""What a run cost, in each report."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.integrations.mlflow_runs import session_run
from pytest_opml.records.node_use import NodeUse
from pytest_opml.records.run import RunRecord
from pytest_opml.reports.junit import write_junit
from pytest_opml.reports.page.build import page_of
from pytest_opml.reports.page.html import HtmlReporter
from pytest_opml.reports.page.markdown import MarkdownReporter
from pytest_opml.reports.remedies import remedies
from pytest_opml.reports.run_cost import cost_text
from pytest_opml.reports.terminal.run import run_lines
from tests.support.builders import make_result, make_run
from tests.support.pages import gate_of

SECONDS, PRICES = {"v100": 1862.0, "cpu": 720.0}, {"v100": 2.48, "cpu": 0.19}
TEXT = "1.32 (v100 0:31:02 on 2 nodes at 2.48/h, cpu 0:12:00 at 0.19/h)"
REASON = "the run cost 1.32, at most 1.00 is allowed (max_cost)"


def run_of(*priced: str, **table: Any) -> RunRecord:
    uses = [
        NodeUse(profile=name, nodes=2 if name == "v100" else 1, seconds=seconds, price_per_hour=PRICES.get(name))
        if name in priced
        else NodeUse(profile=name, nodes=1, seconds=seconds)
        for name, seconds in SECONDS.items()
    ]
    record = make_run([make_result()], node_use=tuple(uses))
    return record.model_copy(update={"checks": judge_run(record, gate_of(table))})


def test_it_is_one_line_of_what_cost_the_most_first() -> None:
    assert cost_text(run_of("v100", "cpu")) == TEXT


def test_a_kind_without_a_price_leaves_a_part_of_it() -> None:
    assert cost_text(run_of("cpu")) == "at least 0.038 (cpu 0:12:00 at 0.19/h, v100 0:31:02 without a price)"


@pytest.mark.parametrize("record", [run_of(), make_run([make_result()])])
def test_without_prices_nothing_is_shown(record: RunRecord) -> None:
    assert cost_text(record) == ""
    assert not any("cost" in line for line in run_lines(record, gate_of({}), 160))
    assert not any(fact.label == "cost" for fact in page_of(record, gate_of({})).facts)
    assert not session_run(record).metrics


@pytest.mark.parametrize("width", [80, 160])
def test_the_terminal_says_what_a_run_cost_and_which_budget_that_broke(width: int) -> None:
    lines = run_lines(run_of("v100", "cpu", max_cost=1), gate_of({"max_cost": 1}), width)
    assert f"cost: {TEXT}" in lines
    assert f"FAIL {REASON}" in lines
    assert "  budget     max_cost = 1, tool.opml.gate.max_cost in pyproject.toml" in lines
    assert "  evidence   v100 0:31:02 on 2 nodes at 2.48/h, cpu 0:12:00 at 0.19/h" in lines
    (row,) = [line.split() for line in lines if line.startswith("max_cost = 1 ")]
    assert row == ["max_cost", "=", "1", "the", "run", "1.32", "1.00", "fail", "exact"]
    assert max(map(len, lines)) <= width


def test_the_pages_say_so(tmp_path: Path) -> None:
    record, gate = run_of("v100", "cpu", max_cost=1), gate_of({"max_cost": 1})
    page = page_of(record, gate)
    assert page.state == "fail"
    assert page.summary.failed == "Failed: the run: cost 1.32 > 1.00"
    assert TEXT in [fact.text for fact in page.facts if fact.label == "cost"]
    for text in (HtmlReporter().render(page), MarkdownReporter().render(page)):
        assert REASON in text
        assert "max_cost = 1" in text
    write_junit(record, tmp_path / "junit.xml")
    (suite,) = ET.parse(tmp_path / "junit.xml").getroot()
    assert suite.attrib["failures"] == "1"
    assert [one.attrib["message"] for one in suite.iter("failure")] == [REASON]
    assert session_run(record).metrics == {"cost": record.cost}


def test_what_would_mend_it() -> None:
    (remedy,) = remedies(run_of("v100", "cpu", max_cost=1))
    assert (remedy.case, remedy.problems) == ("the run", (REASON,))
    assert remedy.advice == (
        "The run must cost 0.32 less: run fewer cases, for a shorter time, or on cheaper machines.",
    )
    (remedy,) = remedies(run_of("cpu", max_cost=1))
    assert remedy.verdict == "not judged"
    assert remedy.problems == ("cost: not judged (max_cost = 1): the run was made without a price of v100",)
    assert "[tool.opml.price]" in remedy.advice[0]
