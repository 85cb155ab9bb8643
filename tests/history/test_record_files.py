from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pytest_opml.history.record_files import read_record, record_schema, write_record
from pytest_opml.records.run import RunRecord
from tests.support.builders import make_case, make_failure, make_result, make_run
from tests.support.refusals import refusal


def full_run(**fields: Any) -> RunRecord:
    results = [make_result(), make_result("cluster-256", p99=None, notes=("größer ✓",))]
    results.append(make_result(case=make_case("int8", unfreeze="all", split="70-30", epochs=3)))
    return make_run(results, [make_failure("float16", "timeout", "took longer than 1800 s")], **fields)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.json"


# ---- writing


def test_what_was_written_is_read_back(path: Path) -> None:
    write_record(full_run(commit=None), path)
    assert read_record(path) == full_run(commit=None)


def test_the_file_is_indented_json_with_ids(path: Path) -> None:
    write_record(full_run(), path)
    text = path.read_text("utf-8")
    assert text.startswith('{\n  "format_version": 1,\n  "run_id": ')
    assert text.endswith("\n}\n")
    document = json.loads(text)
    assert document["results"][1]["id"] == "digits/efficientnet_lite0/top1/cluster-256"
    assert document["failures"][0]["id"] == "digits/efficientnet_lite0/top1/float16"


def test_the_file_fits_its_schema(path: Path) -> None:
    write_record(full_run(), path)
    schema = record_schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    document = json.loads(path.read_text("utf-8"))
    validator.validate(document)
    assert not validator.is_valid(document | {"format_version": 2})
    assert not validator.is_valid(document | {"more": 1})


def test_the_schema_names_its_dialect_and_its_title() -> None:
    schema = record_schema()
    assert next(iter(schema)) == "$schema"
    assert schema["title"] == "pytest-opml run record"
    assert "id" in schema["$defs"]["Result"]["required"]
    assert "$id" not in schema


# ---- reading


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(full_run().model_dump_json())
    return found


def test_a_file_that_is_not_there(path: Path) -> None:
    assert refusal(read_record, path) == "cannot be read: No such file or directory"
    assert refusal(read_record, path.parent) == "cannot be read: Is a directory"


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"\xff\xfe", b"{", b'{"a": 1} x', b"[" * 100_000, b"<html>"])
def test_a_file_that_is_not_json(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert refusal(read_record, path).startswith("is not JSON: ")


@pytest.mark.parametrize("content", ["[]", "null", "1", '"text"'])
def test_json_that_is_no_object(path: Path, content: str) -> None:
    path.write_text(content)
    assert refusal(read_record, path) == "is no record of a run, which is an object"


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (2, "format_version 2 is newer than this version of pytest-opml reads (1)"),
        (0, "is no record of a run: format_version is 0, not 1"),
        (True, "is no record of a run: format_version is True, not 1"),
        (1.0, "is no record of a run: format_version is 1.0, not 1"),
        ("1", "is no record of a run: format_version is '1', not 1"),
        (None, "is no record of a run: format_version is None, not 1"),
    ],
)
def test_another_format_version(path: Path, version: Any, reason: str) -> None:
    path.write_text(json.dumps(document() | {"format_version": version, "not": "looked at"}))
    assert refusal(read_record, path) == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d.pop("device"), "is no record of a run: device: is missing"),
        (lambda d: d.pop("results"), "is no record of a run: results: is missing"),
        (lambda d: d.update(more=1), "is no record of a run: more: is not known here"),
        (lambda d: d.update(results={}), "is no record of a run: results: must be a list"),
        (lambda d: d.update(failures=[1]), "is no record of a run: failures.0: must be an object"),
        (lambda d: d["results"][0].pop("auc"), "is no record of a run: results.0.auc: is missing"),
        (
            lambda d: d["results"][2]["case"].update(technique="a/b"),
            "is no record of a run: results.2.case.technique: must not contain '/'",
        ),
        (lambda d: d.update(run_id="a\nb"), "is no record of a run: run_id: must not contain control"),
        (
            lambda d: d.update(started="0001-01-01T00:00:00Z"),
            "is no record of a run: started: must lie in",
        ),
        (
            lambda d: d["results"][0]["inference_s"].update(value=0),
            "is no record of a run: results.0: what follows from its figures cannot be worked out: ",
        ),
        (
            lambda d: d["results"][0]["artifact"].update(size_bytes=10**400),
            "is no record of a run: results.0: what follows from its figures cannot be worked out: ",
        ),
        (
            lambda d: d["results"][0]["inference_s"].update(value=5e-324),
            "is no record of a run: results.0: what follows from its figures is beyond all numbers",
        ),
        (
            lambda d: d["results"][0]["accuracy"].update(value=1e308),
            "is no record of a run: results.0: what follows from its figures is beyond all numbers",
        ),
        (
            lambda d: d["results"][2]["case"].update(epochs="3"),
            "is no record of a run: results.2.case.epochs: must be a whole number",
        ),
    ],
)
def test_json_that_is_no_record(path: Path, change: Callable[[dict[str, Any]], Any], reason: str) -> None:
    changed = document()
    change(changed)
    path.write_text(json.dumps(changed))
    assert refusal(read_record, path).startswith(reason)


def test_a_number_beyond_all_numbers_is_refused(path: Path) -> None:
    changed = json.dumps(document() | {"marker_budgets": {"case": {"accuracy": {"min": 12345.5}}}})
    path.write_text(changed)
    assert read_record(path).marker_budgets["case"]["accuracy"] == {"min": 12345.5}
    path.write_text(changed.replace("12345.5", "1e999"))
    assert refusal(read_record, path) == "is no record of a run: marker_budgets: must hold finite numbers only"
    path.write_text(changed.replace("12345.5", "NaN"))
    assert refusal(read_record, path).startswith("is not JSON: ")


def test_a_name_in_the_file_cannot_break_the_line_of_the_message(path: Path) -> None:
    for change in ({"two\nlines": 1}, {"x" * 5_000: 1}):
        path.write_text(json.dumps(document() | change))
        assert 20 < len(refusal(read_record, path)) < 1_100
    changed = document()
    changed["results"][0]["case"]["two\nlines"] = 1
    path.write_text(json.dumps(changed))
    assert refusal(read_record, path).startswith("is no record of a run: results.0.case.two lines: ")


def test_the_modules_load_neither_tabulate_nor_sqlalchemy() -> None:
    code = (
        "import sys, pytest_opml.history.record_files, pytest_opml.reports.terminal.ranking;"
        "sys.exit(bool({'tabulate', 'sqlalchemy', 'pytest', 'tensorflow', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
