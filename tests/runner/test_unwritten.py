"""Records that no history took, and how they get into one."""

from __future__ import annotations

import errno
import os
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_opml.cli import main
from pytest_opml.errors import StorageError
from pytest_opml.history.memory import MemoryHistory
from pytest_opml.history.record_files import read_record, write_record
from pytest_opml.history.store import open_store
from pytest_opml.records.run import RunRecord
from pytest_opml.runner.outcome import finish
from pytest_opml.runner.unwritten import (
    allocate_reserve,
    import_command,
    remove_taken,
    take_in,
    unwritten_runs,
    write_unwritten,
)
from pytest_opml.settings import build_settings
from tests.support.builders import make_failure, make_result, make_run

RUN = make_run([make_result()])


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_a_record_that_no_history_took_lies_beside_the_store_until_one_has_it(tmp_path: Path) -> None:
    path = write_unwritten(RUN, tmp_path)
    assert path == tmp_path / "unwritten" / f"{RUN.run_id}.json"
    assert unwritten_runs(tmp_path) == [path]
    history = MemoryHistory()
    (line,) = take_in(history, tmp_path)
    assert line == f"taken in: run {RUN.run_id[:12]} of 2026-01-02 03:04, unwritten until now"
    assert history.run(RUN.run_id) == RUN
    assert not path.exists()
    assert take_in(history, tmp_path) == []


def test_a_run_that_the_history_has_already_is_not_taken_in_twice(tmp_path: Path) -> None:
    path = write_unwritten(RUN, tmp_path)
    history = MemoryHistory([RUN])
    assert take_in(history, tmp_path) == []
    assert history.count() == 1
    assert not path.exists()


def test_a_record_that_the_history_refuses_stays_and_a_line_has_the_command(tmp_path: Path) -> None:
    path = write_unwritten(RUN, tmp_path / "it's here")
    different = RUN.model_copy(update={"seconds": 1.0})
    (line,) = take_in(MemoryHistory([different]), tmp_path / "it's here")
    assert "is there already with another content" in line
    assert line.endswith(f"; opml import {shlex.quote(str(path))}")
    assert shlex.split(import_command(path)) == ["opml", "import", str(path)]
    assert read_record(path) == RUN
    path.write_text("half a rec")
    (line,) = take_in(MemoryHistory(), tmp_path / "it's here")
    assert "is not JSON" in line
    assert path.exists()


def test_a_folder_that_cannot_be_written_has_its_records_among_temporary_files(
    tmp_path: Path, own_temporary_folder: Path
) -> None:
    state, another = tmp_path / "state", tmp_path / "another"
    (state / "unwritten").parent.mkdir()
    (state / "unwritten").touch()  # a file where the folder is to be; root may write everywhere else
    path = write_unwritten(RUN, state)
    assert own_temporary_folder in path.parents
    assert unwritten_runs(state) == [path]
    assert unwritten_runs(another) == []
    assert len(take_in(MemoryHistory(), state)) == 1
    assert not path.exists()


