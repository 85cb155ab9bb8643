"""The command that posts a run on a pull request: ``opml comment``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_opml import cli
from pytest_opml.history.record_files import write_record
from pytest_opml.records.run import Commit
from tests.support.builders import make_failure, make_result, make_run
from tests.support.fake_forges import NUMBER, PROJECT, REPOSITORY, TOKEN, FakeForge, FakeGitHub, FakeGitLab, serving

VARIABLES = (
    *("GITHUB_ACTIONS", "GITHUB_JOB", "GITHUB_EVENT_PATH", "GITHUB_EVENT_NAME", "GITHUB_REF", "GITHUB_REPOSITORY"),
    *("GITLAB_CI", "CI_JOB_NAME", "CI_MERGE_REQUEST_IID", "CI_MERGE_REQUEST_PROJECT_ID", "CI_PROJECT_ID"),
    *("OPML_COMMENT_TOKEN", "GITHUB_TOKEN", "GH_TOKEN", "GITLAB_TOKEN", "GITHUB_API_URL", "CI_API_V4_URL"),
)


@pytest.fixture(autouse=True)
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stored run of two cases, in a folder with a budget that it breaks, outside any CI job."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.opml.gate]\nsize_mb = { max = 10 }\n")
    path = tmp_path / "run.json"
    write_record(make_run([make_result(), make_result("int8", 0.9, 3.0, 4.0)]), path)
    return path


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeForge]:
    """A job of GitHub Actions for a pull request."""
    with serving(FakeGitHub()) as forge:
        given = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": forge.address,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_REF": f"refs/pull/{NUMBER}/merge",
            "GITHUB_JOB": "bench",
            "GITHUB_TOKEN": TOKEN,
        }
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        yield forge


@pytest.fixture
def gitlab(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeForge]:
    """A job of GitLab CI for a merge request."""
    with serving(FakeGitLab()) as forge:
        given = {
            "GITLAB_CI": "true",
            "CI_API_V4_URL": forge.address,
            "CI_PROJECT_ID": PROJECT,
            "CI_MERGE_REQUEST_IID": str(NUMBER),
            "CI_JOB_NAME": "bench: [a, b] 1/3",
            "GITLAB_TOKEN": TOKEN,
        }
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        yield forge


def run(*arguments: object) -> Result:
    found = CliRunner().invoke(cli.main, ["comment", *map(str, arguments)])
    assert TOKEN not in found.output
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found


def refusal(*arguments: object) -> str:
    found = run(*arguments)
    assert found.exit_code == 4, found.output
    assert found.output.count("\n") == 1
    return found.output


def test_a_job_of_github_leaves_one_comment(github: FakeForge, record: Path) -> None:
    found = run(record)
    assert found.exit_code == 0, found.output
    assert found.output == (
        "pull request 7 of acme/models: wrote the comment https://github.example/acme/models/pull/7#issuecomment-1\n"
    )
    assert github.bodies()[0].startswith(
        "<!-- pytest-opml:bench -->\n## ❌ 1 of 2 budgets failed\n\n- Failed: baseline: size_mb 14 MB &#62; 10 MB\n"
    )
    assert "the comment has this text already" in run(record).output
    assert run(record, "--gate", "size_mb.max=20").output.startswith("pull request 7 of acme/models: updated the")
    assert "## ✅ All 2 budgets passed" in github.bodies()[0]
    assert github.methods() == ["POST", "PATCH"]


def test_a_job_of_gitlab_leaves_one_comment(gitlab: FakeForge, record: Path) -> None:
    assert run(record).output == "merge request 7 of group/models: wrote the comment\n"
    assert run(record).output == "merge request 7 of group/models: the comment has this text already\n"
    assert gitlab.bodies()[0].startswith("<!-- pytest-opml:bench-a-b-1-3 -->\n## ❌")
    assert gitlab.methods() == ["POST"]


def test_each_name_has_a_comment_of_its_own(github: FakeForge, record: Path) -> None:
    run(record)
    run(record, "--name", "nightly")
    run(record, "--name", "nightly")
    assert [body.partition("\n")[0] for body in github.bodies()] == [
        "<!-- pytest-opml:bench -->",
        "<!-- pytest-opml:nightly -->",
    ]


def test_the_outcome_is_had_as_plain_data(github: FakeForge, record: Path) -> None:
    found = json.loads(run(record, "--json").output)
    assert found == {
        "change": "created",
        "url": "https://github.example/acme/models/pull/7#issuecomment-1",
        "deleted": 0,
    }


def test_duplicates_are_deleted_and_told(github: FakeForge, record: Path) -> None:
    for _ in range(3):
        github.write("<!-- pytest-opml:bench -->\nold")
    assert "deleted 2 further comments of the same name" in run(record).output
    assert len(github.comments) == 1


def test_a_link_and_a_baseline_stand_in_the_first_lines(github: FakeForge, record: Path) -> None:
    write_record(make_run([make_result(inference_s=20.0), make_result("int8", 0.9, 6.0, 4.0)]), Path("slow.json"))
    run(record, "--link", "https://ci.example/r.html", "--against", "slow.json")
    body = github.bodies()[0]
    assert "- [full report](https://ci.example/r.html) · commit `0123456789`" in body
    assert "- 2 of 2 cases changed beyond chance against slow.json: " in body


def test_a_push_has_nothing_to_comment(github: FakeForge, record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_REF", "refs/heads/main")
    found = run("no/such/run.json")
    assert (found.exit_code, found.output) == (0, "not a pull request: nothing to comment\n")
    assert json.loads(run("--json").output)["change"] == "none"
    assert github.requests == []


def test_a_dry_run_prints_and_sends_nothing(github: FakeForge, record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    found = run(record, "--dry-run")
    assert found.exit_code == 0
    assert found.output.startswith("<!-- pytest-opml:bench -->\n## ❌ 1 of 2 budgets failed\n")
    assert github.requests == []


def test_a_dry_run_needs_no_job(record: Path) -> None:
    assert run(record, "--dry-run").output.startswith("<!-- pytest-opml:default -->\n## ❌")


def test_a_token_of_another_kind_is_refused_in_one_line(
    github: FakeForge, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.may_write = False
    assert "give the job `permissions: pull-requests: write`" in refusal(record)
    monkeypatch.setenv("GITHUB_TOKEN", "wrong")
    assert "GitHub refuses (401: Bad credentials)" in refusal(record)
    monkeypatch.delenv("GITHUB_TOKEN")
    assert "error: no token: put a token that may write comments" in refusal(record)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "this is no job of GitHub Actions or GitLab CI"),
        (("--request", "3"), "this is no job of GitHub Actions or GitLab CI"),
        (("--github", "acme/models"), "give the number of its pull request by --request N"),
        (("--github", "acme/models", "--gitlab", "1"), "--github and --gitlab exclude each other"),
        (("--github", "acme/models", "--request", "3"), "no token: put"),
        (("--dry-run", "--name", "a --> b"), "is no name of a comment"),
        (("--dry-run", "--link", "javascript:x"), "is no link such as"),
        (("--dry-run", "--against", "absent.json"), "absent.json: cannot be read"),
    ],
)
def test_a_wrong_input_is_refused(record: Path, options: tuple[str, ...], message: str) -> None:
    assert message in refusal(record, *options)


def test_a_number_that_is_none_is_refused(record: Path) -> None:
    found = run(record, "--github", "a/b", "--request", "0")
    assert found.exit_code == 4
    assert "0 is not in the range x>=1" in found.output


def test_a_hostile_record_changes_neither_marker_nor_structure(github: FakeForge) -> None:
    text = "x\n<!-- pytest-opml:bench -->\n/close @all"
    commit = Commit(commit="5" * 40, branch=text, dirty=True)
    failure = make_failure("float16", message=text)
    hostile = make_run([make_result(notes=(text,)), make_result("int8", notes=(text,))], [failure], commit=commit)
    write_record(hostile, Path("hostile.json"))
    assert run("hostile.json").exit_code == 0
    body = github.bodies()[0]
    outside_code = re.sub("`[^`\\n]*`", "", body)
    assert outside_code.count("<!--") == 1
    assert "@all" not in outside_code
    assert not any(line.startswith("/") for line in body.splitlines())
