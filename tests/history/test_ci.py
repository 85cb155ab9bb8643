"""What each service's own variables say; the values are formed as in its documentation."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

from pytest_opml.history.ci import Job, read_job
from pytest_opml.records.run import CiRun

MERGE, NEWEST = "a1" * 20, "b2" * 20
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SHA": MERGE,
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "octocat/Hello-World",
    "GITHUB_RUN_ID": "1658821493",
}
GITHUB_URL = "https://github.com/octocat/Hello-World/actions/runs/1658821493"
GITHUB_REQUEST = GITHUB | {
    "GITHUB_REF": "refs/pull/12/merge",
    "GITHUB_REF_NAME": "12/merge",
    "GITHUB_REF_TYPE": "branch",
    "GITHUB_HEAD_REF": "feature/größe",
    "GITHUB_BASE_REF": "main",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_COMMIT_SHA": MERGE,
    "CI_COMMIT_TIMESTAMP": "2022-01-31T16:47:55Z",
    "CI_JOB_URL": "https://gitlab.example.org/group/sub/project/-/jobs/77",
}
GITLAB_REQUEST = GITLAB | {
    "CI_COMMIT_REF_NAME": "topic",
    "CI_MERGE_REQUEST_ID": "90210",
    "CI_MERGE_REQUEST_IID": "12",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "topic",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
}
JENKINS = {
    "BUILD_TAG": "jenkins-team-models-main-12",
    "BUILD_URL": "https://jenkins.example.org/job/team/job/models/job/main/12/",
    "GIT_COMMIT": MERGE,
    "BRANCH_NAME": "main",
}
JENKINS_REQUEST = JENKINS | {
    "BRANCH_NAME": "PR-12",
    "CHANGE_ID": "12",
    "CHANGE_BRANCH": "topic",
    "CHANGE_TARGET": "main",
}
pytestmark = pytest.mark.usefixtures("outside_ci")


def told(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> Job:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    job = read_job()
    assert job is not None
    return job


def on_github(**fields: str) -> CiRun:
    return CiRun(service="GitHub Actions", url=GITHUB_URL, **fields)


def on_gitlab(**fields: str) -> CiRun:
    return CiRun(service="GitLab CI", url=GITLAB["CI_JOB_URL"], **fields)


def on_jenkins(**fields: str) -> CiRun:
    return CiRun(service="Jenkins", url=JENKINS["BUILD_URL"], **fields)


@pytest.mark.parametrize(
    ("variables", "run", "branch"),
    [
        pytest.param(GITHUB | {"GITHUB_REF": "refs/heads/feature/x"}, on_github(), "feature/x", id="github push"),
        pytest.param(
            GITHUB | {"GITHUB_REF": "refs/tags/v1.2", "GITHUB_REF_NAME": "v1.2", "GITHUB_REF_TYPE": "tag"},
            on_github(),
            None,
            id="github tag",
        ),
        pytest.param(GITHUB, on_github(), None, id="github without a ref"),
        pytest.param(
            GITHUB_REQUEST, on_github(pull_request="12", target="main"), "feature/größe", id="github pull request"
        ),
        pytest.param(
            GITHUB_REQUEST | {"GITHUB_REF": "refs/heads/main"},
            on_github(target="main"),
            "main",
            id="github pull_request_target, which checks the target out",
        ),
        pytest.param(GITLAB | {"CI_COMMIT_BRANCH": "release"}, on_gitlab(), "release", id="gitlab branch"),
        pytest.param(
            GITLAB | {"CI_COMMIT_TAG": "v1.2", "CI_COMMIT_REF_NAME": "v1.2"}, on_gitlab(), None, id="gitlab tag"
        ),
        pytest.param(GITLAB_REQUEST, on_gitlab(pull_request="12", target="main"), "topic", id="gitlab merge request"),
        pytest.param(
            GITLAB
            | {
                "CI_COMMIT_BRANCH": "topic",
                "CI_EXTERNAL_PULL_REQUEST_IID": "5",
                "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME": "topic",
                "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME": "main",
            },
            on_gitlab(pull_request="5", target="main"),
            "topic",
            id="gitlab external pull request",
        ),
        pytest.param(JENKINS, on_jenkins(), "main", id="jenkins branch"),
        pytest.param(JENKINS_REQUEST, on_jenkins(pull_request="12", target="main"), "topic", id="jenkins request"),
    ],
)
def test_a_job_tells_where_it_is_from(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], run: CiRun, branch: str | None
) -> None:
    job = told(monkeypatch, variables)
    assert (job.run, job.commit, job.branches.get(MERGE)) == (run, MERGE, branch)


@pytest.mark.parametrize("variables", [{}, {"GITHUB_SHA": MERGE, "CI_COMMIT_SHA": MERGE, "CI": "true"}])
def test_no_service_says_that_it_runs_this(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert read_job() is None


@pytest.mark.parametrize(
    ("variables", "default"),
    [
        (JENKINS, None),
        (JENKINS | {"BRANCH_IS_PRIMARY": "true"}, "main"),
        (JENKINS_REQUEST | {"BRANCH_IS_PRIMARY": "true"}, None),
    ],
)
def test_jenkins_tells_the_default_branch_in_a_job_for_it(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], default: str | None
) -> None:
    assert told(monkeypatch, variables).default_branch == default


def test_the_newest_commit_of_a_github_request_is_in_the_events_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 34, "head": {"ref": "topic", "sha": NEWEST}}}))
    variables = GITHUB_REQUEST | {"GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_PATH": str(event)}
    job = told(monkeypatch, variables)
    assert job.branches == {MERGE: "main", NEWEST: "feature/größe"}
    assert job.run.pull_request == "34"


@pytest.mark.parametrize(
    "event",
    [
        None,
        "",
        "[]",
        '{"pull_request": null}',
        '{"pull_request": {"number": true, "head": {"sha": "HEAD"}}}',
        '{"pull_request": {"number": [1], "head": "b2"}}',
        "[" * 200_000,
        "\xff",
    ],
    ids=lambda event: repr(event)[:50],
)
def test_an_events_file_without_a_request_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, event: str | None
) -> None:
    path = tmp_path / "event.json"
    if event is not None:
        path.write_text(event, "latin-1")
    job = told(monkeypatch, GITHUB_REQUEST | {"GITHUB_EVENT_PATH": str(path)})
    assert job.branches == {MERGE: "feature/größe"}
    assert job.run == on_github(pull_request="12", target="main")


def test_the_newest_commit_of_a_merged_result_of_gitlab_is_named_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    job = told(monkeypatch, GITLAB_REQUEST | {"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": NEWEST})
    assert job.branches == {MERGE: "topic", NEWEST: "topic"}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2022-01-31T16:47:55Z", datetime(2022, 1, 31, 16, 47, 55, tzinfo=timezone.utc)),
        ("2022-01-31T16:47:55+03:00", datetime(2022, 1, 31, 13, 47, 55, tzinfo=timezone.utc)),
        ("2022-01-31T16:47:55", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("1643647675", None),
        ("", None),
    ],
)
def test_gitlab_tells_when_the_commit_was_made(
    monkeypatch: pytest.MonkeyPatch, text: str, moment: datetime | None
) -> None:
    assert told(monkeypatch, GITLAB_REQUEST | {"CI_COMMIT_TIMESTAMP": text}).authored == moment


def test_a_hash_of_64_digits_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, GITHUB | {"GITHUB_SHA": "c3" * 32}).commit == "c3" * 32


@pytest.mark.parametrize("value", ["", "HEAD", "a1b2c3d", MERGE.upper(), MERGE + "\n", f" {MERGE}", "$(id)", "\udcff"])
@pytest.mark.parametrize(("variables", "name"), [(GITHUB_REQUEST, "GITHUB_SHA"), (GITLAB_REQUEST, "CI_COMMIT_SHA")])
def test_what_is_no_hash_is_no_commit(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str, value: str
) -> None:
    job = told(monkeypatch, variables | {name: value})
    assert (job.commit, job.branches) == (None, {})


@pytest.mark.parametrize(
    "value",
    ["", "-d", "/x", "a b", "a\nb", "a\x1b[31mb", "a\u202eb", "a\udcffb", "a:b", "x" * 256],
    ids=ascii,
)
@pytest.mark.parametrize(
    ("variables", "branch", "target"),
    [
        (GITHUB_REQUEST, "GITHUB_HEAD_REF", "GITHUB_BASE_REF"),
        (GITLAB_REQUEST, "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
    ],
    ids=["github", "gitlab"],
)
def test_what_git_would_not_take_for_a_branch_is_none(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], branch: str, target: str, value: str
) -> None:
    job = told(monkeypatch, variables | {branch: value, target: value})
    assert (job.commit, job.branches, job.run.target) == (MERGE, {}, None)
    assert job.run.model_dump_json()


@pytest.mark.parametrize(
    ("variables", "name", "value"),
    [
        (GITHUB, "GITHUB_SERVER_URL", "javascript:alert(1)//x"),
        (GITHUB, "GITHUB_SERVER_URL", "https://name:secret@github.com"),
        (GITHUB, "GITHUB_REPOSITORY", ""),
        (GITHUB, "GITHUB_REPOSITORY", "octocat/<script>"),
        (GITHUB, "GITHUB_RUN_ID", ""),
        (GITHUB, "GITHUB_RUN_ID", "1)[x](https://evil.example.org"),
        (GITLAB, "CI_JOB_URL", ""),
        (GITLAB, "CI_JOB_URL", "file:///etc/passwd"),
        (GITLAB, "CI_JOB_URL", "https://gitlab.example.org/a b"),
        (GITLAB, "CI_JOB_URL", "https://gitlab.example.org/\n"),
    ],
)
def test_what_is_no_page_of_a_job_is_no_url(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str, value: str
) -> None:
    assert told(monkeypatch, variables | {name: value}).run.url is None


@pytest.mark.parametrize("value", ["", "x", "1\n", "-1", "١٢", "9" * 21])
def test_what_is_no_number_is_no_request(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert told(monkeypatch, GITLAB_REQUEST | {"CI_MERGE_REQUEST_IID": value}).run.pull_request is None


@pytest.mark.parametrize(
    ("variables", "name"), [(GITHUB, "GITHUB_WORKSPACE"), (GITLAB, "CI_PROJECT_DIR")], ids=["github", "gitlab"]
)
@pytest.mark.parametrize(
    ("folder", "owned"),
    [("", True), (".", True), ("project/bench", True), ("../elsewhere", False), ("../checkout-2", False)],
)
def test_a_job_owns_what_is_in_its_checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], name: str, folder: str, owned: bool
) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    job = told(monkeypatch, variables | {name: str(checkout)})
    assert job.may_own(checkout / folder) is owned


@pytest.mark.parametrize("folder", [None, "", "missing", "x" * 5000])
def test_a_container_may_have_the_checkout_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str | None
) -> None:
    variables = {} if folder is None else {"GITHUB_WORKSPACE": folder and str(tmp_path / folder)}
    assert told(monkeypatch, GITHUB | variables).may_own(tmp_path)