def test_where_nothing_can_be_written_both_places_are_named(
    tmp_path: Path, own_temporary_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(record: RunRecord, path: Path) -> None:
        raise StorageError(f"{path}: cannot be written: No space left on device")

    monkeypatch.setattr("pytest_opml.runner.unwritten.write_record", full)
    with pytest.raises(StorageError) as raised:
        write_unwritten(RUN, tmp_path)
    assert str(tmp_path / "unwritten") in str(raised.value)
    assert str(own_temporary_folder) in str(raised.value)


def test_the_room_that_was_reserved_takes_the_record_when_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_folder = tmp_path / "unfinished" / RUN.run_id
    run_folder.mkdir(parents=True)
    allocate_reserve(run_folder)
    (reserve,) = run_folder.iterdir()
    assert reserve.stat().st_blocks * 512 >= 2**20

    def while_there_is_room(descriptor: int) -> None:
        if reserve.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", while_there_is_room)
    assert write_unwritten(RUN, tmp_path) == tmp_path / "unwritten" / f"{RUN.run_id}.json"
    assert not reserve.exists()


def test_only_a_file_that_lies_among_the_unwritten_is_removed(tmp_path: Path) -> None:
    path, own = write_unwritten(RUN, tmp_path), tmp_path / "run.json"
    write_record(RUN, own)
    remove_taken(own, tmp_path)
    remove_taken(path, tmp_path / "another")
    assert own.exists()
    assert path.exists()
    remove_taken(path, tmp_path)
    assert not path.exists()


# --- the end of a run, and the command


def test_a_run_whose_history_fails_says_last_how_to_import_it_and_the_command_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = f"sqlite:///{tmp_path}/history.db"
    settings = build_settings({"store": store}, {}, tmp_path)
    (tmp_path / "history.db").mkdir()  # in the place of a store that cannot be opened
    outcome = finish(RUN, settings, tmp_path, is_complete=True)
    path = tmp_path / "unwritten" / f"{RUN.run_id}.json"
    assert outcome.unwritten == path
    assert outcome.exit.code == 11
    assert outcome.exit.reason.endswith(f": opml import {path}")
    (problem,) = outcome.problems
    assert problem.endswith(f"; the run is in {path}")

    (tmp_path / "history.db").rmdir()
    imported = CliRunner().invoke(main, ["import", "--store", store, str(path)])
    assert imported.output == "1 run added\n"
    assert not path.exists()
    with open_store(store) as history:
        assert history.run(RUN.run_id) == outcome.record
    again = finish(make_run([make_result()], run_id="another"), settings, tmp_path, is_complete=True)
    assert again.unwritten is None


def test_a_run_without_a_history_is_not_lost_when_its_own_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "run.json").mkdir()
    file = {"json": "run.json", "store": "none"}
    outcome = finish(RUN, build_settings(file, {}, tmp_path), tmp_path, is_complete=True)
    (problem,) = outcome.problems
    path = tmp_path / ".opml" / "records" / "unwritten" / f"{RUN.run_id}.json"
    assert problem.endswith(f"; the run is in {path}")
    assert read_record(path) == outcome.record
    assert unwritten_runs(tmp_path / ".opml") == []  # no history is to have it
    with_history = finish(
        RUN, build_settings(file | {"store": "sqlite:///h.db"}, {}, tmp_path), tmp_path, is_complete=True
    )
    assert len(with_history.problems) == 1
    assert with_history.unwritten is None


def test_a_record_that_is_too_large_for_a_history_is_one_line_and_its_logs_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = build_settings({"store": "sqlite:///h.db"}, {}, tmp_path)
    loud = make_failure("int8").model_copy(update={"log_tail": "first" + "x" * 10**6 + "last"})
    outcome = finish(make_run([make_result()], [loud]), settings, tmp_path, is_complete=True)
    (failure,) = outcome.record.failures
    assert outcome.unwritten is None
    assert len(failure.log_tail) == 64_000
    assert failure.log_tail.endswith("xlast")

    monkeypatch.setattr("pytest_opml.history.columns.LARGEST_RECORD", 100)
    outcome = finish(make_run([make_result()], run_id="large"), settings, tmp_path, is_complete=True)
    (problem,) = outcome.problems
    assert "characters, and a history takes 100 at most; the run is in" in problem
    assert outcome.unwritten is not None
    assert read_record(outcome.unwritten) == outcome.record


def test_a_record_that_a_driver_cannot_take_is_one_line_and_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_long(record: object) -> str:
        raise OverflowError("string longer than INT_MAX bytes")

    monkeypatch.setattr("pytest_opml.history.sql.dump", too_long)
    settings = build_settings({"store": "sqlite:///h.db"}, {}, tmp_path)
    outcome = finish(RUN, settings, tmp_path, is_complete=True)
    (problem,) = outcome.problems
    assert "is given more than it can hold: string longer than INT_MAX bytes; the run is in" in problem
    assert outcome.unwritten is not None
    assert read_record(outcome.unwritten) == outcome.record
