"""The command that makes a page of a run: ``opml report``."""

from __future__ import annotations

import json
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_opml import cli
from pytest_opml.history.base import Release
from pytest_opml.history.record_files import write_record
from pytest_opml.history.store import open_store
from pytest_opml.records.run import RunRecord
from tests.support.builders import make_result, make_run
from tests.support.history_runs import commit_of

SLOWER = [make_result(inference_s=20.0), make_result("int8", 0.9, 6.0, 4.0)]


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stored run of two cases, in a folder with a budget that it breaks."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.opml.gate]\nsize_mb = { max = 10 }\n")
    path = tmp_path / "run.json"
    write_record(made(), path)
    return path


def made(**fields: object) -> RunRecord:
    return make_run([make_result(), make_result("int8", 0.9, 3.0, 4.0)], **fields)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, ["report", *map(str, arguments)])


def refusal(*arguments: object) -> str:
    found = run(*arguments)
    assert found.exit_code == 4, found.output
    return found.output


def test_a_failed_budget_is_told_and_not_judged(record: Path) -> None:
    found = run(record)
    assert found.exit_code == 0
    assert found.output.startswith("## ❌ 1 of 2 budgets failed\n\n- Failed: baseline: size_mb 14 MB &#62; 10 MB\n")


def test_budgets_are_those_of_today(record: Path) -> None:
    assert "## ✅ All 2 budgets passed" in run(record, "--gate", "size_mb.max=20").output


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ((), "## "),
        (("--format", "html"), "<!DOCTYPE html>"),
        (("-o", "page.md"), "## "),
        (("-o", "page.txt"), "## "),
        (("-o", "page.html"), "<!DOCTYPE html>"),
        (("-o", "page.HTM"), "<!DOCTYPE html>"),
        (("-o", "page.json"), "{"),
        (("-o", "page.html", "--format", "markdown"), "## "),
        (("-o", "page.html", "--json"), "{"),
        (("--json",), "{"),
    ],
)
def test_the_format_is_that_of_the_option_or_of_the_ending(record: Path, options: tuple[str, ...], start: str) -> None:
    found = run(record, *options)
    assert found.exit_code == 0
    text = found.output
    if "-o" in options:
        assert text == ""
        text = Path(options[1]).read_text("utf-8")
    assert text.lstrip().startswith(start)


def test_the_file_is_written_whole_or_not_at_all(record: Path) -> None:
    Path("page.html").write_text("old")
    assert "no/such.json" in refusal("no/such.json", "-o", "page.html")
    assert Path("page.html").read_text() == "old"
    assert "is a folder" in refusal(record, "-o", record.parent)
    assert run(record, "-o", "deep/er/page.html").exit_code == 0
    assert sorted(entry.name for entry in Path("deep/er").iterdir()) == ["page.html"]


def test_the_same_is_had_as_plain_data(record: Path) -> None:
    found = json.loads(run(record, "--json").output)
    assert (found["state"], found["headline"]) == ("fail", "1 of 2 budgets failed")
    assert [row[1] for row in found["test_sets"][0]["table"]["rows"]] == [
        "best values",
        "int8",
        "baseline",
        "worst values",
    ]


def test_the_newest_run_is_meant_where_none_is_named(record: Path) -> None:
    with open_store(f"sqlite:///{record.parent}/.opml/history.db") as store:
        store.append(made(run_id="newest"))
    assert "run: newest" in run().output
    with open_store(f"sqlite:///{record.parent}/other.db") as store:
        store.append(made(run_id="elsewhere"))
    assert "run: elsewhere" in run("--store", "sqlite:///other.db").output


def test_a_run_is_compared_with_a_file(record: Path) -> None:
    write_record(make_run(SLOWER, run_id="slower"), Path("slower.json"))
    text = run(record, "--against", "slower.json").output
    assert "<summary>Against the baseline slower.json</summary>" in text
    assert "| `int8` | +0.0000 ±.0387 | 0.500 ±.022\\* |" in text


