from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_opml.errors import StorageError
from pytest_opml.gate.budgets import parse_gate, with_options
from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.printable import printable
from pytest_opml.records.run import Check
from pytest_opml.reports.junit import write_junit
from tests.support.builders import make_case, make_device, make_failure, make_result, make_run


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


def test_a_case_that_could_not_be_judged_does_not_pass(tmp_path: Path) -> None:
    run = make_run([make_result(), make_result("int8", size_mb=20)])
    gate = parse_gate({"energy_j": {"max": 3}, "size_mb": {"max": 15}}, "tool.opml.gate", ())
    write_junit(run.model_copy(update={"checks": judge_run(run, gate)}), tmp_path / "cases.xml")
    suite = ET.parse(tmp_path / "cases.xml").getroot()[0]
    assert (suite.get("failures"), suite.get("skipped")) == ("1", "1")
    assert str(suite[0][0].get("message")).startswith("energy_j: not judged (max = 3)")
    assert [child.tag for child in suite[1]] == ["failure"]


def test_a_reference_that_nobody_asked_for_is_no_test(tmp_path: Path) -> None:
    results = [make_result(), make_result("int8")]
    write_junit(make_run(results, reference_only=(results[0].case.id,)), tmp_path / "cases.xml")
    names = [test.get("name") for test in ET.parse(tmp_path / "cases.xml").iter("testcase")]
    assert names == [results[1].case.id]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"absent/cases.xml: No such file or directory$"):
        write_junit(make_run([make_result()]), tmp_path / "absent" / "cases.xml")


def test_a_failure_says_what_would_mend_it(tmp_path: Path) -> None:
    run = make_run([make_result(size_mb=14.2)])
    gate = with_options(parse_gate({}, "tool.opml.gate", ()), ("size_mb.max=5",))
    write_junit(run.model_copy(update={"checks": judge_run(run, gate)}), tmp_path / "cases.xml")
    (failure,) = ET.parse(tmp_path / "cases.xml").iter("failure")
    assert failure.get("message") == "size_mb 14.2 MB > 5 MB (max = 5)"
    assert str(failure.text).splitlines()[-1] == "size_mb must shrink by at least 9.2 MB (65 %)."


def test_of_a_case_on_two_devices_each_has_its_own_failures(tmp_path: Path) -> None:
    small, large = make_result(size_mb=4.0, device=make_device("p100")), make_result(device=make_device("cpu"))
    run = make_run([small, large])
    gate = with_options(parse_gate({}, "tool.opml.gate", ()), ("size_mb.max=5",))
    write_junit(run.model_copy(update={"checks": judge_run(run, gate)}), tmp_path / "cases.xml")
    assert [len(test) for test in ET.parse(tmp_path / "cases.xml").iter("testcase")] == [0, 1]


ANY = st.text(st.characters(codec=None, exclude_categories=[]), max_size=50)


@given(text=ANY)
@example("\x00\x0b\x1b[31m\ufffe\uffff\ud800 \u202e ]]> & <b>\r\n\t")
@example("x" * 10_000)
@settings(max_examples=50, deadline=None)
def test_any_text_makes_xml_that_can_be_read(text: str) -> None:
    failure = make_failure("float16").model_copy(update={"message": text, "log_tail": f"{text}\n{text}"})
    check = Check(
        case_id=make_case().id,
        metric="size_mb",
        rule="max",
        limit=1.0,
        budget="max = 1",
        source="x",
        value=2.0,
        verdict="fail",
        blocking=True,
    ).model_copy(update={"budget": text, "metric": f"?{text}"})
    with TemporaryDirectory() as folder:
        write_junit(make_run([make_result()], [failure], [check]), Path(folder, "cases.xml"))
        content = Path(folder, "cases.xml").read_bytes()
    failed, error = (test[0] for test in ET.fromstring(content).iter("testcase"))
    assert error.get("message") == f"crash: {printable(text)}"
    assert error.text == printable(f"{text}\n{text}", lines=True)
    assert str(failed.get("message")).startswith(f"{printable(f'?{text}')} 2 > 1 (")
