from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_opml.gate.budgets import Gate, parse_gate
from pytest_opml.history.memory import MemoryHistory
from pytest_opml.history.record_files import read_record
from pytest_opml.records.node_use import NodeUse
from pytest_opml.records.run import RunRecord
from pytest_opml.runner import journal as module
from pytest_opml.runner.journal import (
    Journal,
    RunPart,
    open_journal,
    read_parts,
    take_in,
    take_in_earlier,
    with_outcomes,
)
from pytest_opml.runner.shared_results import MeasuredCase
from pytest_opml.settings import build_settings
from tests.support.builders import make_failure, make_result, make_run

RUN = "0123456789abcdef0123456789abcdef"
HEAD = make_run([], run_id=RUN, checks=())
BASELINE, INT8 = MeasuredCase(result=make_result()), MeasuredCase(result=make_result("int8"))
LINE = f"run {RUN[:12]} of {HEAD.started:%Y-%m-%d %H:%M}, which was cut off after"


def write(folder: Path, *outcomes: MeasuredCase, name: str = "main", head: RunRecord = HEAD) -> Journal:
    journal = Journal(folder, RunPart(RUN, name), head)
    for outcome in outcomes:
        journal.add(outcome, is_asked=outcome is not BASELINE, marker_budgets={}, baseline_error="")
    return journal


def cut_off(journal: Journal) -> None:
    """What the system does when the process ends."""
    assert journal._held
    journal._held.release()


def names(record: RunRecord) -> list[str]:
    return sorted(result.case.technique for result in record.results)


def test_a_run_that_was_cut_off_is_taken_in_once(tmp_path: Path) -> None:
    history = MemoryHistory()
    head = HEAD.model_copy(update={"collected": {"one": "a", make_result("int8").case.id: "b"}})
    journal = write(tmp_path, BASELINE, INT8, MeasuredCase(failure=make_failure("float16")), head=head)
    assert take_in(history, tmp_path, Gate()) == []  # its process lives
    cut_off(journal)
    gate = parse_gate({"size_mb": {"max": 1}}, "gate", ())
    assert take_in(history, tmp_path, gate) == [f"taken in: {LINE} 2 results"]
    assert take_in(history, tmp_path, gate) == []
    (record,) = history.records()
    assert (record.run_id, record.interrupted, record.exit_code, names(record)) == (
        RUN,
        True,
        None,
        ["baseline", "int8"],
    )
    assert [failure.case.technique for failure in record.failures] == ["float16"]
    assert record.reference_only == (make_result().case.id,)
    assert set(record.collected) == {make_result("int8").case.id}  # what it did not come to is not missing
    assert {check.verdict for check in record.checks} == {"fail"}
    assert list((tmp_path / "unfinished").iterdir()) == []


def test_a_run_that_was_cut_off_says_what_it_had_used_when_it_wrote_last(tmp_path: Path) -> None:
    uses = [NodeUse(profile="v100", nodes=1, seconds=float(seconds), price_per_hour=2.48) for seconds in (5, 9)]
    readings = iter(uses)
    journal = Journal(tmp_path, RunPart(RUN), HEAD, lambda: next(readings))
    for outcome in (BASELINE, INT8):
        journal.add(outcome, is_asked=True, marker_budgets={}, baseline_error="")
    cut_off(journal)
    history = MemoryHistory()
    take_in(history, tmp_path, parse_gate({"max_cost": 0.001}, "gate", ()))
    (record,) = history.records()
    assert record.node_use == (uses[1],)
    assert [check.verdict for check in record.checks] == ["fail"]


def test_the_parts_of_the_processes_of_one_run_are_one_record(tmp_path: Path) -> None:
    journals = [write(tmp_path, BASELINE, name="gw0"), write(tmp_path, BASELINE, INT8, name="gw1")]
    cut_off(journals[0])
    history = MemoryHistory()
    assert take_in(history, tmp_path, Gate()) == []
    cut_off(journals[1])
    assert [names(part) for part in read_parts(tmp_path / "unfinished" / RUN, without={"gw0"})] == [
        ["baseline", "int8"]
    ]
    assert take_in(history, tmp_path, Gate()) == [f"taken in: {LINE} 2 results"]


