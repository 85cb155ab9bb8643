from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_opml.errors import SettingsError
from pytest_opml.integrations.forges import find_forge
from tests.support.fake_forges import PROJECT, REPOSITORY, TOKEN, FakeGitHub, serving


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what a CI job that runs these tests says of itself."""
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "OPML_COMMENT_TOKEN", "GITHUB_TOKEN", "GH_TOKEN", "GITLAB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def on_github(monkeypatch: pytest.MonkeyPatch, folder: Path, event: Any, **variables: str) -> None:
    (folder / "event.json").write_text(json.dumps(event))
    given = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_TOKEN": TOKEN,
    }
    for name, value in (given | variables).items():
        monkeypatch.setenv(name, value)


def on_gitlab(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    given = {"GITLAB_CI": "true", "CI_PROJECT_ID": "44", "CI_PROJECT_PATH": PROJECT, "GITLAB_TOKEN": TOKEN}
    for name in ("CI_MERGE_REQUEST_IID", "CI_MERGE_REQUEST_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_PATH"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (given | variables).items():
        monkeypatch.setenv(name, value)


PULL = {"pull_request": {"number": 9}}


def described(*arguments: Any) -> str:
    forge = find_forge(*arguments)
    return forge.described if forge else ""


def test_the_request_is_that_of_the_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    on_github(monkeypatch, tmp_path, PULL)
    assert described(None, None, None) == "pull request 9 of acme/models"
    assert described(None, None, 3) == "pull request 3 of acme/models"
    assert described("Acme/Models", None, None) == "pull request 9 of Acme/Models"
    assert described("acme/else", None, 4) == "pull request 4 of acme/else"


def test_a_job_of_a_push_has_nothing_to_comment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    on_github(monkeypatch, tmp_path, {}, GITHUB_EVENT_NAME="push")
    monkeypatch.delenv("GITHUB_TOKEN")
    assert find_forge(None, None, None) is None
    monkeypatch.delenv("GITHUB_ACTIONS")
    on_gitlab(monkeypatch)
    assert find_forge(None, None, None) is None


def test_a_job_after_the_workflow_of_a_fork_finds_its_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = {"event": "pull_request", "head_branch": "fix", "head_sha": "a" * 40, "pull_requests": []}
    event = {"workflow_run": run | {"head_repository": {"owner": {"login": "someone"}}}}
    with serving(FakeGitHub()) as forge:
        on_github(monkeypatch, tmp_path, event, GITHUB_EVENT_NAME="workflow_run", GITHUB_API_URL=forge.address)
        assert find_forge(None, None, None) is None  # it was closed meanwhile
        forge.open_requests = [{"number": 12, "head": {"label": "someone:fix", "sha": "a" * 40}}]
        assert described(None, None, None) == "pull request 12 of acme/models"


def test_the_merge_request_of_a_fork_is_in_the_project_that_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    on_gitlab(monkeypatch, CI_MERGE_REQUEST_IID="5")
    assert described(None, None, None) == "merge request 5 of 44"
    on_gitlab(monkeypatch, CI_MERGE_REQUEST_IID="5", CI_MERGE_REQUEST_PROJECT_ID="11")
    assert described(None, None, None) == "merge request 5 of 11"
    assert described(None, PROJECT, None) == f"merge request 5 of {PROJECT}"


def test_without_a_job_the_request_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPML_COMMENT_TOKEN", TOKEN)
    assert described(REPOSITORY, None, 2) == "pull request 2 of acme/models"
    assert described(None, "44", 2) == "merge request 2 of 44"
    with pytest.raises(SettingsError, match="this is no job of GitHub Actions or GitLab CI"):
        find_forge(None, None, 2)


@pytest.mark.parametrize("arguments", [(REPOSITORY, None, None), (None, PROJECT, None)])
def test_a_request_of_another_project_needs_its_number(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(SettingsError, match=r"give the number of its (pull|merge) request by --request N"):
        find_forge(*arguments)


def test_the_number_of_a_job_is_not_taken_for_another_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    on_github(monkeypatch, tmp_path, PULL)
    with pytest.raises(SettingsError, match="by --request N"):
        find_forge("acme/else", None, None)
    with pytest.raises(SettingsError, match="by --request N"):
        find_forge(None, "group/else", None)


def test_both_kinds_of_servers_exclude_each_other() -> None:
    with pytest.raises(SettingsError, match="--github and --gitlab exclude each other"):
        find_forge(REPOSITORY, PROJECT, 1)


def test_a_token_that_is_missing_is_said_with_where_to_put_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    on_github(monkeypatch, tmp_path, PULL, GITHUB_TOKEN=" ")
    with pytest.raises(SettingsError, match=r"no token: .* into OPML_COMMENT_TOKEN or GITHUB_TOKEN or GH_TOKEN"):
        find_forge(None, None, None)
    monkeypatch.delenv("GITHUB_ACTIONS")
    on_gitlab(monkeypatch, CI_MERGE_REQUEST_IID="5", GITLAB_TOKEN="", CI_JOB_TOKEN="job")
    with pytest.raises(SettingsError, match="CI_JOB_TOKEN cannot write notes") as error:
        find_forge(None, None, None)
    assert "job" not in str(error.value).replace("CI_JOB_TOKEN", "")
