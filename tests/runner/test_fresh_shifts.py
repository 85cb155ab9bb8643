from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from pytest_opml.history.store import open_store
from pytest_opml.records.run import Commit, RunRecord
from pytest_opml.reports.terminal.trend import fresh_lines
from pytest_opml.runner.fresh_shifts import fresh_shifts
from pytest_opml.runner.outcome import finish
from pytest_opml.settings import build_settings
from tests.support.builders import make_result, make_run

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def run_of(day: int, accuracy: float) -> RunRecord:
    commit = Commit(commit=f"{day + 1:040x}", branch="main", dirty=False)
    started = START + timedelta(days=day)
    return make_run([make_result(accuracy=accuracy)], run_id=f"run-{day:04d}", started=started, commit=commit)


def history(folder: Path, accuracies: Sequence[float]) -> tuple[str, RunRecord]:
    url = f"sqlite:///{folder}/history.db"
    runs = [run_of(day, accuracy) for day, accuracy in enumerate(accuracies)]
    with open_store(url) as store:
        store.extend(runs)
    return url, runs[-1]


def wobbling(level: float, count: int) -> list[float]:
    return [level + 0.001 * (place * 7 % 5) for place in range(count)]


@pytest.mark.parametrize(("after", "runs"), [(0, []), (4, [4]), (9, [])])
def test_only_a_step_of_the_last_runs_is_fresh(tmp_path: Path, after: int, runs: list[int]) -> None:
    url, newest = history(tmp_path, wobbling(0.9, 30) + wobbling(0.8, after))
    with open_store(url) as store:
        shifts = fresh_shifts(newest, store)
    assert [(shift.metric.name, shift.runs) for shift in shifts] == [("quality", number) for number in runs]
    text, *_ = fresh_lines(shifts, 300) or [""]
    assert ("WORSE: quality of" in text and "since commit 0000000000" in text) == bool(runs)


def test_a_run_tells_them_and_one_without_a_history_has_none(tmp_path: Path) -> None:
    url, _ = history(tmp_path, wobbling(0.9, 30) + wobbling(0.8, 3))
    record = run_of(40, 0.8)
    told = finish(record, build_settings({"store": url}, {}, tmp_path), tmp_path, is_complete=True)
    assert [shift.runs for shift in told.fresh] == [4]
    assert finish(record, build_settings({"store": "none"}, {}, tmp_path), tmp_path, is_complete=True).fresh == ()
