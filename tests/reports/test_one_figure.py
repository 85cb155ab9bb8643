"""One question has one answer: the difference of two scores is the same wherever it is shown or judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pytest_opml import cli
from pytest_opml.analysis.op_score import op_score
from pytest_opml.analysis.ranking import ranked
from pytest_opml.gate.budgets import parse_gate
from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.history.record_files import write_record
from pytest_opml.records.result import Result
from pytest_opml.records.run import Baseline, Check, RunRecord
from pytest_opml.reports.page.build import page_of
from pytest_opml.reports.phrases import against
from pytest_opml.reports.terminal.comparison import comparison_lines
from pytest_opml.reports.terminal.ranking import ranking_lines
from pytest_opml.runner.paired_times import TimeFigures, derive
from pytest_opml.stats.predictions import pack
from tests.support.builders import make_case, make_result, make_run, make_side_by_side

GATE: dict[str, Any] = {"op_score": {"max_increase": 0.05, "max_regression": 0.1}, "inference_s": {"max_increase": 0.5}}
EARLIER = "then.json"


def answering(technique: str, wrong: int, inference_s: float, size_mb: float, **fields: Any) -> Result:
    """A result whose model gets so many of 2,000 test images wrong."""
    labels = [number % 10 for number in range(2_000)]
    predicted = [(label + (number < wrong)) % 10 for number, label in enumerate(labels)]
    packed = pack(labels, predicted)
    return make_result(
        technique, 1 - wrong / 2_000, inference_s, size_mb, test_samples=2_000, predictions=packed, **fields
    )


def measured() -> RunRecord:
    """A run as it is recorded: a candidate that is 1.4 times as slow as its reference, and 1.5 times as its release.

    By itself, at other times, the candidate took less than the reference and than the release.
    """
    device = make_run(profile="cpu").device
    reference = answering("baseline", 100, 10.0, 14.0, device=device)
    times = make_side_by_side(1.4, 1.4)
    own = answering("int8", 110, 7.0, 15.0, device=device, vs_reference=times, vs_baseline=make_side_by_side(1.5, 1.5))
    seconds = derive(TimeFigures(own.inference_s, own.latency_ms, own.sampling), reference, times).inference_s
    score = op_score(own.accuracy, seconds, own.size_mb, samples=2_000)
    candidate = own.model_copy(update={"inference_s": seconds, "op_score": score})
    remeasured = Baseline(
        name="release",
        run_id=stored().run_id,
        started=stored().started,
        commit=stored().commit,
        device=device,
        result=answering("int8", 100, 8.0, 14.5, device=device),
        remeasured=True,
    )
    record = make_run(
        [reference, candidate], profile="cpu", baselines=(remeasured,), baseline="release", run_id="now" * 8
    )
    return record.model_copy(update={"checks": judge_run(record, parse_gate(GATE, "tool.opml.gate", ("cpu",)))})


def stored() -> RunRecord:
    """The run of the release, on the day when it was measured first."""
    return make_run([answering("int8", 100, 30.0, 14.5)], profile="cpu", run_id="then" * 8)


def check_of(record: RunRecord, rule: str) -> Check:
    asked = (make_case("int8").id, "op_score", rule)
    (only,) = (check for check in record.checks if (check.case_id, check.metric, check.rule) == asked)
    return only


def difference_of(check: Check) -> float:
    assert check.value is not None
    assert check.reference_value is not None
    return check.value - check.reference_value


def command(*arguments: str) -> str:
    result = CliRunner(env={"COLUMNS": "160"}).invoke(cli.main, arguments)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    text = (
        "[tool.opml.gate]\nop_score = { max_increase = 0.05, max_regression = 0.1 }\ninference_s.max_increase = 0.5\n"
    )
    (tmp_path / "pyproject.toml").write_text(text)
    write_record(measured(), tmp_path / "now.json")
    write_record(stored(), tmp_path / EARLIER)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_against_the_reference_there_is_one_difference() -> None:
    record, gate = measured(), parse_gate(GATE, "tool.opml.gate", ("cpu",))
    reference, candidate = record.results
    check = check_of(record, "max_increase")
    one = difference_of(check)
    assert one == pytest.approx(0.2175, abs=1e-4)  # log10(110 / 100) + log10(1.4) + log10(15 / 14)
    assert check.verdict == "fail"
    # the record, and what is ranked by it
    assert candidate.op_score.value - reference.op_score.value == pytest.approx(one)
    entries = {row.entry.name: row.entry for row in ranked(record.results).rows}
    assert entries[candidate.case.id].score - entries[reference.case.id].score == pytest.approx(one)
    assert entries[candidate.case.id].seconds == pytest.approx(14.0)
    # its axes add up to it, as they are and as they are printed
    page = page_of(record, gate)
    axes = next(chart.datasets for chart in page.test_sets[0].charts if chart.name == "score-axes")
    drawn = [part["difference"] for part in axes["parts"]]
    assert axes["totals"][0]["total"] == sum(drawn) == pytest.approx(one)
    assert dict(against([check], record))["OpScore"] == "+0.217 against it: error +0.041, time +0.146, size +0.030"
    problems = [text for text in page.remedies[0].problems if text.startswith("Against its reference")]
    assert problems == [
        "Against its reference: error x1.10, time x1.40, size x1.07, OpScore +0.217; the time costs the most."
    ]
    for text in ("\n".join(ranking_lines(record, 160)), command("report", "now.json")):
        assert "+0.22 = +0.04 +0.15 +0.03" in text


@pytest.mark.usefixtures("folder")
def test_against_a_baseline_that_was_measured_again_there_is_one_difference() -> None:
    record = measured()
    check = check_of(record, "max_regression")
    one = difference_of(check)
    assert one == pytest.approx(0.2322, abs=1e-4)  # log10(110 / 100) + log10(1.5) + log10(15 / 14.5)
    assert check.verdict == "fail"
    (compared,) = json.loads(command("compare", EARLIER, "now.json", "--json"))
    assert compared["op_score"]["value"] == sum(compared["axes"].values()) == pytest.approx(one)
    assert (compared["time"]["value"], compared["baseline"]["remeasured"]) == (pytest.approx(1.5), True)
    assert dict(against([check], record))["OpScore"] == ("+0.232 against it: error +0.041, time +0.176, size +0.015")
    texts = [
        "\n".join(comparison_lines(record, 160)),
        command("compare", EARLIER, "now.json"),
        command("report", "now.json"),
        command("report", "now.json", "--against", EARLIER),
    ]
    for text in texts:
        (row,) = (line for line in text.splitlines() if "1.500 ±" in line)
        assert "+0.232 ±" in row
        assert "+0.041 +0.176 +0.015" in row
    page = json.loads(command("report", "now.json", "--against", EARLIER, "--json"))
    (cells,) = page["baseline"]["table"]["rows"]
    assert [cell for cell in cells if cell.startswith("+0.232 ±")]
    assert [cell for cell in cells if cell.startswith("1.500 ±")]
