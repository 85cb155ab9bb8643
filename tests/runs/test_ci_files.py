"""The CI files that ``opml init`` writes and the action, run as their services run them, twice each.

No service and no Jenkins is here: what these do themselves is done by tests/support/ci_jobs.py, and the step that
installs pytest-opml is left out. Nothing here starts TensorFlow.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_opml.cli.init import ci_text
from pytest_opml.history.record_files import read_record
from pytest_opml.records.run import RunRecord
from tests.support.ci_jobs import (
    CiMachine,
    GitHubJob,
    Step,
    fake_venv,
    jenkins_blocks,
    jenkins_scripts,
    load_yaml,
    run_gitlab,
)
from tests.support.fake_forges import NUMBER, PROJECT, REPOSITORY, TOKEN, FakeForge, FakeGitHub, FakeGitLab, serving
from tests.support.onnx_files import write_classifier, write_rows
from tests.support.processes import ROOT
from tests.support.repositories import run_git

SERVICES = ("github", "gitlab", "jenkins")
PAGE = ROOT / "docs" / "ci.md"
BENCH = """
import pytest
from pytest_opml import Case

@pytest.mark.parametrize("case", [Case(model="prod.onnx", dataset="rows.npz", unfreeze=0)], ids=str)
def bench_release(case, opml):
    opml(case)