@pytest.mark.parametrize(
    ("against", "named", "baseline"),
    [
        ("last", "last", "second"),
        ("best", "best", "first"),
        ("release", "release", "first"),
        ("topic", "branch topic", "second"),
        ("aaaa", f"commit {'a' * 40}", "first"),
    ],
)
def test_a_run_is_compared_with_one_of_the_history_before_it(
    record: Path, against: str, named: str, baseline: str
) -> None:
    start = made().started
    fast = [make_result(inference_s=5.0), make_result("int8", 0.9, 1.5, 4.0)]
    with open_store(f"sqlite:///{record.parent}/.opml/history.db") as store:
        first = made(run_id="first", started=start - timedelta(days=2), commit=commit_of("a"))
        store.append(first.model_copy(update={"results": tuple(fast)}))
        store.append(
            make_run(SLOWER, run_id="second", started=start - timedelta(days=1), commit=commit_of("b", "topic"))
        )
        store.append(made(run_id="third", commit=commit_of("c")))
        store.append(made(run_id="later", started=start + timedelta(days=1), commit=commit_of("d", "topic")))
        store.promote(Release("first", start))
    text = run("third", "--against", against).output
    assert f"<summary>Against the baseline {named}</summary>" in text
    assert f"- all: run {baseline} of" in text


def test_where_nothing_can_be_compared_the_page_says_so(record: Path) -> None:
    with open_store(f"sqlite:///{record.parent}/.opml/history.db") as store:
        store.append(made(run_id="only"))
    text = run("only", "--against", "last").output
    assert "It has no earlier result of these cases on v100 to compare with." in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--against", "last"), "no history yet"),
        (("--against", "absent.json"), "absent.json: cannot be read"),
        (("--format", "pdf"), "'pdf' is not one of 'markdown', 'html'"),
        (("--json", "--format", "html"), "--json and --format exclude each other"),
        (("--gate", "accuracy.minimum=1"), "accuracy"),
        (("--config", "absent.toml"), "absent.toml: no such file"),
    ],
)
def test_a_wrong_input_is_refused(record: Path, options: tuple[str, ...], message: str) -> None:
    assert message in refusal(record, *options)


def test_the_help_is_there() -> None:
    text = run("--help").output
    assert 'opml report >> "$GITHUB_STEP_SUMMARY"' in text
    assert "--against WHAT" in text


# ---- figures


def test_figures_are_written_and_said_in_one_line(record: Path, tmp_path: Path) -> None:
    result = run(record, "--figures", "figures")
    assert result.exit_code == 0
    assert result.output.startswith("wrote 3 charts (SVG, PNG, PDF) and 3 tables (CSV, LaTeX) to figures: ")
    assert len(result.output.splitlines()) == 1
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names >= {"bubbles-1.pdf", "score-axes-1.png", "ranking-1.csv", "ranking-1.tex", "budgets.csv"}


def test_a_page_is_written_beside_figures_where_it_is_asked_for(record: Path, tmp_path: Path) -> None:
    assert run(record, "--figures", "figures", "-o", "page.md").exit_code == 0
    assert (tmp_path / "page.md").read_text().startswith("#")
    result = run(record, "--figures", "figures", "--json")
    assert result.stderr.startswith("wrote ")
    assert json.loads(result.stdout)


def test_figures_need_a_folder(record: Path, tmp_path: Path) -> None:
    result = run(record, "--figures", record)
    assert result.exit_code == 4
    assert f"{record}: is a file, and the figures need a folder; name another one" in result.output


def test_a_page_that_cannot_be_written_is_refused_before_the_run_is_judged(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judge_again(*_: object) -> RunRecord:
        pytest.fail("the run was judged")

    # the package has the command of the same name
    monkeypatch.setattr(import_module("pytest_opml.cli.report"), "judge_again", judge_again)
    (tmp_path / "pages").mkdir()
    assert "is a folder; give the path of a file" in refusal(record, "-o", tmp_path / "pages", "--figures", "figures")
    assert not (tmp_path / "figures").exists()
