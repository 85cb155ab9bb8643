"""What pytest-benchmark saves, in a session of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

_BENCHMARKS = """
def test_sum(benchmark):
    benchmark.extra_info |= {"accuracy": 0.5, "latency_ms": {"p50": 1.5, "note": "x"}, "ok": True, "odd": float("nan")}
    benchmark(sum, [1, 2])


def test_sort(benchmark):
    benchmark.pedantic(sorted, ([3, 1, 2],), rounds=4, iterations=10)


def test_that_fails(benchmark):
    benchmark(lambda: 1 / 0)
"""


class Saved(NamedTuple):
    """What pytest-benchmark wrote of one session in a repository: by itself, and where it was told to."""

    folder: Path
    autosaved: Path
    chosen: Path
    commit: str


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Real files of a session of its own; nothing is to be written to them."""
    folder = tmp_path_factory.mktemp("saved")
    (folder / "test_speed.py").write_text(_BENCHMARKS)
    # Within a worker of pytest-xdist, pytest-benchmark would save nothing.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    environment = {**outside, "GIT_CONFIG_GLOBAL": os.devnull}
    git = ("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], cwd=folder, check=True, env=environment)
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=folder, text=True).strip()
    options = ["--benchmark-autosave", "--benchmark-json=chosen.json", "--benchmark-max-time=0.01"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--opml-store=none", *options]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, env=outside)
    assert done.returncode == 1  # of the test that fails, which is no part of the files
    (autosaved,) = (folder / ".benchmarks").glob("*/0001_*.json")
    return Saved(folder / ".benchmarks", autosaved, folder / "chosen.json", commit)
