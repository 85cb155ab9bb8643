"""The commands that look into the history: history, compare, release, trend."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_opml import cli
from pytest_opml.history.base import History, Release
from pytest_opml.history.columns import parts
from pytest_opml.history.record_files import write_record
from pytest_opml.history.store import open_store
from pytest_opml.measure.sizes import measure_file
from pytest_opml.records.run import Check, RunRecord, Verdict
from pytest_opml.reports.terminal.history import row_lines
from tests.support.builders import make_case, make_device, make_failure, make_result, make_run
from tests.support.history_runs import commit_of, make_timing

NOW = datetime.now(timezone.utc).replace(microsecond=0)
INT8 = make_case("int8").id


def run(*arguments: object, columns: int = 120) -> Result:
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(cli.main, [str(argument) for argument in arguments])


def error_of(*arguments: object) -> str:
    """The one line of a command that is refused."""
    found = run(*arguments)
    assert found.exit_code == 4, found.output
    (line,) = found.output.splitlines()
    return line


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """Twelve daily runs, every fourth one on another branch; the int8 file grew with the sixth."""
    monkeypatch.chdir(tmp_path)
    store = open_store(f"sqlite:///{tmp_path}/.opml/history.db")
    runs = [
        make_run(
            [make_result(inference_s=10.0), make_result("int8", inference_s=3.0, size_mb=4.0 if day < 6 else 4.4)],
            run_id=f"{day:02d}{'f' * 30}",
            started=NOW - timedelta(days=20 - day),
            commit=commit_of(f"{day:x}", "topic" if day % 4 == 3 else "main", dirty=day == 11),
            failures=[make_failure("float16")] if day == 2 else [],
            profile="cpu",
        )
        for day in range(12)
    ]
    store.extend(runs)
    return store


def check_of(verdict: Verdict) -> Check:
    return Check(
        case_id=INT8,
        metric="size_mb",
        rule="max",
        limit=1.0,
        budget="max = 1",
        source="gate",
        value=2.0,
        verdict=verdict,
        blocking=verdict != "pass",
    )


def fields(lines: Sequence[str], column: int = 0) -> list[str]:
    return [line.split()[column] for line in lines[2:] if line]


def test_runs_are_listed_newest_first(history: History) -> None:
    lines = run("history", "--limit", 3).output.splitlines()
    assert fields(lines[:5]) == ["11" + "f" * 10, "10" + "f" * 10, "09" + "f" * 10]
    assert "bbbbbbbbbb+" in lines[2]
    assert lines[-1] == "+: files differed from the commit"
    found = json.loads(run("history", "--json", "--limit", 1).output)
    assert [(each["branch"], each["results"], each["dirty"], each["release"]) for each in found] == [
        ("topic", 2, True, None)
    ]
    assert set(found[0]) == {
        *("run_id", "started", "profile", "machine", "commit", "branch", "dirty"),
        *("results", "failures", "timings", "verdicts", "release", "rejected_for", "interrupted"),
    }


def test_the_verdicts_of_a_run_are_counted(history: History) -> None:
    verdicts: dict[Verdict, int] = {"pass": 3, "fail": 1, "inconclusive": 2, "not_judged": 4}
    checks = [check_of(verdict) for verdict, count in verdicts.items() for _ in range(count)]
    history.append(make_run([make_result()], [], checks, run_id="judged", started=NOW))
    (run_of_it,) = json.loads(run("history", "--json", "--limit", 1).output)
    assert run_of_it["verdicts"] == verdicts
    assert "1 failed, 4 not judged, 2 inconclusive, 3 passed" in run("history", "--limit", 1, columns=160).output


@pytest.mark.parametrize(
    ("options", "days"),
    [
        (("--branch", "topic"), ["11", "07", "03"]),
        (("--since", "12d"), ["11", "10", "09"]),
        (("--since", f"{NOW - timedelta(days=9):%Y-%m-%d}"), ["11"]),
        (
            ("--since", f"{(NOW - timedelta(days=10)).astimezone(timezone(timedelta(hours=5))).isoformat()}"),
            ["11", "10"],
        ),
        (("--profile", "v100"), []),
    ],
)
def test_runs_by_branch_time_and_hardware(history: History, options: tuple[str, ...], days: list[str]) -> None:
    found = json.loads(run("history", "--json", *options).output)
    assert [each["run_id"][:2] for each in found] == days
    if not days:
        assert run("history", *options).output == "no such run\n"


def test_results_of_cases_by_a_pattern(history: History) -> None:
    lines = run("history", "--case", "*/int8", "--limit", 2).output.splitlines()
    assert len(lines) == 5
    assert all(INT8 in line for line in lines[3:])
    assert "4.40" in lines[3]
    found = json.loads(run("history", "--case", "*", "--branch", "topic", "--json").output)
    assert len(found) == 6
    assert {each["figures"]["size_mb"] for each in found if each["case_id"] == INT8} == {4.0, 4.4}


def test_a_quality_that_is_not_the_accuracy_has_a_header_of_its_own() -> None:
    (part,) = parts(make_run([make_result()]))
    assert "accuracy" in row_lines([part.row], 120)[0]
    figures = dict(part.row.figures) | {"quality": 0.5, "accuracy": None}
    lines = row_lines([part.row, part.row._replace(figures=figures)], 120)
    assert "quality" in lines[0]
    assert "0.5000" in "\n".join(lines)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("history", "--case", "int8"), "error: unknown case of the history 'int8'; known: "),
        (("trend", "*"), "error: '*' matches 2 cases, and a trend is of one: "),
        (("trend", "nothing"), "error: unknown case of the history 'nothing'; known: "),
        (("trend", INT8, "--metric", "speed"), "error: --metric: unknown metric 'speed'; known: quality, "),
        (("trend", INT8, "--branch", "gone"), f"error: the history holds no op_score of {INT8} that was asked for"),
        (("trend", INT8, "--picture", "trend.gif"), "error: trend.gif: a picture ends in .png, .svg, .pdf"),
        (("compare", "nothing", "last"), "error: store sqlite"),
        (("release", "promote", "nothing"), "error: store sqlite"),
        (("release", "withdraw", "last"), "error: store sqlite"),
        (("history", "--store", "none"), "error: no history (store = none)"),
    ],
)
def test_what_is_not_there_is_one_line(history: History, arguments: tuple[str, ...], text: str) -> None:
    assert error_of(*arguments).startswith(text)


@pytest.mark.parametrize("when", ["yesterday", "2026-13-01", "10", "999999w"])
def test_a_time_that_is_none_says_what_is_allowed(history: History, when: str) -> None:
    found = run("history", "--since", when)
    assert found.exit_code == 4
    assert f"'{when}' is no day such as 2026-01-31, and no age such as 12h, 30d or 2w" in found.output


@pytest.mark.parametrize("command", [("history",), ("trend", "x"), ("compare", "a", "b"), ("release", "list")])
def test_without_a_history_there_is_one_line_and_none_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no history yet: run pytest first" in error_of(*command)
    assert list(tmp_path.iterdir()) == []


# ---- trend


def test_a_trend_shows_the_step_and_its_commits(history: History) -> None:
    found = run("trend", "*/int8", "--metric", "size_mb", "--picture", "size.svg", columns=80)
    assert found.exit_code == 0, found.output
    assert f"size_mb of {INT8}: 12 runs" in found.output
    assert "WORSE: 4 MB to 4.4 MB (+10.0 %) at the run 06ffffffffff" in found.output
    assert "git log --oneline 5555555555..6666666666" in found.output
    assert Path("size.svg").is_file()


def test_a_trend_is_of_the_score_unless_it_is_of_an_imported_benchmark(history: History) -> None:
    history.append(make_run(run_id="imported", timings=[make_timing("tests/test_it.py::test_speed")], profile="cpu"))
    assert json.loads(run("trend", "*/int8", "--json").output)["metric"] == "op_score"
    found = json.loads(run("trend", "*test_speed", "--json").output)
    assert (found["metric"], [point["value"] for point in found["points"]]) == ("call_s", [0.01])


def test_a_benchmark_is_found_by_a_name_with_brackets(history: History) -> None:
    names = ["tests/test_it.py::test_speed[1]", "tests/test_it.py::test_speed1"]
    history.append(make_run(run_id="imported", timings=[make_timing(name) for name in names], profile="cpu"))
    for name in names:
        assert json.loads(run("trend", name, "--json").output)["case"] == name


def test_a_long_list_of_cases_is_cut(history: History) -> None:
    names = [f"tests/test_it.py::test_{number:03d}" for number in range(60)]
    history.append(make_run(run_id="imported", timings=[make_timing(name) for name in names], profile="cpu"))
    assert error_of("trend", "tests/*").endswith("::test_048, tests/test_it.py::test_049 and 10 more")
    assert " and 12 more" in error_of("trend", "nothing")


def test_a_trend_is_on_one_kind_of_hardware(history: History) -> None:
    history.append(make_run([make_result("int8", size_mb=9.0)], run_id="gpu", started=NOW, profile="v100"))
    newest = json.loads(run("trend", INT8, "--metric", "size_mb", "--json").output)
    assert [point["value"] for point in newest["points"]] == [9.0]
    cpu = json.loads(run("trend", INT8, "--metric", "size_mb", "--profile", "cpu", "--json").output)
    assert len(cpu["points"]) == 12


# ---- compare


def test_two_runs_are_compared_case_by_case(history: History) -> None:
    found = run("compare", "00", "topic")
    assert found.exit_code == 0, found.output
    lines = found.output.splitlines()
    assert lines[0].startswith("run 11ffffffffff of ")
    assert " against run 00ffffffffff of " in lines[0]
    assert any(line.startswith("int8") and "1.100*" in line for line in lines)
    plain = json.loads(run("compare", "00", "topic", "--json").output)
    assert [each["size"]["word"] for each in plain] == ["same", "worse"]


def test_runs_in_files_are_compared_without_a_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_record(make_run([make_result(size_mb=10.0)]), Path("a.json"))
    write_record(make_run([make_result(size_mb=11.0), make_result("int8")]), Path("b.json"))
    output = run("compare", "a.json", "b.json").output
    assert "1.100*" in output
    assert "no baseline: int8" in output
    write_record(make_run([make_result("float16")]), Path("c.json"))
    assert run("compare", "a.json", "c.json").output == "a.json and c.json have no case in common\n"
    write_record(make_run([make_result()], profile="cpu"), Path("d.json"))
    assert error_of("compare", "a.json", "d.json").startswith("error: a.json was measured on v100 and d.json on cpu;")


def test_of_another_machine_only_sizes_and_accuracies_are_compared(tmp_path: Path) -> None:
    other = make_device().model_copy(update={"cores": 4})
    write_record(make_run([make_result()], device=other), tmp_path / "a.json")
    write_record(make_run([make_result()]), tmp_path / "b.json")
    output = " ".join(run("compare", tmp_path / "a.json", tmp_path / "b.json").output.split())
    assert "n/a: measured on another machine (4 cores, not 8 cores)" in output


# ---- release


@pytest.fixture
def measured(history: History, tmp_path: Path) -> RunRecord:
    """A run whose artifact lies in the cache."""
    path = tmp_path / "cache" / "entries" / "artifact-1" / "model.keras"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"model")
    result = make_result()
    about = {"file": path.name, "entry": "artifact-1", "sha256": measure_file(path).sha256}
    result = result.model_copy(update={"artifact": result.artifact.model_copy(update=about)})
    record = make_run([result, make_result("int8")], run_id="measured", started=NOW)
    history.append(record)
    return record


def test_a_run_is_promoted_listed_and_withdrawn(history: History, measured: RunRecord, tmp_path: Path) -> None:
    options = ("--label", "v1.2", "--cache-dir", tmp_path / "cache")
    refused = run("release", "promote", "last", *options)
    assert refused.exit_code == 11
    assert f"run measured has 1 artifact that cannot be stored ({INT8}: no longer in the cache " in refused.output
    assert history.releases() == []
    found = run("release", "promote", "last", *options, "--force")
    assert found.exit_code == 0, found.output
    lines = found.output.splitlines()
    assert lines[0].startswith("run measured of ")
    assert lines[0].endswith(" is the release now: v1.2")
    assert lines[1].startswith("forced, although it has 1 artifact that cannot be stored")
    assert lines[2] == f"stored 1 of 2 artifacts in {tmp_path}/.opml/releases"
    assert lines[3].startswith(f"not stored, compared by the figures of the run: {INT8}: no longer in the cache ")
    kept = tmp_path / ".opml" / "releases" / measured.results[0].artifact.sha256 / "model.keras"
    assert kept.read_bytes() == b"model"

    assert "v1.2" in run("release", "list").output
    (listed,) = json.loads(run("release", "list", "--json").output)
    assert (listed["run_id"], listed["label"]) == ("measured", "v1.2")
    assert "v1.2" in run("history", "--limit", 1).output

    assert "is no release any more; artifacts removed: 1" in run("release", "withdraw", "release").output
    assert not kept.exists()
    assert history.releases() == []
    assert run("release", "list").output == "no run was promoted yet: opml release promote RUN\n"


def test_a_run_that_broke_a_budget_is_promoted_only_when_told_so(history: History) -> None:
    history.append(make_run([make_result()], checks=[check_of("fail")], run_id="broken", started=NOW))
    refused = run("release", "promote", "broken")
    assert refused.exit_code == 1
    assert refused.output.startswith("opml: exit code 1: run broken failed 1 budget and has 1 artifact that cannot be")
    assert "the release stays as it was (--force promotes it all the same)" in refused.output
    assert history.releases() == []
    assert run("release", "promote", "broken", "--force", "--json").exit_code == 0
    assert [each.run_id for each in history.releases()] == ["broken"]


def test_a_label_is_one_line_and_fits_its_column(history: History) -> None:
    found = run("release", "promote", "last", "--force", "--label", "v1.2\n of\tmay")
    assert found.output.splitlines()[0].endswith(" is the release now: v1.2 of may")
    history.promote(Release("00" + "f" * 30, NOW, "a\nlong label " + "x" * 100))
    for command in (("release", "list"), ("history",)):
        lines = run(*command, columns=80).output.splitlines()
        assert max(map(len, lines)) <= 80
        assert any("a long label xxxxxxxxxx…" in line for line in lines)


def test_a_run_without_results_is_no_release(history: History) -> None:
    history.append(make_run(failures=[make_failure()], run_id="empty", started=NOW))
    assert error_of("release", "promote", "empty") == "error: run empty has no result to compare with"


def test_a_budget_is_judged_again_on_any_run_of_the_history(history: History) -> None:
    history.promote(Release("00" + "f" * 30, NOW))
    assert run("gate", "release", "--gate", "size_mb.max=15").exit_code == 0
    assert run("gate", "main", "--gate", "size_mb.max=4.1").exit_code == 1
    assert run("best", "00f", "--json").exit_code == 0


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize(
    "command",
    [("history",), ("history", "--case", "*"), ("compare", "00", "last"), ("trend", "*/int8", "--metric", "size_mb")],
)
def test_no_line_is_wider_than_the_terminal(history: History, command: tuple[str, ...], width: int) -> None:
    found = run(*command, columns=width)
    assert found.exit_code == 0, found.output
    assert max(map(len, found.output.splitlines())) <= width


def test_a_run_in_a_file_is_no_release_before_it_is_in_the_history(history: History, measured: RunRecord) -> None:
    write_record(measured.model_copy(update={"run_id": "elsewhere"}), Path("run.json"))
    text = "error: run elsewhere is not in the history: opml import it first"
    assert error_of("release", "promote", "run.json", "--cache-dir", "cache") == text
    assert not Path(".opml/releases").exists()


def test_a_run_is_removed_with_a_reason_and_brought_back(history: History, tmp_path: Path) -> None:
    newest = "11" + "f" * 30
    assert (
        error_of("history", "remove", newest, "--reason", "  ")
        == "error: --reason: is empty; say why the run is removed"
    )
    history.promote(Release(newest, NOW, "v1"))
    assert "is the release v1: it can be removed after" in error_of(
        "history", "remove", "11", "--reason", "a bad clock"
    )
    history.withdraw(newest)
    found = run("history", "remove", "last", "--reason", "a bad\nclock")
    assert found.output.endswith(f"is removed; to bring it back: opml history restore {newest[:12]}\n")
    assert fields(run("history", "--limit", 1).output.splitlines()) == ["10" + "f" * 10]
    (line,) = run("history", "--removed", columns=300).output.splitlines()
    assert line.startswith(f"run {newest[:12]}, removed ")
    assert line.endswith(": a bad clock")
    (removal,) = json.loads(run("history", "--removed", "--json").output)
    assert (removal["run_id"], removal["reason"]) == (newest, "a bad clock")

    record = tmp_path / "record.json"
    write_record(make_run([make_result()], run_id=newest), record)
    imported = run("import", record)
    assert imported.output == "0 runs added; 1 run left out, removed before (opml history --removed)\n"
    assert json.loads(run("history", "restore", "11", "--json").output) == {"run": newest}
    assert run("history", "--removed").output == "no run was removed\n"
    assert fields(run("history", "--limit", 1).output.splitlines())[0] == newest[:12]


def test_a_run_of_an_older_commit_is_the_one_that_commands_are_about(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = make_run(
        [make_result("int8", size_mb=7.7)], run_id="again", started=NOW, commit=commit_of("3"), profile="cpu"
    )
    history.append(again, ancestry=lambda first, second: first < second)
    assert json.loads(run("history", "--json", "--limit", 1).output)[0]["run_id"] == "11" + "f" * 30
    for named in ((), ("last",)):
        assert "run again of" in run("report", *named).output
    points = json.loads(run("trend", INT8, "--metric", "size_mb", "--json").output)["points"]
    assert [point["run_id"] for point in points].index("again") == 4
