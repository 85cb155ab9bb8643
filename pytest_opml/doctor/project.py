"""The checks of the user's project: its settings, its benchmarks, its repository."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import SettingsError, listed
from ..settings import has_settings
from .finding import Finding

_TOPIC = "project"


def project(config: Path, wrong: SettingsError | None, unregistered: Sequence[str] = ()) -> Iterator[Finding]:
    """Look at the settings and the benchmarks.

    Args:
        config: the file with ``[tool.opml]``.
        wrong: why its settings cannot be used.
        unregistered: metrics of its budgets that no installed package registers.
    """
    config = config.absolute()
    if wrong is not None:
        yield Finding(_TOPIC, "settings", "problem", str(wrong), "correct it; README.md lists what may be written")
    elif config.is_file() and has_settings(config):
        yield Finding(_TOPIC, "settings", "ok", f"[tool.opml] of {config} is valid")
    else:
        where = f"no [tool.opml] in {config}" if config.is_file() else f"no {config.name} in {config.parent}"
        text = f"{where}: the defaults apply, and nothing is gated"
        yield Finding(_TOPIC, "settings", "note", text, "write budgets into [tool.opml.gate] of it")
    if unregistered:
        text = f"budgets name metrics that no installed package registers: {listed(unregistered)}"
        remedy = (
            "register them in a conftest.py or a file of the benchmarks; pytest refuses a name that nobody registers"
        )
        yield Finding(_TOPIC, "metrics", "note", text, remedy)
    folder = config.parent / "bench"
    files = sorted(folder.rglob("bench_*.py"))
    if files:
        yield Finding(_TOPIC, "benchmarks", "ok", f"{folder}: {len(files)} bench_*.py; pytest bench runs them")
    else:
        text = f"no bench_*.py in {folder}"
        yield Finding(_TOPIC, "benchmarks", "note", text, "write one, and name its file or folder to pytest")


def git(root: Path) -> Iterator[Finding]:
    """Look for the commit that a run would be stored with."""
    from ..history.git import read_commit

    if shutil.which("git") is None:
        text = "not installed: runs are stored without their commit"
        yield Finding(_TOPIC, "git", "note", text, "install git to find runs by commit and branch")
        return
    commit = read_commit(root)
    if commit is None:
        text = f"{root} is in no repository with a commit that git reads: runs are stored without their commit"
        yield Finding(_TOPIC, "git", "note", text)
    else:
        branch = f" on {commit.branch}" if commit.branch else ""
        changed = ", with changes that are not committed" if commit.dirty else ""
        yield Finding(_TOPIC, "git", "ok", f"commit {commit.commit[:10]}{branch}{changed}")
