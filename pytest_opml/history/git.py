"""The state of the user's git repository, and the way from one of its commits to another."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from ..records.run import Commit
from .ci import FULL_HASH, Job, read_job
from .order import Ancestry

TIMEOUT_S = 10.0
_USUAL_BRANCHES = ("main", "master")
MOST_COMMITS = 100
MOST_ASKED = 200  # a few milliseconds each

# Untracked files do not count as changes: the history's own file is often one.
_STATUS = ("status", "--porcelain=v2", "--branch", "--untracked-files=no")
# Set while a git hook runs, and then they point at the hook's repository, whatever the folder.
_HOOK_VARIABLES = (
    "GIT_DIR",
    "GIT_COMMON_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
)
# Nothing is asked of a person, and nothing fetched: a partial clone would ask its server for an unknown hash.
_ALONE = {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"}

# Lines of a commit object's header. What belongs to a signature or a merged tag is indented.
_PARENT = re.compile(rb"^parent ([0-9a-f]+)$", re.MULTILINE)
_AUTHOR = re.compile(rb"^author .*> (-?[0-9]+) [+-][0-9]+$", re.MULTILINE)


def _git(root: Path, *arguments: str) -> bytes | None:
    """Return what git prints; None where it is missing, fails, or takes longer than ``TIMEOUT_S`` seconds."""
    environment = {name: value for name, value in os.environ.items() if name not in _HOOK_VARIABLES}
    try:
        return subprocess.run(  # noqa: S603 - no argument that is not our own can be an option
            ["git", "-C", str(root), "--no-optional-locks", *arguments],  # noqa: S607 - the user's git, wherever it is
            env=environment | _ALONE,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=True,
        ).stdout
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def read_commit(root: Path) -> Commit | None:
    """Return the commit that is checked out, and whether tracked files differ from it.

    Args:
        root: a folder of the repository.

    Returns:
        The commit; its branch is None for a detached head, unless it is a commit that a CI service names the branch
        of. Where git is missing, or finds no repository that it is willing to read, the commit is the one that a CI
        service says it checked out. None where that says nothing either, and for a repository without a commit.
    """
    job = read_job()
    status = _git(root, *_STATUS)
    if status is None:
        return _told_by(job, root) if job else None
    lines = status.splitlines()
    headers = dict(line[2:].split(b" ", 1) for line in lines if line.startswith(b"# "))
    commit, branch = (headers.get(name, b"").decode("utf-8", "replace") for name in (b"branch.oid", b"branch.head"))
    if not FULL_HASH.fullmatch(commit):
        return None
    told = job.branches.get(commit) if job else None
    # The object itself: git log hides the parents that a shallow clone lacks, and those that were replaced.
    header = (_git(root, "--no-replace-objects", "cat-file", "commit", commit) or b"").partition(b"\n\n")[0]
    return Commit(
        commit=commit,
        branch=told if branch == "(detached)" else branch,
        dirty=any(not line.startswith(b"#") for line in lines),
        parents=tuple(parent.decode() for parent in _PARENT.findall(header)),
        authored=_authored(header),
        shallow=_is_shallow(root) is True,
        ci=job.run if job else None,
    )


def resolve(root: Path, text: str) -> str | None:
    """Return the full hash of the commit that a text names: a branch, a tag, ``HEAD~2``, the beginning of a hash.

    Returns:
        None where it names no commit of this repository, or git cannot tell.
    """
    # No name can begin so; older gits know no other way to say that a text is no option.
    if text.startswith("-"):
        return None
    commit = (_git(root, "rev-parse", "--verify", "--quiet", f"{text}^{{commit}}") or b"").decode().strip()
    return commit if FULL_HASH.fullmatch(commit) else None


def target_branch(root: Path, commit: Commit | None) -> str | None:
    """Return the branch that a commit is to get into: the pull request's target, or the repository's default branch.

    The default branch is the one that a CI service names, or the one that a clone remembers of its origin, or ``main``
    or ``master`` where there is one.

    Args:
        root: a folder of the repository.
        commit: that is checked out; None where that is not known.

    Returns:
        The branch of the commit itself where there is no such branch; None where that is not known either.
    """
    if commit is None:
        return None
    if commit.ci and commit.ci.target:
        return commit.ci.target
    job = read_job()
    if job and job.default_branch:
        return job.default_branch
    head = (_git(root, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD") or b"").decode().strip()
    if head.startswith("origin/"):
        return head.removeprefix("origin/")
    for name in _USUAL_BRANCHES:
        if _git(root, "rev-parse", "--verify", "--quiet", f"refs/heads/{name}", "--"):
            return name
    return commit.branch


def merge_base(root: Path, branch: str) -> str | None:
    """Return the newest commit that the checked out one and a branch, here or at the origin, both come from.

    Returns:
        Its full hash; None where there is none, or git cannot tell, as in a shallow clone.
    """
    for name in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
        commit = (_git(root, "merge-base", "HEAD", name) or b"").decode().strip()
        if FULL_HASH.fullmatch(commit):
            return commit
    return None


def ancestry_in(root: Path) -> Ancestry:
    """Return what tells of two commits of a repository whether the first led to the second.

    Git is asked ``MOST_ASKED`` times at most, and says no of what it does not know.

    Args:
        root: a folder of the repository.
    """
    answers: dict[tuple[str, str], bool] = {}

    def led(first: str, second: str) -> bool:
        if not (FULL_HASH.fullmatch(first) and FULL_HASH.fullmatch(second)):
            return False
        if (first, second) not in answers and len(answers) < MOST_ASKED:
            answers[first, second] = _git(root, "merge-base", "--is-ancestor", first, second) is not None
        return answers.get((first, second), False)

    return led


def between(root: Path, old: str, new: str) -> tuple[str, ...] | None:
    """Return the commits that lead to one and not to another, the newest first and ``MOST_COMMITS`` at most.

    Args:
        root: a folder of the repository.
        old: full hash of a commit; it and what led to it are left out.
        new: full hash of a commit; it comes first, unless it is left out.

    Returns:
        Full hashes. None where git cannot tell: it does not know the commits, or the clone is shallow, so that
        the way from one to the other may be in what was cut off.
    """
    if not (FULL_HASH.fullmatch(old) and FULL_HASH.fullmatch(new)) or _is_shallow(root) is not False:
        return None
    names = (f"{new}^{{commit}}", f"^{old}^{{commit}}")
    commits = _git(root, "rev-list", "--date-order", f"--max-count={MOST_COMMITS}", *names, "--")
    return None if commits is None else tuple(commits.decode().split())


def _is_shallow(root: Path) -> bool | None:
    return {b"true\n": True, b"false\n": False}.get(_git(root, "rev-parse", "--is-shallow-repository") or b"")


def _authored(header: bytes) -> datetime | None:
    line = _AUTHOR.search(header)
    try:
        return datetime.fromtimestamp(int(line[1]), tz=timezone.utc) if line else None
    except (OSError, OverflowError, ValueError):
        return None


def _told_by(job: Job, root: Path) -> Commit | None:
    if job.commit is None or not job.may_own(root):
        return None
    branch = job.branches.get(job.commit)
    return Commit(commit=job.commit, branch=branch, dirty=None, authored=job.authored, ci=job.run)
