"""The commands that look at budgets: ``opml gate``, ``opml best``, ``opml budgets``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_opml import cli
from pytest_opml.history.record_files import write_record
from pytest_opml.history.store import open_store
from tests.support.builders import make_case, make_result, make_run, make_side_by_side

INT8 = make_case("int8").id


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stored run of two cases, in a folder with budgets that it keeps."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.opml.gate]\nsize_mb = { max = 20 }\naccuracy = { min = 0.8 }\n")
    results = [make_result(accuracy=0.95), make_result("int8", 0.9, 3.0, 4.0, vs_reference=make_side_by_side(0.3))]
    collected = {result.case.id: f"bench/bench_it.py::bench[{result.case.technique}]" for result in results}
    path = tmp_path / "run.json"
    write_record(make_run(results, collected=collected), path)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), 0),
        (("--gate", "size_mb.max=10"), 1),
        (("--gate", "rank.max=1"), 1),
        (("--gate", "energy_j.max=1"), 11),
        (("--gate", "accuracy.min=0.9"), 0),
        (("--gate", "accuracy.min=0.9", "--gate", "inconclusive=fail"), 11),
        (("--gate", "accuracy.minimum=0.9"), 4),
        (("--config", "absent.toml"), 4),
    ],
)
def test_a_stored_run_is_judged_again_under_other_budgets(record: Path, options: tuple[str, ...], code: int) -> None:
    found = run("gate", record, *options)
    assert found.exit_code == code
    if code == 4:
        assert len(found.output.splitlines()) == 1
        assert found.output.startswith("error: ")
    else:
        assert "budgets: " in found.output
        assert found.output.splitlines()[-1].startswith(f"opml: exit code {code}: ")


def test_the_checks_are_json_for_other_programs(record: Path) -> None:
    found = json.loads(run("gate", record, "--json").output)
    assert [(check["case_id"], check["metric"], check["verdict"]) for check in found][:2] == [
        (make_case("baseline").id, "size_mb", "pass"),
        (make_case("baseline").id, "accuracy", "pass"),
    ]


def test_without_a_record_the_newest_run_of_the_history_is_meant(record: Path) -> None:
    with open_store(f"sqlite:///{record.parent}/.opml/history.db") as store:
        store.append(make_run([make_result(size_mb=30.0)]))
    assert run("gate").exit_code == 1


def test_the_history_may_be_another_one_than_that_of_the_file(record: Path) -> None:
    url = f"sqlite:///{record.parent}/other.db"
    with open_store(url) as store:
        store.append(make_run([make_result("int8", size_mb=30.0)], collected={INT8: "t"}))
    assert run("gate", "last", "--store", url).exit_code == 1
    assert run("best", "--store", url).exit_code == 1
    assert run("budgets", "--store", url).output.startswith(f"{INT8}\n")


@pytest.mark.parametrize("name", ["", "x" * 5000])
@pytest.mark.parametrize("command", ["gate", "best"])
def test_what_can_be_no_run_is_one_line(record: Path, command: str, name: str) -> None:
    with open_store(f"sqlite:///{record.parent}/.opml/history.db") as store:
        store.append(make_run([make_result()]))
    found = run(command, name)
    assert (found.exit_code, len(found.output.splitlines())) == (4, 1)
    assert found.output.startswith("error: ")


@pytest.mark.parametrize("command", ["gate", "best", "budgets"])
def test_without_a_history_there_is_one_line_and_no_history_is_made(record: Path, command: str) -> None:
    found = run(command)
    assert (found.exit_code, len(found.output.splitlines())) == (4, 1)
    assert "no history yet: run pytest first" in found.output
    assert not (record.parent / ".opml").exists()


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"format_version": 99}', "\x00"])
@pytest.mark.parametrize("command", ["gate", "best"])
def test_what_is_no_record_is_one_line(tmp_path: Path, command: str, content: str) -> None:
    path = tmp_path / "no.json"
    path.write_text(content)
    found = run(command, path)
    assert (found.exit_code, len(found.output.splitlines())) == (4, 1)
    assert str(path) in found.output


def test_the_best_case_and_the_price_of_a_budget(record: Path) -> None:
    found = run("best", record, "--gate", "size_mb.min=10")
    assert found.exit_code == 0
    assert found.output.splitlines() == [
        "Best of 2 on digits within the budgets, which 1 passes: baseline (OpScore 0.845)",
        "Pareto front: int8, baseline",
        "without size_mb min: int8 (OpScore 0.079)",
    ]
    nothing = run("best", record, "--gate", "size_mb.max=1", "--json")
    assert nothing.exit_code == 1
    (plain,) = json.loads(nothing.output)
    assert (plain["best"], plain["within_budgets"], list(plain["without"])) == (None, [], ["size_mb max"])


def test_the_best_case_of_one_is_named_and_none_at_all_is_said(record: Path) -> None:
    write_record(make_run([make_result()]), record)
    found = run("best", record)
    assert (found.exit_code, found.output.splitlines()[0]) == (
        0,
        "Best of 1 on digits within the budgets, which 1 passes: baseline (OpScore 1.146)",
    )
    none = run("best", record, "--gate", "size_mb.max=1")
    assert none.exit_code == 1
    assert none.output.splitlines()[-1] == "opml: exit code 1: no case on digits is within the budgets"
    write_record(make_run([]), record)
    nothing = run("best", record)
    assert (nothing.exit_code, nothing.output) == (1, "opml: exit code 1: the run has no result\n")


def test_the_budgets_of_a_case_by_name(record: Path) -> None:
    found = run("budgets", INT8, "--gate", "size_mb.max=5")
    assert found.exit_code == 0
    assert found.output.splitlines()[:4] == [
        INT8,
        "  size_mb max = 20    tool.opml.gate.size_mb.max  (replaced by --opml-gate size_mb.max=5)",
        "  accuracy min = 0.8  tool.opml.gate.accuracy.min",
        "  size_mb max = 5     --opml-gate size_mb.max=5",
    ]
    assert set(json.loads(run("budgets", INT8, "--json").output)) == {INT8}


def test_the_budgets_of_the_newest_run(record: Path) -> None:
    marked = {INT8: {"marker opml on bench: gate": {"f1": {"min": 0.5}}}}
    with open_store(f"sqlite:///{record.parent}/.opml/history.db") as store:
        store.append(make_run([make_result("int8")], collected={INT8: "t"}, marker_budgets=marked))
    assert "  f1 min = 0.5        marker opml on bench: gate.f1.min" in run("budgets").output


def test_an_unknown_kind_of_hardware_is_one_line(record: Path) -> None:
    found = run("budgets", INT8, "--gpu", "v1000")
    assert (found.exit_code, len(found.output.splitlines())) == (4, 1)
    assert "--gpu: unknown profile 'v1000'; known: cpu, " in found.output


@pytest.mark.parametrize("command", ["gate", "best", "budgets"])
def test_the_help_says_what_the_command_is_for(command: str) -> None:
    text = run(command, "--help").output
    assert "--gate METRIC.RULE=VALUE" in text
    assert "--json" in text
