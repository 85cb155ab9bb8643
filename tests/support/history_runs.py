"""Runs for the tests of the history."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from pytest_opml.records.run import Commit, RunRecord, Timing
from tests.support.builders import make_result, make_run

START = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=timezone.utc)


def run_of(name: str, minute: float = 0, **fields: Any) -> RunRecord:
    """A run of three results, or of what ``fields`` says."""
    results = [make_result(), make_result("cluster-256", size_mb=6.8), make_result("float16", size_mb=7.1)]
    return make_run(**{"results": results, "run_id": name, "started": START + timedelta(minutes=minute)} | fields)


def commit_of(digit: str, branch: str | None = "main", **fields: Any) -> Commit:
    """A commit whose hash is made of one digit."""
    return Commit(**{"commit": digit * 40, "branch": branch, "dirty": False} | fields)


def make_timing(name: str = "tests/test_it.py::test_speed", call_s: float = 0.01, **figures: float) -> Timing:
    """An imported benchmark."""
    return Timing(
        name=name, call_s=call_s, mean_s=call_s, stddev_s=0.001, min_s=call_s, max_s=call_s, rounds=5, figures=figures
    )
