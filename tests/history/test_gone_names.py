"""Runs of which every name of the user's own is gone: data set, model, technique and metric, in each command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_opml import cli
from pytest_opml.history.record_files import write_record
from pytest_opml.history.store import open_store
from pytest_opml.integrations.mlflow_runs import case_runs, session_run
from pytest_opml.records.case_record import CaseRecord
from pytest_opml.records.run import Check, RunRecord
from tests.support.builders import make_failure, make_result, make_run

CASE = CaseRecord(dataset="stripes", model="petnet", technique="sign-0.5+fold")
BUDGETS = """
[tool.opml.gate]
layers_seen = { max = 40 }
size_mb = { max = 20 }
"""


def gone(run_id: str, minute: int) -> RunRecord:
    """A stored run, with a budget on its marker that nobody knows either."""
    check = Check(
        case_id=CASE.id,
        profile="cpu",
        metric="layers_seen",
        rule="max",
        limit=40.0,
        budget="max = 40",
        source="tool.opml.gate.layers_seen.max",
        value=50.0,
        verdict="fail",
        blocking=True,
    )
    failure = make_failure().model_copy(update={"case": CASE.model_copy(update={"seed": 2})})
    record = make_run(
        [make_result(case=CASE.reference), make_result(case=CASE, accuracy=0.89, size_mb=4.0)],
        [failure],
        [check],
        run_id=run_id,
        profile="cpu",
        reference_only=(CASE.reference.id,),
        collected={CASE.id: "bench/bench_it.py::bench"},
        marker_budgets={CASE.id: {"marker": {"wrong_per_mb": {"min": 3, "optional": True}}}},
    )
    return record.model_copy(update={"started": record.started.replace(minute=minute)})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> str:
    """A project with two such runs in its history, whose URL this is, and one in a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(BUDGETS)
    with open_store(url) as history:
        history.extend([gone("before", 1), gone("after", 2)])
    write_record(gone("file", 3), tmp_path / "file.json")
    return url


def run(url: str, *arguments: object, code: int = 0) -> Result:
    done = CliRunner().invoke(cli.main, [*map(str, arguments), *(["--store", url] if url else [])])
    assert done.exit_code == code, done.output
    return done


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("history",), 0, "after"),
        (("history", "--case", "stripes/*"), 0, "/sign-0.5+fold"),
        (("gate", "last"), 1, "so it is shown as it was stored"),
        (("gate", "file.json"), 1, "layers_seen"),
        (("best", "last"), 1, ""),
        (("budgets",), 0, "the metric is not registered here"),
        (("report", "last"), 0, "so it is shown as it was stored"),
        (("report", "file.json", "--against", "before"), 0, "sign-0.5+fold"),
        (("trend", CASE.id, "--metric", "size_mb"), 0, "the newest value is 4 MB"),
        (("compare", "before", "file.json"), 0, "sign-0.5+fold"),
        (("export", "all.jsonl"), 0, "2 runs"),
        (("import", "file.json"), 0, "1 run added"),
        (("release", "promote", "last", "--force"), 0, "is the release now"),
    ],
    ids=lambda value: "-".join(map(str, value[:2])) if isinstance(value, tuple) else "",
)
def test_a_run_whose_names_are_gone_works_in_each_command(
    project: str, arguments: tuple[str, ...], code: int, text: str
) -> None:
    assert text in " ".join(run(project, *arguments, code=code).output.split())


def test_it_moves_from_one_store_to_another(project: str, tmp_path: Path) -> None:
    run(project, "export", "all.jsonl")
    other = f"sqlite:///{tmp_path / 'other.db'}"
    assert "2 runs added" in run(other, "import", "all.jsonl").output
    with open_store(project) as one, open_store(other) as two:
        assert list(one.records()) == list(two.records())


def test_its_checks_are_told_apart_for_other_programs(project: str) -> None:
    checks = {check["metric"]: check for check in json.loads(run(project, "gate", "last", "--json", code=1).output)}
    assert {name: check["verdict"] for name, check in checks.items()} == {
        "size_mb": "pass",
        "layers_seen": "fail",
        "wrong_per_mb": "not_judged",
    }
    assert checks["layers_seen"]["value"] == 50.0
    assert "no check of this budget was stored" in checks["wrong_per_mb"]["reason"]


def test_it_can_be_logged_to_a_tracking_server() -> None:
    record = gone("a", 1)
    assert session_run(record).files["record.json"]
    assert [entry.params["technique"] for entry in case_runs(record)][-1] == CASE.technique


def test_reading_one_needs_no_registry(project: str) -> None:
    code = (
        "import sys; sys.modules['pytest_opml.registry'] = None;"
        "from pytest_opml.records.run import RunRecord;"
        "from pathlib import Path;"
        "assert RunRecord.model_validate_json(Path('file.json').read_text()).run_id == 'file'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