def test_taking_in_that_is_killed_after_adding_adds_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_folder: Path) -> None:
        raise KeyboardInterrupt

    history = MemoryHistory()
    cut_off(write(tmp_path, INT8))
    with monkeypatch.context() as context:
        context.setattr(module, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            take_in(history, tmp_path, Gate())
    assert history.count() == 1
    assert take_in(history, tmp_path, Gate()) == []
    assert history.count() == 1
    assert list((tmp_path / "unfinished").iterdir()) == []


def test_without_a_history_the_run_lies_beside_the_project(tmp_path: Path) -> None:
    cut_off(write(tmp_path, INT8))
    (line,) = take_in(None, tmp_path, Gate())
    path = tmp_path / "unwritten" / f"{RUN}.json"
    assert line == f"there is no history for {LINE} 1 result: opml import {path}"
    assert names(read_record(path)) == ["int8"]
    cut_off(write(tmp_path, INT8))  # as if this had been killed before the end
    assert take_in(MemoryHistory(), tmp_path, Gate()) == []


def test_a_run_that_has_nothing_leaves_nothing(tmp_path: Path) -> None:
    history = MemoryHistory()
    cut_off(write(tmp_path))
    assert take_in(history, tmp_path, Gate()) == []
    write(tmp_path, INT8).remove()
    assert take_in(history, tmp_path, Gate()) == []
    assert not (tmp_path / "unfinished").exists()
    nowhere = Journal(None, RunPart(RUN), HEAD)
    nowhere.add(INT8, is_asked=True, marker_budgets={}, baseline_error="")
    nowhere.remove()
    assert (nowhere.folder, nowhere.notes) == (None, [])


def test_a_journal_that_cannot_be_read_stays_and_is_named(tmp_path: Path) -> None:
    cut_off(write(tmp_path, INT8))
    folder = tmp_path / "unfinished" / RUN
    (folder / "main.000001.json").write_text("{}")
    (line,) = take_in(MemoryHistory(), tmp_path, Gate())
    assert line.startswith(f"not taken in: a run that was cut off: {folder}: is no journal of this version: ")
    assert "\n" not in line
    assert folder.exists()


def fail_at(function: str, module_: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module_, function, fail)


BREAKS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "nothing can be made": lambda monkeypatch: fail_at("HeldFolder", module, monkeypatch),
    "the disk is full": lambda monkeypatch: fail_at("fsync", module.os, monkeypatch),
}


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS)
def test_where_nothing_can_be_written_the_end_says_what_was_not_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Callable[[pytest.MonkeyPatch], None]
) -> None:
    with monkeypatch.context() as context:
        broken(context)
        journal = write(tmp_path, BASELINE)
    assert journal.notes == [
        f"not written ahead: 1 result, which a killed run would have lost: {tmp_path / 'unfinished' / RUN}: "
        "No space left on device"
    ]
    journal.add(INT8, is_asked=True, marker_budgets={}, baseline_error="")  # there is room again
    assert [names(part) for part in read_parts(tmp_path / "unfinished" / RUN)] == [["int8"]]
    assert "1 result," in journal.notes[0]
    journal.remove()


def test_a_run_that_is_to_leave_something_begins_with_room_for_its_record(tmp_path: Path) -> None:
    settings = build_settings({}, {}, tmp_path)
    journal = open_journal(settings, tmp_path, RunPart(RUN), HEAD, lambda: None)
    folder = tmp_path / ".opml" / "unfinished" / RUN
    assert (journal.folder, (folder / "reserve").stat().st_size > 2**20) == (folder, True)
    cut_off(journal)
    assert take_in_earlier(settings, tmp_path) == ()
    assert not folder.exists()
    nothing = build_settings({"store": "none"}, {}, tmp_path)
    assert open_journal(nothing, tmp_path, RunPart(RUN), HEAD, lambda: None).folder is None


def test_a_record_is_what_it_began_with_and_the_outcomes() -> None:
    record = with_outcomes(HEAD, [INT8, MeasuredCase(failure=make_failure())], seconds=2.0)
    assert (names(record), len(record.failures), record.seconds, record.run_id) == (["int8"], 1, 2.0, RUN)
