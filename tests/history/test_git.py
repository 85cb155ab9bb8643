"""Real repositories, read with the git of this machine."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest

from pytest_opml.history import git
from pytest_opml.history.git import between, read_commit, resolve
from pytest_opml.records.run import CiRun, Commit
from tests.support.repositories import run_git

UNKNOWN = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def environment(own_git: None) -> None:
    """Also where a test makes a repository of its own."""


def commit(root: Path, message: str, *options: str) -> str:
    run_git(root, "commit", "--quiet", "--allow-empty", "--message", message, *options)
    return run_git(root, "rev-parse", "HEAD")


def store_commit(root: Path, lines: list[bytes], message: bytes = b"message\n") -> str:
    """Puts a commit object as it stands into the repository, and checks it out."""
    tree = run_git(root, "rev-parse", "HEAD^{tree}")
    raw = b"\n".join([b"tree " + tree.encode(), *lines, b"", message])
    name = subprocess.run(
        ["git", "-C", str(root), "hash-object", "-t", "commit", "-w", "--stdin"],
        input=raw,
        check=True,
        capture_output=True,
    ).stdout.decode()
    run_git(root, "update-ref", "HEAD", name.strip())
    return name.strip()


def read(root: Path) -> Commit:
    found = read_commit(root)
    assert found is not None
    return found


@pytest.fixture
def merged(repository: Path) -> Path:
    """The repository after the branch ``topic`` was merged into ``main``."""
    run_git(repository, "switch", "--quiet", "--create", "topic")
    commit(repository, "on topic")
    run_git(repository, "switch", "--quiet", "main")
    commit(repository, "on main")
    run_git(repository, "merge", "--quiet", "--no-ff", "--message", "merge", "topic")
    return repository


@pytest.fixture
def shallow(merged: Path, tmp_path: Path) -> Path:
    run_git(tmp_path, "clone", "--quiet", "--depth", "1", merged.as_uri(), "shallow")
    return tmp_path / "shallow"


@pytest.fixture
def no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def test_a_clean_checkout(repository: Path) -> None:
    found = read(repository)
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
    found = read(repository)
    assert found.dirty


def test_an_untracked_file_does_not(repository: Path) -> None:
    (repository / "history.db").write_text("")
    found = read(repository)
    assert not found.dirty


def test_a_branch_with_a_slash_and_an_upstream(repository: Path) -> None:
    run_git(repository, "switch", "--quiet", "--create", "feature/größe", "--track", "main")
    run_git(repository, "config", "status.showStash", "true")
    (repository / "model.py").write_text("stashed\n")
    run_git(repository, "stash")
    found = read(repository)
    assert (found.branch, found.dirty) == ("feature/größe", False)


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    run_git(repository, "switch", "--quiet", "--detach")
    found = read(repository)
    assert found.branch is None


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


def test_no_git(repository: Path, no_git: None) -> None:
    assert read_commit(repository) is None
    assert resolve(repository, "HEAD") is None
    assert between(repository, UNKNOWN, UNKNOWN) is None


def test_a_git_that_hangs_is_given_up(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "git"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(git, "TIMEOUT_S", 0.3)
    assert read_commit(repository) is None
    assert resolve(repository, "HEAD") is None


# ---- the commit object


def test_the_author_date_and_no_parent_of_a_first_commit(
    empty_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2024-02-29T01:02:03+05:30")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2025-01-01T00:00:00Z")
    commit(empty_repository, "parent of nothing\n\nparent 0123\nauthor A <a> 1 +0000")
    found = read(empty_repository)
    assert found.authored == datetime(2024, 2, 28, 19, 32, 3, tzinfo=timezone.utc)
    assert (found.parents, found.shallow) == ((), False)


def test_a_merge_has_its_parents_in_order(merged: Path) -> None:
    expected = tuple(run_git(merged, "rev-parse", "HEAD^1", "topic").split())
    assert read(merged).parents == expected


def test_a_shallow_clone_knows_its_true_parents(merged: Path, shallow: Path) -> None:
    assert run_git(shallow, "log", "--format=%P", "--max-count=1") == ""
    assert read(shallow) == read(merged).model_copy(update={"shallow": True})


def test_a_replaced_commit_keeps_its_true_parents(merged: Path) -> None:
    expected = read(merged)
    run_git(merged, "replace", "--graft", "HEAD")
    assert run_git(merged, "log", "--format=%P", "--max-count=1") == ""
    assert read(merged) == expected


WHO = b"Ada <ada@example.org> 1700000000 +0100"
ARMOUR = [b"-----BEGIN PGP SIGNATURE-----", b" ", b" parent 00", b" author x> 1 +0000", b" -----END PGP SIGNATURE-----"]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([b"author " + WHO, b"committer " + WHO], id="plain"),
        pytest.param(
            [b"author Andr\xe9 <a@b> 1700000000 +0100", b"committer " + WHO, b"encoding ISO-8859-1"], id="latin-1"
        ),
        pytest.param([b"author \xff\xfe> <a> b> 1700000000 -1130", b"committer " + WHO], id="nonsense for a name"),
        pytest.param([b"author " + WHO, b"committer " + WHO, b"gpgsig " + ARMOUR[0], *ARMOUR[1:]], id="signed"),
        pytest.param(
            [b"author " + WHO, b"committer " + WHO, b"mergetag object 00", b" parent 00", b" tagger " + WHO],
            id="merged tag",
        ),
    ],
)
@pytest.mark.parametrize("parents", [0, 1, 3])
def test_any_header_is_read(repository: Path, lines: list[bytes], parents: int) -> None:
    known = [commit(repository, str(number)) for number in range(parents)]
    name = store_commit(
        repository,
        [*(b"parent " + parent.encode() for parent in known), *lines],
        message=b"Gr\xfc\xdfe\n\nparent 00\nauthor " + WHO,
    )
    found = read(repository)
    assert (found.commit, found.parents) == (name, tuple(known))
    assert found.authored == datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc)


def test_an_author_date_that_no_calendar_has_is_not_told(repository: Path) -> None:
    name = store_commit(repository, [b"author A <a> 9223372036854775807 +0000", b"committer " + WHO])
    found = read(repository)
    assert (found.commit, found.authored) == (name, None)


def test_a_repository_of_long_hashes(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "--quiet", "--object-format=sha256", "long")
    first, second = (commit(tmp_path / "long", text) for text in ("first", "second"))
    found = read(tmp_path / "long")
    assert (len(second), found.commit, found.parents) == (64, second, (first,))


def test_a_worktree_has_a_branch_and_changes_of_its_own(merged: Path, tmp_path: Path) -> None:
    run_git(merged, "worktree", "add", "--quiet", str(tmp_path / "beside"), "topic")
    (tmp_path / "beside" / "model.py").write_text("two\n")
    beside, main = read(tmp_path / "beside"), read(merged)
    assert (beside.commit, beside.branch, beside.dirty) == (main.parents[1], "topic", True)
    assert (main.branch, main.dirty) == ("main", False)


# ---- beside a CI service

GITHUB = CiRun(service="GitHub Actions", pull_request="12", target="main")
GITLAB = CiRun(service="GitLab CI", pull_request="12", target="main")
GITHUB_VARIABLES = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REF": "refs/pull/12/merge",
    "GITHUB_HEAD_REF": "topic",
    "GITHUB_BASE_REF": "main",
}
GITLAB_VARIABLES = {
    "GITLAB_CI": "true",
    "CI_MERGE_REQUEST_IID": "12",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "topic",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    "CI_COMMIT_TIMESTAMP": "2022-01-31T16:47:55Z",
}
SERVICES = pytest.mark.parametrize(
    ("variables", "hash_name", "run"),
    [(GITHUB_VARIABLES, "GITHUB_SHA", GITHUB), (GITLAB_VARIABLES, "CI_COMMIT_SHA", GITLAB)],
    ids=["github", "gitlab"],
)


def set_all(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@SERVICES
def test_ci_names_the_branch_of_the_detached_head_that_it_checked_out(
    merged: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], hash_name: str, run: CiRun
) -> None:
    run_git(merged, "switch", "--quiet", "--detach")
    alone = read(merged)
    set_all(monkeypatch, variables | {hash_name: alone.commit})
    assert read(merged) == alone.model_copy(update={"branch": "topic", "ci": run})


@SERVICES
def test_ci_does_not_name_the_branch_of_another_commit(
    merged: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], hash_name: str, run: CiRun
) -> None:
    set_all(monkeypatch, variables | {hash_name: read(merged).commit})
    run_git(merged, "switch", "--quiet", "--detach", "HEAD^1")
    found = read(merged)
    assert (found.commit, found.branch, found.ci) == (resolve(merged, "main~1"), None, run)


@SERVICES
def test_ci_does_not_rename_a_branch_or_a_commit(
    repository: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], hash_name: str, run: CiRun
) -> None:
    alone = read(repository)
    set_all(monkeypatch, variables | {hash_name: UNKNOWN})
    assert read(repository) == alone.model_copy(update={"ci": run})


def test_the_head_of_a_github_request_may_be_checked_out_in_place_of_the_merge(
    merged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge, head = run_git(merged, "rev-parse", "main", "topic").split()
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 12, "head": {"sha": head}}}))
    set_all(monkeypatch, GITHUB_VARIABLES | {"GITHUB_SHA": merge, "GITHUB_EVENT_PATH": str(event)})
    run_git(merged, "switch", "--quiet", "--detach", "topic")
    found = read(merged)
    assert (found.commit, found.branch) == (head, "topic")


@SERVICES
@pytest.mark.parametrize("why", ["no git", "no repository", "not trusted"])
def test_where_git_tells_nothing_ci_tells_the_commit(
    tmp_path: Path,
    repository: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    hash_name: str,
    run: CiRun,
    why: str,
) -> None:
    root = tmp_path if why == "no repository" else repository
    if why == "no git":
        request.getfixturevalue("no_git")
    if why == "not trusted":
        monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    set_all(monkeypatch, variables | {hash_name: UNKNOWN})
    authored = datetime(2022, 1, 31, 16, 47, 55, tzinfo=timezone.utc) if run is GITLAB else None
    assert read_commit(root) == Commit(commit=UNKNOWN, branch="topic", dirty=None, authored=authored, ci=run)
    monkeypatch.setenv(hash_name, "main")
    assert read_commit(root) is None


@pytest.mark.parametrize(("ref", "branch"), [("refs/tags/v1", None), ("refs/heads/feature/x", "feature/x")])
def test_without_git_a_branch_has_its_name_and_a_tag_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ref: str, branch: str | None
) -> None:
    set_all(monkeypatch, {"GITHUB_ACTIONS": "true", "GITHUB_SHA": UNKNOWN, "GITHUB_REF": ref})
    assert read(tmp_path).branch == branch


def test_ci_tells_nothing_of_a_folder_that_it_did_not_check_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("checkout", "other"):
        (tmp_path / name).mkdir()
    set_all(monkeypatch, GITHUB_VARIABLES | {"GITHUB_SHA": UNKNOWN, "GITHUB_WORKSPACE": str(tmp_path / "checkout")})
    assert read(tmp_path / "checkout").commit == UNKNOWN
    assert read_commit(tmp_path / "other") is None


def test_ci_tells_nothing_of_a_repository_without_a_commit(
    empty_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, GITHUB_VARIABLES | {"GITHUB_SHA": UNKNOWN})
    assert read_commit(empty_repository) is None


# ---- what a user's text names


@pytest.mark.parametrize(
    "text", ["HEAD", "@", "main", "refs/heads/main", "main^{commit}", "v1", "v2", "größe", "main@{0}", "HEAD^{/merge}"]
)
def test_a_text_names_the_newest_commit(merged: Path, text: str) -> None:
    run_git(merged, "tag", "v1")
    run_git(merged, "tag", "--annotate", "--message", "two", "v2")
    run_git(merged, "branch", "größe")
    assert resolve(merged, text) == read(merged).commit


@pytest.mark.parametrize("text", ["HEAD~2", "main~2", "topic^", "HEAD^2~1"])
def test_a_text_names_the_first_commit(merged: Path, text: str) -> None:
    assert resolve(merged, text) == run_git(merged, "rev-list", "--max-parents=0", "HEAD")


@pytest.mark.parametrize("digits", [7, 12, 40])
def test_a_hash_may_be_abbreviated(merged: Path, digits: int) -> None:
    name = read(merged).parents[0]
    assert resolve(merged, name[:digits]) == name


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "nothing", "HEAD~9", "v3", UNKNOWN, UNKNOWN[:7], "main\n", "main topic"),
        *("^HEAD", "HEAD^@", "HEAD^!", "main..topic", "main...topic", "HEAD^{tree}", "HEAD:model.py", ":model.py"),
        *("-", "-h", "--all", "--help", "--git-dir=/", "--output=stolen", "--show-toplevel", "--end-of-options"),
        *("a\0b", "\ud800", "x" * 300_000, "../../etc/passwd", "$(touch stolen)", "main;touch stolen"),
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_a_text_names_no_commit(merged: Path, capfd: pytest.CaptureFixture[str], text: str) -> None:
    before = sorted(merged.rglob("*"))
    assert resolve(merged, text) is None
    assert sorted(merged.rglob("*")) == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("text", ["-", "-h", "--all"])
def test_git_is_not_given_what_could_be_an_option(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    asked, script = tmp_path / "asked", tmp_path / "git"
    script.write_text(f"#!/bin/sh\ntouch {asked}\necho {UNKNOWN}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert resolve(repository, text) is None
    assert not asked.exists()
    assert resolve(repository, "main") == UNKNOWN


def test_a_text_names_nothing_that_was_cut_off(shallow: Path) -> None:
    assert resolve(shallow, "HEAD") == read(shallow).commit
    assert resolve(shallow, "HEAD~1") is None
    assert resolve(shallow, read(shallow).parents[0]) is None


def test_a_text_names_nothing_without_a_repository(tmp_path: Path, empty_repository: Path) -> None:
    assert resolve(tmp_path, "HEAD") is None
    assert resolve(empty_repository, "HEAD") is None


def test_a_partial_clone_is_not_completed_from_its_server(
    merged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_git(merged, "config", "uploadpack.allowFilter", "true")
    run_git(tmp_path, "clone", "--quiet", "--filter=blob:none", merged.as_uri(), "partial")
    partial, called, script = tmp_path / "partial", tmp_path / "called", tmp_path / "ssh"
    script.write_text(f"#!/bin/sh\ntouch {called}\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(script))
    run_git(partial, "remote", "set-url", "origin", "ssh://example.invalid/repository")
    assert read(partial).parents == read(merged).parents
    assert resolve(partial, UNKNOWN) is None
    assert between(partial, UNKNOWN, read(partial).commit) is None
    assert not called.exists()
    subprocess.run(["git", "-C", str(partial), "cat-file", "-e", UNKNOWN], check=False, capture_output=True)
    assert called.exists(), "git would have asked the server"


# ---- the commits between two


def test_the_commits_between_two_are_told_newest_first(repository: Path) -> None:
    names = [commit(repository, str(number)) for number in range(4)]
    assert between(repository, names[0], names[3]) == (names[3], names[2], names[1])
    assert between(repository, names[3], names[3]) == ()
    assert between(repository, names[3], names[0]) == ()


def test_a_wrong_clock_does_not_put_a_parent_first(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def commit_in(year: int) -> str:
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"{year}-01-01T00:00:00Z")
        return commit(repository, str(year))

    first, future = read(repository).commit, commit_in(2030)
    run_git(repository, "switch", "--quiet", "--create", "topic")
    topic = commit_in(2010)
    run_git(repository, "switch", "--quiet", "main")
    main = commit_in(2020)
    run_git(repository, "merge", "--quiet", "--message", "merge", "topic")
    merge = read(repository).commit
    assert run_git(repository, "rev-list", f"{first}..{merge}").split() == [merge, main, future, topic]
    assert between(repository, first, merge) == (merge, main, topic, future)


def test_a_merge_brings_what_was_on_the_other_branch(merged: Path) -> None:
    head = read(merged)
    assert between(merged, head.parents[0], head.commit) == (head.commit, head.parents[1])
    assert between(merged, head.parents[1], head.parents[0]) == (head.parents[0],)


def test_no_more_commits_are_told_than_may_be(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [commit(repository, str(number)) for number in range(4)]
    monkeypatch.setattr(git, "MOST_COMMITS", 2)
    assert between(repository, names[0], names[3]) == (names[3], names[2])


@pytest.mark.parametrize("other", [UNKNOWN, "HEAD", "", "--all", "--output=stolen", "tree"])
def test_commits_that_are_not_known_have_none_between_them(repository: Path, other: str) -> None:
    head = read(repository).commit
    name = run_git(repository, "rev-parse", "HEAD^{tree}") if other == "tree" else other
    assert between(repository, head, name) is None
    assert between(repository, name, head) is None


def test_a_shallow_clone_cannot_tell(shallow: Path, repository: Path) -> None:
    head = read(shallow)
    assert between(shallow, head.parents[0], head.commit) is None
    assert between(shallow, head.commit, head.commit) is None


# --- the branch that a commit is to get into


def test_the_target_is_that_of_the_request_then_the_default_branch_then_the_current_one(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_git(repository, "switch", "--quiet", "--create", "topic")
    here = read(repository)
    assert git.target_branch(repository, here) == "main"
    request = here.model_copy(update={"ci": CiRun(service="GitLab CI", target="release/2")})
    assert git.target_branch(repository, request) == "release/2"
    run_git(repository, "branch", "--move", "main", "trunk")
    assert git.target_branch(repository, here) == "topic"
    clone = tmp_path / "clone"
    run_git(repository, "switch", "--quiet", "trunk")
    run_git(tmp_path, "clone", "--quiet", str(repository), str(clone))
    run_git(clone, "switch", "--quiet", "--create", "topic")
    assert git.target_branch(clone, read(clone)) == "trunk"
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("CI_DEFAULT_BRANCH", "stable")
    assert git.target_branch(clone, read(clone)) == "stable"
    monkeypatch.delenv("GITLAB_CI")
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"repository": {"default_branch": "develop"}}))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    assert git.target_branch(clone, read(clone)) == "develop"
    event.write_text('{"repository": [')
    assert git.target_branch(clone, read(clone)) == "trunk"
    assert git.target_branch(clone, None) is None


def test_the_merge_base_is_where_a_branch_left_the_one_of_the_origin_or_here(merged: Path, tmp_path: Path) -> None:
    base = run_git(merged, "rev-parse", "main~1^")
    run_git(merged, "switch", "--quiet", "--detach", "main~1")
    run_git(merged, "branch", "--force", "main", base)
    assert git.merge_base(merged, "main") == base
    assert git.merge_base(merged, "nowhere") is None
    assert git.merge_base(tmp_path, "main") is None