"""
SETTINGS = """
[tool.opml]
baseline = "release"
compare_seconds = 0
[tool.opml.gate]
accuracy = { min = 0.8 }
size_mb = { max_regression = "5%" }
"""
# A first run has no release to compare with: that is exit code 11, and the run is promoted all the same.
FIRST, SECOND = 11, 0


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    """A repository with a model, data, a bench file and a budget against the release."""
    folder = tmp_path / "upstream"
    (folder / "bench").mkdir(parents=True)
    write_classifier(folder / "prod.onnx")
    write_rows(folder / "rows.npz", rows=200, wrong=10)
    (folder / "bench" / "bench_release.py").write_text(BENCH)
    (folder / "pyproject.toml").write_text(SETTINGS)
    run_git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder, "first")
    return folder


def commit(folder: Path, text: str) -> str:
    (folder / "README.md").write_text(text)
    run_git(folder, "add", ".")
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    run_git(folder, *identity, "commit", "--quiet", "--message", text)
    return run_git(folder, "rev-parse", "HEAD")


@pytest.fixture
def machine(tmp_path: Path) -> CiMachine:
    """A machine with the environment of the tests on its path, and nothing of a CI service in its variables."""
    names = ("CI", "GITHUB_", "GITLAB_", "GH_", "OPML_", "XDG_", "BUILD_", "CHANGE_", "BRANCH_", "GIT_", "PYTEST_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment |= {"PYTEST_ADDOPTS": "-p no:randomly -p no:cacheprovider", "GIT_CONFIG_GLOBAL": os.devnull}
    (tmp_path / "machine" / "home").mkdir(parents=True)
    return CiMachine(folder=tmp_path / "machine", environment=environment)


@pytest.fixture
def github() -> Iterator[FakeForge]:
    with serving(FakeGitHub()) as forge:
        yield forge


def checkout(upstream: Path, number: int) -> Path:
    """A fresh clone with a detached head, as services make it."""
    folder = upstream.parent / f"checkout{number}"
    run_git(upstream, "clone", "--quiet", "--no-local", str(upstream), str(folder))
    run_git(folder, "checkout", "--quiet", "--detach")
    return folder


def record_of(files: dict[str, bytes], folder: Path, name: str = "run.json") -> RunRecord:
    (folder / "artifact.json").write_bytes(files[name])
    return read_record(folder / "artifact.json")


def labels(folder: Path, machine: CiMachine) -> list[str]:
    """The releases of a checkout, the newest first."""
    command = ["opml", "release", "list", "--json"]
    done = subprocess.run(command, cwd=folder, env=machine.environment, capture_output=True, text=True, check=True)
    return [release["label"] for release in json.loads(done.stdout)]


def compares(record: RunRecord) -> bool:
    """Whether the budget against the release was judged."""
    return all(check.verdict == "pass" for check in record.checks)


def codes(steps: list[Step]) -> dict[str, int]:
    return {step.name: step.code for step in steps}


# --- what is written in the files


@pytest.mark.parametrize("ci", SERVICES)
def test_the_page_shows_the_files_that_init_writes(ci: str) -> None:
    language = "groovy" if ci == "jenkins" else "yaml"
    assert f"```{language}\n{ci_text(ci, Path('bench'), needs_onnx=False)}```\n" in PAGE.read_text("utf-8")


SCHEMAS = [
    ("github", "github-workflows", ()),
    ("github", "github-workflows-require-timeout", ()),
    ("gitlab", "gitlab-ci", ("--data-transform", "gitlab-ci")),
    ("action", "github-actions", ()),
]


@pytest.mark.docs
@pytest.mark.parametrize(("ci", "schema", "options"), SCHEMAS)
def test_the_files_are_valid(ci: str, schema: str, options: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / f"{ci}.yml"
    path.write_text((ROOT / "action.yml").read_text() if ci == "action" else ci_text(ci, Path("b"), needs_onnx=True))
    kind = "custom" if schema.endswith("timeout") else "vendor"
    command = [sys.executable, "-m", "check_jsonschema", f"--builtin-schema={kind}.{schema}", *options, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_blocks_of_the_jenkinsfile_are_closed() -> None:
    blocks = jenkins_blocks(ci_text("jenkins", Path("bench"), needs_onnx=False))
    assert [block for block in blocks if block.startswith(("pipeline", "stage(", "post", "always"))] == [
        "pipeline",
        "stage('Install')",
        "stage('Restore the history and the released artifacts')",
        "stage('Measure and judge')",
        "post",
        "always",
    ]


def test_the_hook_of_pre_commit_is_a_command_that_there_is() -> None:
    (hook,) = load_yaml((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert (hook["id"], hook["entry"]) == ("opml-settings", "opml check")
    assert re.search(hook["files"], "services/vision/pyproject.toml")
    assert not re.search(hook["files"], "my-pyproject.toml")


# --- GitHub


def github_job(machine: CiMachine, where: Path, forge: FakeForge, event: str, run: int, **context: Any) -> GitHubJob:
    """A job for a push to the default branch, or for a pull request."""
    sha = run_git(where, "rev-parse", "HEAD")
    is_push = event == "push"
    document = machine.folder / "event.json"
    document.write_text(json.dumps({"repository": {"default_branch": "main"}}))
    values = {
        "github.event_name": event,
        "github.ref": "refs/heads/main" if is_push else f"refs/pull/{NUMBER}/merge",
        "github.ref_name": "main" if is_push else f"{NUMBER}/merge",
        "github.repository": REPOSITORY,
        "github.run_id": str(run),
        "github.run_attempt": "1",
        "github.token": TOKEN,
        "github.event.repository.default_branch": "main",
        "github.event.pull_request.head.repo.full_name": "" if is_push else REPOSITORY,
        "runner.os": "Linux",
        **context,
    }
    variables = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": forge.address,
        "GITHUB_EVENT_NAME": event,
        "GITHUB_EVENT_PATH": str(document),
        "GITHUB_JOB": "gate",
        "GITHUB_REF": str(values["github.ref"]),
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_SHA": sha,
        "GITHUB_WORKSPACE": str(where),
        **({} if is_push else {"GITHUB_HEAD_REF": "topic", "GITHUB_BASE_REF": "main"}),
    }
    return GitHubJob(machine=machine, where=where, context=values, variables=variables)


def run_workflow(job: GitHubJob) -> dict[str, int]:
    workflow = load_yaml(ci_text("github", Path("bench"), needs_onnx=True))["jobs"]["gate"]
    assert job.evaluate(workflow["if"]) is True
    for name, value in workflow["env"].items():
        job.context[f"env.{name}"] = job.filled(value)
    assert workflow["steps"][2]["run"] == 'python -m pip install "pytest-opml[onnx]"'  # which is left out
    return codes(job.run(workflow["steps"]))


@pytest.mark.docs
def test_the_workflow_of_github_runs_from_empty_caches_and_from_full_ones(
    upstream: Path, machine: CiMachine, github: FakeForge
) -> None:
    first = github_job(machine, checkout(upstream, 1), github, "push", 1)
    outcome = run_workflow(first)
    assert outcome["Measure and judge"] == FIRST, first.steps
    assert {name for name, code in outcome.items() if code} == {"Measure and judge"}, first.steps
    assert "not judged" in first.summary
    assert set(machine.artifacts["opml"]) == {"report.html", "run.json", "opml.xml"}
    assert {key.partition("/")[0][:12] for key in machine.caches} == {"opml-history", "opml-models-"}

    commit(upstream, "second")
    second = github_job(machine, checkout(upstream, 2), github, "push", 2)
    outcome = run_workflow(second)
    assert not any(outcome.values()), second.steps
    record = record_of(machine.artifacts["opml"], machine.folder)
    assert compares(record)
    assert record.commit is not None
    assert record.commit.branch == "main"
    assert len(labels(second.where, machine)) == 2
    assert github.bodies() == []  # a push has no pull request

    request_of_pull(upstream, machine, github)


def request_of_pull(upstream: Path, machine: CiMachine, github: FakeForge) -> None:
    """A pull request reads the caches of the default branch, is commented on once, and writes no history."""
    histories = [key for key in machine.caches if key.startswith("opml-history")]
    run_git(upstream, "checkout", "--quiet", "-b", "topic")
    for run in (3, 4):
        commit(upstream, f"change {run}")
        job = github_job(machine, checkout(upstream, run), github, "pull_request", run)
        outcome = run_workflow(job)
        assert not any(outcome.values()), job.steps
        assert compares(record_of(machine.artifacts["opml"], machine.folder))
        assert "Promote the run" not in outcome
    assert len(github.bodies()) == 1
    assert [key for key in machine.caches if key.startswith("opml-history")] == histories


def test_a_job_of_github_for_a_fork_measures_and_does_not_comment(
    upstream: Path, machine: CiMachine, github: FakeForge
) -> None:
    """The one whole run that is among all tests."""
    fork = {"github.event.pull_request.head.repo.full_name": "somebody/models"}
    (upstream / "pyproject.toml").write_text(SETTINGS.replace('max_regression = "5%"', "max = 1"))
    commit(upstream, "no baseline")
    job = github_job(machine, checkout(upstream, 1), github, "pull_request", 1, **fork)
    outcome = run_workflow(job)
    assert not any(outcome.values()), job.steps
    assert "Comment on the pull request" not in outcome
    assert set(machine.artifacts["opml"]) == {"report.html", "run.json", "opml.xml"}


@pytest.mark.parametrize(
    ("event", "ref", "runs"), [("push", "topic", False), ("push", "main", True), ("pull_request", "7/merge", True)]
)
def test_a_branch_is_measured_for_its_pull_request_only(
    event: str, ref: str, runs: bool, machine: CiMachine, tmp_path: Path
) -> None:
    context = {"github.event_name": event, "github.ref_name": ref, "github.event.repository.default_branch": "main"}
    job = GitHubJob(machine=machine, where=tmp_path, context=context)
    workflow = load_yaml(ci_text("github", Path("bench"), needs_onnx=False))
    assert bool(job.evaluate(workflow["jobs"]["gate"]["if"])) is runs


# --- the action


def run_action(job: GitHubJob, **given: str) -> tuple[dict[str, int], dict[str, str]]:
    """Run the steps of the action with some inputs; return their exit codes and its outputs."""
    action = load_yaml((ROOT / "action.yml").read_text())
    for name, declared in action["inputs"].items():
        job.context[f"inputs.{name}"] = given.get(name, job.filled(declared["default"]))
    outcome = codes(job.run(action["runs"]["steps"]))
    return outcome, {name: job.filled(output["value"]) for name, output in action["outputs"].items()}


@pytest.mark.docs
def test_the_action_runs_from_empty_caches_and_from_full_ones(
    upstream: Path, machine: CiMachine, github: FakeForge
) -> None:
    first = github_job(machine, checkout(upstream, 1), github, "push", 1)
    outcome, outputs = run_action(first, gpu="cpu")
    assert {name for name, code in outcome.items() if code} == {"Hand on the verdict"}, first.steps
    assert (outputs["exit-code"], outputs["verdict"]) == ("11", "not judged")
    assert Path(outputs["report"]).is_file()

    commit(upstream, "second")
    second = github_job(machine, checkout(upstream, 2), github, "push", 2)
    outcome, outputs = run_action(second, gpu="cpu")
    assert not any(outcome.values()), second.steps
    assert (outputs["exit-code"], outputs["verdict"]) == ("0", "pass")

    run_git(upstream, "checkout", "--quiet", "-b", "topic")
    commit(upstream, "third")
    for run, args, verdict in ((3, "", "pass"), (4, "--opml-gate 'accuracy.min = 0.99' -q", "fail")):
        job = github_job(machine, checkout(upstream, run), github, "pull_request", run)
        outcome, outputs = run_action(job, gpu="cpu", args=args)
        assert outputs["verdict"] == verdict, job.steps
        assert outcome["Comment on the pull request"] == 0, job.steps
        assert outcome["Hand on the verdict"] == (1 if verdict == "fail" else 0)
    assert len(github.bodies()) == 1


@pytest.mark.docs
def test_arguments_of_an_action_are_all_taken_or_nothing_runs(
    upstream: Path, machine: CiMachine, github: FakeForge
) -> None:
    """Without the budget among them, the gate would pass."""
    job = github_job(machine, checkout(upstream, 1), github, "push", 1)
    outcome, outputs = run_action(job, gpu="cpu", args="--opml-gate=accuracy.min=0.999 -k 'bench_")
    assert outputs == {"exit-code": "4", "verdict": "error", "report": ""}
    assert outcome["Hand on the verdict"] == 4
    job = github_job(machine, checkout(upstream, 2), github, "push", 2)
    outcome, outputs = run_action(job, gpu="cpu", args="--co -q --junit-prefix='of\ntwo lines'")
    assert outputs["exit-code"] == "0", job.steps  # the end of a line within quotes separates nothing


@pytest.mark.parametrize(
    ("version", "extras", "wanted"),
    [
        ("", "onnx", "/action[onnx]"),
        ("pytest-opml==0.1", "onnx,postgres", "pytest-opml[onnx,postgres]==0.1"),
        ("pytest-opml==0.1", "", "pytest-opml==0.1"),
        ("pytest-opml[postgres]==0.1", "onnx", "pytest-opml[postgres]==0.1"),
        ("git+https://host/o/pytest-opml@main", "onnx", "pytest-opml[onnx] @ git+https://host/o/pytest-opml@main"),
        (
            "https://host/pytest_opml-0.1-py3-none-any.whl",
            "",
            "pytest-opml @ https://host/pytest_opml-0.1-py3-none-any.whl",
        ),
    ],
)
def test_the_action_installs_what_is_asked_for(tmp_path: Path, version: str, extras: str, wanted: str) -> None:
    steps = load_yaml((ROOT / "action.yml").read_text())["runs"]["steps"]
    (script,) = (step["run"] for step in steps if step.get("name") == "Install")
    (tmp_path / "python").write_text('#!/bin/sh\nshift 3\nprintf %s "$1"\n')
    (tmp_path / "python").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "VERSION": version, "EXTRAS": extras, "ACTION": "/action"}
    found = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout == wanted


@pytest.mark.docs
def test_an_action_that_measures_nothing_says_so(upstream: Path, machine: CiMachine, github: FakeForge) -> None:
    job = github_job(machine, checkout(upstream, 1), github, "push", 1)
    outcome, outputs = run_action(job, gpu="cpu", path="nothing; touch injected")
    assert outputs == {"exit-code": "4", "verdict": "error", "report": ""}
    assert outcome["Hand on the verdict"] == 4
    assert not (job.where / "injected").exists()


def test_no_step_of_the_action_has_an_expression_in_its_shell() -> None:
    steps = load_yaml((ROOT / "action.yml").read_text())["runs"]["steps"]
    steps += load_yaml(ci_text("github", Path("bench"), needs_onnx=False))["jobs"]["gate"]["steps"]
    assert not [step["name"] for step in steps if "${{" in step.get("run", "")]


# --- GitLab


@pytest.mark.docs
def test_the_job_of_gitlab_runs_from_empty_caches_and_from_full_ones(upstream: Path, machine: CiMachine) -> None:
    job = load_yaml(ci_text("gitlab", Path("bench"), needs_onnx=True))["opml"]
    install = "python -m pip install"
    assert job["script"][0] == f'{install} "pytest-opml[onnx]"'
    with serving(FakeGitLab()) as forge:
        for number, expected in ((1, FIRST), (2, SECOND), (3, SECOND), (4, SECOND)):
            is_request = number > 2
            where = checkout(upstream, number)
            sha = run_git(where, "rev-parse", "HEAD")
            variables = {
                "GITLAB_CI": "true",
                "CI_API_V4_URL": forge.address,
                "CI_COMMIT_SHA": sha,
                "CI_COMMIT_SHORT_SHA": sha[:8],
                "CI_DEFAULT_BRANCH": "main",
                "CI_JOB_NAME": "opml",
                "CI_PROJECT_DIR": str(where),
                "CI_PROJECT_ID": PROJECT,
                "GITLAB_TOKEN": TOKEN,
            }
            if is_request:
                variables |= {
                    "CI_MERGE_REQUEST_IID": str(NUMBER),
                    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "topic",
                    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
                }
            else:
                variables |= {"CI_COMMIT_BRANCH": "main"}
            variables |= job["rules"][0 if is_request else 1]["variables"]
            main, end = run_gitlab(job, machine, where, variables, install)
            assert main.code == expected, main.output
            assert end.code == 0, end.output
            assert set(machine.artifacts["gitlab"]) == {"report.html", "run.json", "opml.xml"}
            assert compares(record_of(machine.artifacts["gitlab"], machine.folder)) is (number > 1)
            assert len(labels(where, machine)) == min(number, 2)
            if number == 2:
                run_git(upstream, "checkout", "--quiet", "-b", "topic")
            commit(upstream, f"change {number}")
        assert len(forge.bodies()) == 1


# --- Jenkins


@pytest.mark.docs
def test_the_pipeline_of_jenkins_runs_from_an_empty_agent_and_again(
    upstream: Path, machine: CiMachine, github: FakeForge
) -> None:
    scripts_of_file = jenkins_scripts(ci_text("jenkins", Path("bench"), needs_onnx=True))
    install, restore, measure, report, comment, end = scripts_of_file
    assert '.venv/bin/python -m pip install "pytest-opml[onnx]"' in install  # which is left out
    for number, expected in ((1, FIRST), (2, SECOND), (3, SECOND), (4, SECOND)):
        is_request = number > 2
        where = checkout(upstream, number)
        fake_venv(where)
        variables = {
            "BUILD_TAG": f"jenkins-team-models-{number}",
            "GIT_COMMIT": run_git(where, "rev-parse", "HEAD"),
            "GITHUB_API_URL": github.address,
            "GITHUB_TOKEN": TOKEN,
            "COMMENT_ON": REPOSITORY,
            "JOB_NAME": "team/models/PR-7" if is_request else "team/models/main",
            "WORKSPACE": str(where),
        }
        if is_request:
            variables |= {"BRANCH_NAME": "PR-7", "CHANGE_BRANCH": "topic", "CHANGE_ID": str(NUMBER)}
            variables |= {"CHANGE_TARGET": "main"}
        else:
            variables |= {"BRANCH_NAME": "main", "BRANCH_IS_PRIMARY": "true"}
        scripts = [restore, measure, report, *([comment] if is_request else []), end]
        steps = [machine.shell(["sh", "-xe"], script, where, variables) for script in scripts]
        assert steps[1].code == expected, steps
        assert not any(step.code for step in steps if step is not steps[1]), steps
        record = read_record(where / "run.json")
        assert compares(record) is (number > 1)
        assert record.commit is not None
        assert record.commit.branch == ("topic" if is_request else "main")
        assert (where / "report.html").is_file()
        assert (where / "opml.xml").is_file()
        assert len(labels(where, machine)) == min(number, 2)
        if number == 2:
            run_git(upstream, "checkout", "--quiet", "-b", "topic")
        commit(upstream, f"change {number}")
    assert len(github.bodies()) == 1
