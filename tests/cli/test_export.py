"""The commands that move a history: export, import."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_opml import cli
from pytest_opml.history.base import Release
from pytest_opml.history.record_files import write_record
from pytest_opml.history.store import open_store
from pytest_opml.records.run import RunRecord
from tests.support.builders import make_result, make_run
from tests.support.history_runs import START, run_of
from tests.support.saved_benchmarks import Saved, saved  # noqa: F401 - a fixture


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def error_of(*arguments: object) -> str:
    found = run(*arguments)
    assert found.exit_code == 4, found.output
    (line,) = found.output.splitlines()
    return line


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs() -> list[RunRecord]:
    """In the store of the folder; the second one is a release."""
    found = [run_of("a"), run_of("b", 1), run_of("c", 2, profile="cpu")]
    with open_store("sqlite:///.opml/history.db") as store:
        store.extend(found, [Release("b", START, "v1")])
    return found


@pytest.mark.parametrize("name", ["history.jsonl", "history.jsonl.gz"])
def test_a_history_goes_from_one_store_to_another(runs: list[RunRecord], name: str) -> None:
    assert run("export", name).output == f"{name}: 3 runs, 1 release\n"
    found = run("import", name, "--store", "sqlite:///other.db")
    assert found.output == "3 runs added, 1 release\n"
    with open_store("sqlite:///other.db") as store:
        assert list(store.records()) == runs
        assert store.releases() == [Release("b", START, "v1")]
    again = run("import", name, "--store", "sqlite:///other.db")
    assert again.output == "0 runs added; 3 runs there already\n"
    assert (gzip.open if name.endswith("gz") else open)(name, "rb").readline().startswith(b'{"format": "pytest-opml')


def test_a_part_of_a_history(runs: list[RunRecord]) -> None:
    assert json.loads(run("export", "v100.jsonl", "--profile", "v100", "--json").output) == {
        "file": "v100.jsonl",
        "runs": 2,
        "releases": 1,
    }


def test_standard_output_holds_the_lines_alone(runs: list[RunRecord]) -> None:
    lines = [json.loads(line) for line in run("export", "-", "--json").output.splitlines()]
    assert [next(iter(line)) for line in lines] == ["format", "run", "run", "run", "release", "end"]


def test_a_record_is_imported_too(tmp_path: Path) -> None:
    write_record(make_run([make_result()]), tmp_path / "run.json")
    assert json.loads(run("import", "run.json", "--json").output) == {
        "runs": 1,
        "same": 0,
        "releases": 0,
        "removed": 0,
    }


def test_what_pytest_benchmark_saved_is_listed_by_the_names_of_its_tests(saved: Saved) -> None:  # noqa: F811
    shutil.copytree(saved.folder, "saved")
    found = run("import", "saved")
    assert found.exit_code == 0, found.output
    names = {row["case_id"] for row in json.loads(run("history", "--case", "*", "--json").output)}
    assert names
    assert all("::" in name for name in names)
    assert run("trend", min(names)).exit_code == 0


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "no.jsonl: is not JSON"),
        ("{}", "no.jsonl: is no record of a run"),
        ('{"format": "pytest-opml history", "format_version": 7}\n', "no.jsonl, line 1: format_version 7 is newer"),
        ('{"format": "pytest-opml history", "format_version": 1}\n{"run": {}}\n', "no.jsonl, line 2: "),
        ('{"format": "pytest-opml history", "format_version": 1}\n', "no.jsonl, line 1: is the last one, but no end"),
    ],
)
def test_what_cannot_be_imported_leaves_nothing(content: str, text: str) -> None:
    Path("no.jsonl").write_text(content)
    assert error_of("import", "no.jsonl").startswith(f"error: {text}")
    with open_store("sqlite:///.opml/history.db") as store:
        assert store.count() == 0


def test_exports_are_imported_one_at_a_time(runs: list[RunRecord]) -> None:
    run("export", "a.jsonl")
    assert error_of("import", "a.jsonl", "a.jsonl") == (
        "error: only files of pytest-benchmark can be many: import each export or record by itself"
    )


@pytest.mark.parametrize("name", ["nowhere.jsonl", "nowhere.json"])
def test_a_file_that_is_not_there_is_one_line(name: str) -> None:
    assert error_of("import", name) == f"error: {name}: cannot be read: No such file or directory"


def test_an_export_that_cannot_be_written_is_one_line(runs: list[RunRecord]) -> None:
    Path("file").touch()
    assert error_of("export", "file/x.jsonl").startswith("error: file/x.jsonl: cannot be written: ")
