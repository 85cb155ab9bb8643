from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_opml.errors import SettingsError
from pytest_opml.integrations.github import GitHub, Head, client_of, find_request, head_of, request_number
from tests.support.fake_forges import NUMBER, REPOSITORY, TOKEN, FakeGitHub, Reply, said, serving


@pytest.fixture
def forge() -> Iterator[FakeGitHub]:
    with serving(FakeGitHub()) as served:
        assert isinstance(served, FakeGitHub)
        yield served


def client(forge: FakeGitHub, token: str = TOKEN) -> GitHub:
    return GitHub(REPOSITORY, NUMBER, token, forge.address, sleep=lambda _: None)


def refusal(forge: FakeGitHub, token: str = TOKEN) -> str:
    with pytest.raises(SettingsError) as error:
        client(forge, token).create("x")
    return str(error.value)


def test_the_token_of_a_job_is_of_its_bot(forge: FakeGitHub) -> None:
    assert client(forge).author() == "github-actions[bot]"
    forge.tells_user, forge.login = True, "octo"
    assert client(forge).author() == "octo"


def test_a_token_that_is_wrong_is_said(forge: FakeGitHub) -> None:
    text = refusal(forge, "ghp_wrong")
    assert text == (
        "pull request 7 of acme/models: GitHub refuses (401: Bad credentials): the token is wrong or has expired: give "
        "a valid one in GITHUB_TOKEN"
    )
    with pytest.raises(SettingsError, match="401"):
        client(forge, "ghp_wrong").author()


def test_a_token_that_only_reads_is_said_with_the_permission_that_it_needs(forge: FakeGitHub) -> None:
    forge.may_write = False
    assert client(forge).comments() == []
    text = refusal(forge)
    assert "(403: Resource not accessible by integration)" in text
    assert "`permissions: pull-requests: write`" in text
    assert "from a fork" in text


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (said(404, "Not Found"), "there is no such pull request, or the token may not see it"),
        (said(422, "Validation Failed"), "(422: Validation Failed)"),
        (said(410, "Gone"), "(410: Gone): the pull request was deleted"),
        (said(403, "Repository was archived so is read-only."), "nobody can comment in an archived repository"),
        (Reply(200, {"no": "list"}), "may not be GitHub's REST interface"),
        (Reply(418, None), "(418)"),
    ],
)
def test_each_refusal_is_one_line_with_what_the_server_said(forge: FakeGitHub, reply: Reply, part: str) -> None:
    forge.before = lambda _: reply
    with pytest.raises(SettingsError) as error:
        client(forge).comments()
    assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_a_comment_of_an_account_that_is_gone_has_no_author(forge: FakeGitHub) -> None:
    forge.write("x", user=None)
    assert client(forge).comments()[0].author == ""


@pytest.mark.parametrize("name", ["models", "a/b/c", "../x", "acme/mo dels", "acme/", "a?b/c"])
def test_what_is_no_repository_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="is no repository: write OWNER/NAME"):
        GitHub(name, 1, TOKEN)


# --- the number of the request


def job(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, event: Any, ref: str = "refs/heads/main") -> None:
    (folder / "event.json").write_text(json.dumps(event))
    variables = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": REPOSITORY}
    variables |= {"GITHUB_EVENT_NAME": name, "GITHUB_REF": ref}
    for key, value in (variables | {"GITHUB_EVENT_PATH": str(folder / "event.json")}).items():
        monkeypatch.setenv(key, value)


def workflow_run(requests: list[Any], event: str = "pull_request") -> dict[str, Any]:
    return {"repository": {"id": 5}, "workflow_run": {"event": event, "pull_requests": requests}}


OURS, ANOTHERS = ({"number": number, "base": {"repo": {"id": home}}} for number, home in ((12, 5), (3, 6)))


@pytest.mark.parametrize(
    ("name", "event", "ref", "number"),
    [
        ("pull_request", {"pull_request": {"number": 9}}, "refs/pull/9/merge", 9),
        ("pull_request", {}, "refs/pull/9/merge", 9),
        ("pull_request_target", {"pull_request": {"number": 9}}, "refs/heads/main", 9),
        ("workflow_run", workflow_run([ANOTHERS, OURS]), "refs/heads/main", 12),
        ("workflow_run", workflow_run([], "push"), "refs/heads/main", None),
        ("workflow_run", ["no", "event"], "refs/heads/main", None),
        ("workflow_run", workflow_run([ANOTHERS]), "refs/heads/main", None),
        ("workflow_run", workflow_run([None, {"number": "x", "base": {"repo": {"id": 5}}}]), "refs/heads/main", None),
        ("push", {}, "refs/heads/main", None),
        ("push", workflow_run([OURS]), "refs/heads/main", None),
    ],
)
def test_the_number_is_that_of_the_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, event: Any, ref: str, number: int | None
) -> None:
    job(monkeypatch, tmp_path, name, event, ref)
    assert request_number(os.environ) == number


def fork_run(event: str = "pull_request", **changed: Any) -> dict[str, Any]:
    run = {"event": event, "pull_requests": [], "head_branch": "fix/ü&x", "head_sha": "a" * 40}
    run |= {"head_repository": {"owner": {"login": "someone"}}}
    return {"repository": {"id": 5}, "workflow_run": run | changed}


def test_the_request_of_a_fork_has_its_head_in_the_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job(monkeypatch, tmp_path, "workflow_run", fork_run())
    assert request_number(os.environ) is None
    assert head_of(os.environ) == Head("someone", "fix/ü&x", "a" * 40)
    job(monkeypatch, tmp_path, "workflow_run", fork_run("push"))
    assert head_of(os.environ) is None
    job(monkeypatch, tmp_path, "workflow_run", fork_run(head_repository=None))
    assert head_of(os.environ) is None


def test_the_request_of_a_fork_is_looked_up_by_its_head(forge: FakeGitHub) -> None:
    def entry(number: int, commit: str, label: str = "someone:fix/ü&x") -> dict[str, Any]:
        return {"number": number, "head": {"sha": commit * 40, "label": label}}

    forge.open_requests = [entry(3, "b"), entry(4, "a", "another:fix/ü&x"), entry(5, "a")]
    client = client_of(TOKEN, forge.address)
    head = Head("someone", "fix/ü&x", "a" * 40)
    assert find_request(REPOSITORY, head, client) == 5
    assert find_request(REPOSITORY, head._replace(commit="c" * 40), client) is None
    with pytest.raises(SettingsError, match=r"GitHub does not list its pull requests \(404: Not Found\)"):
        find_request("acme/else", head, client)
