from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pytest_opml.errors import StorageError
from pytest_opml.gate.budgets import parse_gate, with_options
from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.reports.junit import write_junit
from tests.support.builders import make_failure, make_result, make_run


def test_each_case_is_a_test_that_passes_fails_or_has_an_error(tmp_path: Path) -> None:
    results = [make_result(accuracy=0.95), make_result("int8", 0.7)]
    run = make_run(results, failures=[make_failure("float16", "crash", "it crashed")])
    gate = with_options(parse_gate({}, "tool.opml.gate", ()), ("accuracy.min=0.9",))
    write_junit(run.model_copy(update={"checks": judge_run(run, gate)}), tmp_path / "cases.xml")
    suite = ET.parse(tmp_path / "cases.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    passed, failed, crashed = suite
    assert [test.get("name") for test in suite] == [results[0].case.id, results[1].case.id, run.failures[0].case.id]
    assert len(passed) == 0
    assert "accuracy" in str(failed[0].get("message"))
    assert crashed[0].get("message") == "crash: it crashed"


def test_a_reference_that_nobody_asked_for_is_no_test(tmp_path: Path) -> None:
    results = [make_result(), make_result("int8")]
    write_junit(make_run(results, reference_only=(results[0].case.id,)), tmp_path / "cases.xml")
    names = [test.get("name") for test in ET.parse(tmp_path / "cases.xml").iter("testcase")]
    assert names == [results[1].case.id]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"absent/cases.xml: No such file or directory$"):
        write_junit(make_run([make_result()]), tmp_path / "absent" / "cases.xml")
