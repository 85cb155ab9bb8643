"""Real repositories, read with the git of this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pytest_opml.history import git
from pytest_opml.history.git import read_commit

CI_VARIABLES = (
    "GITHUB_HEAD_REF",
    "GITHUB_REF_NAME",
    "GITHUB_REF_TYPE",
    "CI_COMMIT_BRANCH",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
)


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*CI_VARIABLES, *git._HOOK_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.org")


def run_git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def empty_repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    run_git(root, "init", "--quiet", "--initial-branch", "main")
    return root


@pytest.fixture
def repository(empty_repository: Path) -> Path:
    (empty_repository / "model.py").write_text("one\n")
    run_git(empty_repository, "add", "model.py")
    run_git(empty_repository, "commit", "--quiet", "--message", "first")
    return empty_repository


def test_a_clean_checkout(repository: Path) -> None:
    found = read_commit(repository)
    assert found is not None
    assert found.commit == run_git(repository, "rev-parse", "HEAD")
    assert (found.branch, found.dirty) == ("main", False)


def test_a_folder_inside_the_repository_will_do(repository: Path) -> None:
    (repository / "bench").mkdir()
    assert read_commit(repository / "bench") == read_commit(repository)


@pytest.mark.parametrize("staged", [False, True])
def test_a_changed_file_makes_it_dirty(repository: Path, staged: bool) -> None:
    (repository / "model.py").write_text("two\n")
    if staged:
        run_git(repository, "add", "model.py")
    found = read_commit(repository)
    assert found is not None
    assert found.dirty


def test_an_untracked_file_does_not(repository: Path) -> None:
    (repository / "history.db").write_text("")
    found = read_commit(repository)
    assert found is not None
    assert not found.dirty


def test_a_branch_with_a_slash_and_an_upstream(repository: Path) -> None:
    run_git(repository, "switch", "--quiet", "--create", "feature/größe", "--track", "main")
    run_git(repository, "config", "status.showStash", "true")
    (repository / "model.py").write_text("stashed\n")
    run_git(repository, "stash")
    found = read_commit(repository)
    assert found is not None
    assert (found.branch, found.dirty) == ("feature/größe", False)


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    run_git(repository, "switch", "--quiet", "--detach")
    found = read_commit(repository)
    assert found is not None
    assert found.branch is None


@pytest.mark.parametrize(
    ("variables", "branch"),
    [
        ({"GITHUB_HEAD_REF": "topic", "GITHUB_REF_NAME": "12/merge", "GITHUB_REF_TYPE": "branch"}, "topic"),
        ({"GITHUB_HEAD_REF": "", "GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "branch"}, "main"),
        ({"GITHUB_HEAD_REF": "", "GITHUB_REF_NAME": "v1.2", "GITHUB_REF_TYPE": "tag"}, None),
        ({"CI_COMMIT_BRANCH": "release"}, "release"),
        ({"CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "topic"}, "topic"),
    ],
)
def test_ci_names_the_branch_of_a_detached_head(
    repository: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], branch: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    run_git(repository, "switch", "--quiet", "--detach")
    found = read_commit(repository)
    assert found is not None
    assert found.branch == branch


def test_ci_does_not_rename_a_branch(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_HEAD_REF", "topic")
    found = read_commit(repository)
    assert found is not None
    assert found.branch == "main"


def test_a_git_hook_of_another_repository_is_not_mistaken_for_it(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read_commit(repository)
    other = tmp_path / "other"
    other.mkdir()
    run_git(other, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert read_commit(repository) == expected


def test_a_lock_that_another_git_holds_is_left_alone(repository: Path) -> None:
    lock = repository / ".git" / "index.lock"
    lock.touch()
    assert read_commit(repository) is not None
    assert lock.exists()


def test_no_commit_yet(empty_repository: Path) -> None:
    assert read_commit(empty_repository) is None


def test_no_repository_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert read_commit(tmp_path) is None
    assert read_commit(tmp_path / "missing") is None
    assert capfd.readouterr() == ("", "")


def test_a_damaged_repository(repository: Path) -> None:
    (repository / ".git" / "HEAD").write_text("nonsense")
    assert read_commit(repository) is None


def test_no_git(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_commit(repository) is None


def test_a_git_that_hangs_is_given_up(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "git"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(git, "TIMEOUT_S", 0.3)
    assert read_commit(repository) is None
