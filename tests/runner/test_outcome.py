"""The exit code of a run, and the reason that its last line gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_opml.gate.budgets import parse_gate
from pytest_opml.gate.run_verdicts import judge_run
from pytest_opml.history.record_files import read_record
from pytest_opml.records.result import Result
from pytest_opml.records.run import RunRecord
from pytest_opml.runner.outcome import Exit, conclude, conclude_stored, finish, refused
from pytest_opml.settings import Settings, build_settings
from tests.support.builders import make_case, make_conditions, make_failure, make_result, make_run


def judged(record: RunRecord, table: dict[str, Any]) -> RunRecord:
    return record.model_copy(update={"checks": judge_run(record, parse_gate(table, "gate", ("cpu",)))})


def on_a_busy_machine(technique: str, cores: str = "1.4") -> Result:
    disturbed = {"offline": f"other work took {cores} of 2 cores"}
    return make_result(technique, conditions=make_conditions().model_copy(update={"disturbed": disturbed}))


TWO = [make_result(accuracy=0.95), make_result("int8", 0.9, 3.0, 4.0)]
MANY = judged(make_run(TWO), {"size_mb": {"max": 10}, "accuracy": {"min": 0.5}})
FINE = judged(make_run(TWO), {"accuracy": {"min": 0.5}})
BOTH_WRONG = make_run(
    [], [make_failure(kind="usage"), make_failure("int8", "usage")], reference_only=(make_failure().case.id,)
)


@pytest.mark.parametrize(
    ("record", "circumstances", "code", "reason"),
    [
        (make_run(TWO), {}, 0, "2 cases measured, no budget to check"),
        (FINE, {}, 0, "2 budgets passed"),
        (MANY, {}, 1, "1 budget failed"),
        (MANY, {"failed_tests": 2, "usage_errors": 1}, 1, "1 budget failed and 2 tests failed for another reason"),
        (FINE, {"failed_tests": 1}, 1, "1 test failed"),
        (FINE, {"usage_errors": 1, "problems": ["disk full"]}, 4, "1 input was wrong, as said above"),
        (make_run([], [make_failure("int8", "usage")]), {"usage_errors": 1}, 4, "2 inputs were wrong, as said above"),
        (BOTH_WRONG, {}, 4, "1 input was wrong, as said above"),
        (make_run([]), {}, 5, "nothing was measured"),
        (FINE, {"problems": ["disk full"]}, 11, "not everything could be written"),
        (make_run(TWO, [make_failure("float16", "out_of_memory")]), {}, 11, "1 case has no result (out of memory)"),
        (
            make_run([], [make_failure("int8", "timeout"), make_failure("float16", "crash")]),
            {},
            11,
            "2 cases have no result (crash, timeout)",
        ),
        (judged(make_run(TWO[:1]), {"energy_j": {"max": 1}}), {}, 11, "1 budget could not be judged (energy"),
        (judged(make_run(TWO), {"energy_j": {"max": 1}}), {}, 11, "2 budgets could not be judged (energy"),
        (
            judged(make_run([on_a_busy_machine("baseline")]), {"inference_s": {"max": 5}}),
            {},
            11,
            "1 budget is inconclusive (the machine was busy: other work took 1.4 of 2 cores)",
        ),
        (
            judged(
                make_run([on_a_busy_machine("baseline"), on_a_busy_machine("int8", "1.1")]), {"inference_s": {"max": 5}}
            ),
            {},
            11,
            "2 budgets are inconclusive (the machine was busy)",
        ),
        (judged(make_run([on_a_busy_machine("baseline")]), {"inference_s": {"max": 15}}), {}, 0, "1 budget passed"),
    ],
)
def test_the_worst_of_a_run_is_its_exit_code_and_the_reason_says_so(
    record: RunRecord, circumstances: dict[str, Any], code: int, reason: str
) -> None:
    found = conclude(record, **circumstances)
    assert found.code == code
    assert found.reason.startswith(reason)
    assert "\n" not in found.reason


def test_checks_that_the_gate_lets_pass_are_counted_apart() -> None:
    record = judged(make_run([make_result(accuracy=0.95)]), {"accuracy": {"min": 0.95}, "size_mb": {"max": 99}})
    checks = tuple(
        check.model_copy(update={"verdict": "inconclusive", "blocking": False}) if check.metric == "accuracy" else check
        for check in record.checks
    )
    lenient = record.model_copy(update={"checks": checks})
    assert conclude(lenient) == Exit(0, "1 of 2 budgets passed; 1 inconclusive, counted as pass")
    strict = lenient.model_copy(
        update={"checks": tuple(check.model_copy(update={"blocking": True}) for check in checks)}
    )
    assert conclude(strict).code == 11
    assert "1 budget is inconclusive, counted as fail" in conclude(strict).reason


@pytest.mark.parametrize(
    ("record", "fields", "code", "reason"),
    [
        (FINE, {"exit_code": 0}, 0, "2 budgets passed"),
        (FINE, {}, 0, "2 budgets passed"),
        (
            FINE,
            {"exit_code": 1},
            1,
            "2 budgets passed; the run itself ended with 1, but not for its budgets",
        ),
        (FINE, {"exit_code": 2, "interrupted": True}, 2, "2 budgets passed; the run itself ended with 2, interrupted"),
        (MANY, {"exit_code": 2, "interrupted": True}, 1, "1 budget failed; the run itself ended with 2, interrupted"),
    ],
)
def test_a_stored_run_that_did_not_end_by_its_budgets_alone_still_says_so(
    record: RunRecord, fields: dict[str, Any], code: int, reason: str
) -> None:
    ended = record.model_copy(update=fields)
    assert conclude_stored(ended, then=conclude(FINE).code) == Exit(code, reason)


def test_wrong_input_alone_has_a_reason() -> None:
    assert refused(3) == Exit(4, "3 inputs were wrong, as said above")


# --- the end of a run


def settings(tmp_path: Path, **changes: Any) -> Settings:
    file = {"store": "none", "json": "run.json", "gate": {"size_mb": {"max": 10}}} | changes
    return build_settings(file, {}, tmp_path)


def test_a_run_is_judged_shown_and_then_written(tmp_path: Path) -> None:
    shown: list[tuple[RunRecord, bool]] = []
    outcome = finish(
        make_run(TWO),
        settings(tmp_path),
        tmp_path,
        is_complete=True,
        on_record=lambda record: shown.append((record, (tmp_path / "run.json").exists())),
    )
    assert [check.verdict for check in outcome.record.checks] == ["fail", "pass"]
    assert shown == [(outcome.record, False)]
    assert read_record(tmp_path / "run.json") == outcome.record
    assert outcome.exit == Exit(1, "1 budget failed")
    assert outcome.has_content


def test_of_a_run_without_cases_nothing_is_written(tmp_path: Path) -> None:
    outcome = finish(make_run([]), settings(tmp_path), tmp_path, is_complete=True, problems=["gw0: it died"])
    assert not (tmp_path / "run.json").exists()
    assert outcome.problems == ("gw0: it died",)
    assert outcome.exit.code == 11


def test_cases_that_an_interrupted_run_never_reached_are_not_missed(tmp_path: Path) -> None:
    record = make_run(TWO[1:], collected={make_case("int8").id: "t", make_case("float16").id: "t"})
    ended, cut = (
        finish(record, settings(tmp_path), tmp_path, is_complete=is_complete) for is_complete in (True, False)
    )
    assert (ended.exit.code, cut.exit.code) == (11, 0)


def test_a_place_that_cannot_be_written_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = finish(make_run(TWO), settings(tmp_path, json="file/run.json", gate={}), tmp_path, is_complete=True)
    assert len(outcome.problems) == 1
    assert outcome.exit == Exit(11, "not everything could be written")
