"""The state of the user's git repository."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ..domain.records import Commit

TIMEOUT_S = 10.0

_CI_BRANCHES = ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_BRANCH", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME")
# Untracked files do not count as changes: the history's own file is often one.
_STATUS = ("--no-optional-locks", "status", "--porcelain=v2", "--branch", "--untracked-files=no")
# Set while a git hook runs, and then they point at the hook's repository, whatever the folder.
_HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


def _ci_branch() -> str | None:
    """The branch that a CI service says it checked out, which it does as a detached head."""
    if os.environ.get("GITHUB_REF_TYPE") == "tag":
        return None
    return next((os.environ[name] for name in _CI_BRANCHES if os.environ.get(name)), None)


def read_commit(root: Path) -> Commit | None:
    """The commit that is checked out, and whether tracked files differ from it.

    Args:
        root: a folder of the repository.

    Returns:
        The commit; its branch is None for a detached head, unless a CI service names the branch. None where git is
        missing, finds no repository that it is willing to read, no commit yet, or takes longer than ``TIMEOUT_S``.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _HOOK_VARIABLES}
    try:
        status = subprocess.run(  # noqa: S603 - the arguments are our own
            ["git", "-C", str(root), *_STATUS],  # noqa: S607 - the user's git, wherever it is
            env=environment | {"GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT_S,
            check=True,
        ).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return None
    headers = dict(line[2:].split(" ", 1) for line in status if line.startswith("# "))
    commit, branch = headers.get("branch.oid"), headers.get("branch.head")
    if commit is None or commit == "(initial)":
        return None
    return Commit(
        commit=commit,
        branch=_ci_branch() if branch == "(detached)" else branch,
        dirty=any(not line.startswith("#") for line in status),
    )
