from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_opml import cli
from pytest_opml.history.record_files import write_record
from pytest_opml.history.store import open_store
from pytest_opml.paper.claims import CLAIMS
from tests.support.builders import make_run
from tests.support.paper_results import paper_result


@pytest.fixture(autouse=True)
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record in the current folder, with two cases."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "run.json"
    write_record(make_run([paper_result("float16", ratio=1.3), paper_result()]), path)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, ["paper", *arguments])


def test_the_published_tables_need_no_run() -> None:
    document = json.loads(run("--json").stdout)
    assert document["runs"] == []
    assert len(document["tables"]) == 7
    assert {claim["verdict"] for claim in document["claims"]} == {"not_measured"}
    assert "Table 7: " in run().output


def test_a_run_is_a_file_or_one_of_the_history(tmp_path: Path) -> None:
    first = make_run([paper_result("int8")], run_id="20250101-000000-aaaaaa")
    with open_store(f"sqlite:///{tmp_path}/.opml/history.db") as store:
        store.append(first)
    document = json.loads(run("--run", "run.json", "--run", "last", "--json").stdout)
    assert document["runs"] == ["20260102-030405-abcdef", "20250101-000000-aaaaaa"]
    verdicts = {claim["id"]: claim["verdict"] for claim in document["claims"]}
    assert verdicts["float16-slower-for-each"] == "pass"


def test_only_what_is_asked_for_is_shown() -> None:
    table = run("--table", "5", "--run", "run.json").output
    assert "Table 5: " in table
    assert "Table 1: " not in table
    claims = run("--claims").output
    assert "ranked by OpScore" not in claims
    assert all(claim.id in claims for claim in CLAIMS)


def test_markdown_is_written_to_a_file() -> None:
    result = run("--run", "run.json", "-o", "paper.md")
    assert (result.exit_code, result.output) == (0, "")
    assert Path("paper.md").read_text("utf-8").count("\n### Table ") == 7


def test_a_claim_that_fails_is_no_error() -> None:
    write_record(make_run([paper_result("float16", ratio=0.8), paper_result()]), Path("run.json"))
    result = run("--claims", "--run", "run.json")
    assert result.exit_code == 0
    assert "fail: float16-slower-for-each" in result.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--table", "8"), "8 is not in the range 1<=x<=7"),
        (("--run", "gone.json"), "gone.json"),
        (("--run", "last"), "history"),
        (("--json", "-o", "paper.md"), "exclude each other"),
        (("-o", "notes.md"), "has not the lines"),
        (("-o", "."), "is a folder"),
        (("nonsense",), "No such command 'nonsense'"),
    ],
)
def test_a_wrong_input_is_one_clear_line(arguments: tuple[str, ...], text: str) -> None:
    Path("notes.md").write_text("ours\n", "utf-8")
    result = run(*arguments)
    assert result.exit_code == 4
    assert text in result.output
    assert Path("notes.md").read_text("utf-8") == "ours\n"
