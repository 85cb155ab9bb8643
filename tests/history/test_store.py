"""Real SQLite files; sessions at the same time and killed ones are real processes."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from pytest_opml.errors import StorageError
from pytest_opml.history import engine, sql
from pytest_opml.history.base import History, Query, Release, Removal
from pytest_opml.history.columns import dump
from pytest_opml.history.selectors import Selector, baseline_of
from pytest_opml.history.sql import SqlHistory
from pytest_opml.history.store import open_store
from pytest_opml.records.run import RunRecord
from tests.support.builders import make_result
from tests.support.databases import SPAWN, execute, in_process
from tests.support.history_runs import START, commit_of, make_timing, run_of

pytestmark = pytest.mark.slow  # sessions at the same time, in processes of their own

# ---- what is kept


def test_metrics_are_columns_to_query(url: str) -> None:
    result = make_result("int8", p99=None)
    with open_store(url) as store:
        store.append(run_of("only", results=[result], profile="t4"))
    query = "SELECT case_id, profile, accuracy, latency_ms_p50, latency_ms_p99, size_mb, op_score FROM opml_result"
    figures = (result.accuracy.value, result.latency_ms.p50, None, result.size_mb, result.op_score.value)
    assert execute(url, query) == [(result.id, "t4", *figures)]
    assert execute(url, "SELECT run_id, profile, branch FROM opml_run") == [("only", "t4", "main")]


@pytest.mark.parametrize(
    ("condition", "order", "index"),
    [
        ("", "place DESC, position DESC", "newest"),
        ("AND op_score IS NOT NULL", "op_score, place DESC, position DESC", "best"),
        ("AND branch = 'c'", "place DESC, position DESC", "branch"),
        ("AND commit_hash = 'c'", "place DESC, position DESC", "commit"),
    ],
)
def test_each_question_has_an_index(sqlite: str, condition: str, order: str, index: str) -> None:
    open_store(sqlite).close()
    where = f"WHERE case_id = 'a' AND profile = 'b' {condition}"
    plan = execute(sqlite, f"EXPLAIN QUERY PLAN SELECT record FROM opml_result {where} ORDER BY {order} LIMIT 1")
    assert plan[0][3].startswith(f"SEARCH opml_result USING INDEX ix_opml_result_{index} (case_id=? AND profile=?")


def _instructions(url: str, read: Callable[[SqlHistory], object]) -> int:
    """How many instructions a question costs SQLite's virtual machine; a search in an index is one, at any size."""
    executed = 0

    def count() -> None:
        nonlocal executed
        executed += 1

    with open_store(url, create=False) as store:
        assert isinstance(store, SqlHistory)
        event.listen(store._engine, "connect", lambda connection, _: connection.set_progress_handler(count, 1))
        assert read(store)
    return executed


@pytest.mark.parametrize(
    "selector",
    [
        Selector("last", "last"),
        Selector("best", "best"),
        Selector("release", "release"),
        Selector("branch", "main"),
        Selector("commit", "a" * 40),
    ],
    ids=str,
)
def test_a_question_costs_the_same_however_long_the_history_is(sqlite: str, selector: Selector) -> None:
    numbers = iter(range(1_000))

    def grow(runs: int) -> None:
        commit, some = commit_of("a" if runs == 1 else "b"), itertools.islice(numbers, runs)
        with open_store(sqlite) as store:
            store.extend(
                run_of(f"{each:03}", each, results=[make_result(accuracy=0.9 - each / 10_000)], commit=commit)
                for each in some
            )

    def reads() -> list[int]:
        return [
            _instructions(sqlite, lambda store: baseline_of(selector, store, make_result().id, "v100")),
            _instructions(sqlite, lambda store: store.newest(selector.query, 1)),
            _instructions(sqlite, lambda store: store.summaries(Query(profile="v100"), 5)),
        ]

    grow(1)
    with open_store(sqlite) as store:
        store.promote(Release("000", START, "v1"))
    grow(19)
    few = reads()
    grow(400)
    many = reads()
    assert all(later < 1.1 * earlier for earlier, later in zip(few, many, strict=True)), (few, many)


# ---- sessions at the same time, and killed ones


def _append_many(url: str, name: str, count: int, barrier: Barrier) -> None:
    barrier.wait()
    with open_store(url) as store:
        for number in range(count):
            store.append(run_of(f"{name}-{number}"))


def test_sessions_at_the_same_time_lose_nothing(url: str) -> None:
    names, count = "abc", 8
    barrier = SPAWN.Barrier(len(names))
    processes = [SPAWN.Process(target=_append_many, args=(url, name, count, barrier)) for name in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(names)
    with open_store(url) as store:
        runs = store.newest(Query(), 10_000)
    assert sorted(run.run_id for run in runs) == sorted(f"{name}-{n}" for name in names for n in range(count))
    assert {len(run.results) for run in runs} == {3}


def _killed_before_commit(url: str) -> None:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    with open_store(url) as store:
        event.listen(Engine, "commit", lambda connection: os.kill(os.getpid(), signal.SIGKILL))
        # More than SQLite keeps in memory, so that pages of the unfinished transaction are in the file.
        store.append(run_of("killed", results=[make_result(notes=("x" * 1_000_000,))] * 8))


def test_a_writer_killed_before_its_commit_leaves_whole_runs_only(url: str) -> None:
    with open_store(url) as store:
        store.append(run_of("before"))
    assert in_process(_killed_before_commit, url) == -signal.SIGKILL
    if path := engine.file_of(url):
        assert path.with_name("history.db-journal").exists()
    with open_store(url) as store:
        assert store.newest(Query(), 10) == [run_of("before")]
        store.append(run_of("after", 1))
        assert [run.run_id for run in store.newest(Query(), 10)] == ["after", "before"]
    assert execute(url, "SELECT DISTINCT run_id FROM opml_result JOIN opml_run ON run_key = key ORDER BY 1") == [
        ("after",),
        ("before",),
    ]
    if engine.file_of(url):
        assert execute(url, "PRAGMA integrity_check") == [("ok",)]


def _append_forever(url: str) -> None:
    number = 0
    with open_store(url) as store:
        while True:
            store.append(run_of(f"run-{number}", number))
            number += 1


def test_a_writer_killed_anywhere_leaves_whole_runs_only(url: str) -> None:
    with open_store(url) as store:
        process = SPAWN.Process(target=_append_forever, args=(url,))
        process.start()
        while len(store.newest(Query(), 10)) < 10:
            assert process.is_alive()
        process.kill()
        process.join()
        runs = store.newest(Query(), 100_000)
    assert [run.run_id for run in runs] == [f"run-{number}" for number in reversed(range(len(runs)))]
    assert all(run == run_of(run.run_id, number) for number, run in enumerate(reversed(runs)))


# ---- what cannot be read


@pytest.mark.parametrize(
    ("table", "old", "new", "reason"),
    [
        ("run", '"format_version":1', '"format_version":2', "format_version: must be 1"),
        ("run", "{", "", "is not JSON"),
        ("result", "{", "", "is not JSON"),
        ("result", '"auc"', '"area"', "auc: is missing"),
        ("result", '"cluster-256"', '"cluster/256"', "case.technique: must not contain '/'"),
    ],
)
def test_a_record_that_is_no_longer_valid(
    sqlite: str, monkeypatch: pytest.MonkeyPatch, table: str, old: str, new: str, reason: str
) -> None:
    def dump_of_another_version(content: Any) -> str:
        text = dump(content)
        return text.replace(old, new) if isinstance(content, RunRecord) == (table == "run") else text

    monkeypatch.setattr(sql, "dump", dump_of_another_version)
    result = make_result("cluster-256")
    with open_store(sqlite) as store:
        store.append(run_of("odd", results=[result]))
        reads: list[Callable[[History], Any]] = [lambda store: store.newest(Query(), 1)]
        if table == "result":
            reads.append(lambda store: store.find(Query(cases=(result.id,), profile="v100")))
        for read in reads:
            with pytest.raises(StorageError) as caught:
                read(store)
            assert f"{sqlite}: run odd: " in str(caught.value)
            assert reason in str(caught.value)
            assert "\n" not in str(caught.value)


def test_a_run_that_lost_a_result_is_not_taken_for_whole(sqlite: str) -> None:
    with open_store(sqlite) as store:
        store.append(run_of("torn"))
        execute(sqlite, "DELETE FROM opml_result WHERE position = 1")
        whole = (lambda: store.run("torn"), lambda: store.newest(Query(), 1), lambda: list(store.records()))
        for read in (*whole, lambda: list(store.outlines(["torn"]))):
            with pytest.raises(StorageError, match=r"run torn: 2 of its 3 results are there$"):
                read()


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        ("UPDATE opml_run SET run_id = 'two' || char(10) || 'lines'", "run two lines: its record is of run only"),
        ("UPDATE opml_run SET started = 'soon'", "is damaged: Invalid isoformat string: 'soon'"),
        ("UPDATE opml_run SET results = 'three'", "is damaged: "),
        ("UPDATE opml_run SET record = CAST(x'fffe' AS TEXT)", "Could not decode to UTF-8 column 'record'"),
        ("UPDATE opml_result SET accuracy = 'high'", "is damaged: 0.figures.accuracy: must be a number"),
        ("UPDATE opml_result SET case_id = x'fffe'", "is damaged: "),
        ("UPDATE opml_run SET dirty = 3", "is damaged: "),
        ("UPDATE opml_release SET label = x'00'", "is damaged: 0.label: must be a text"),
        ("UPDATE opml_release SET run_key = 7", "is damaged: it marks a run as released that is not there"),
    ],
)
def test_columns_that_hold_something_else(sqlite: str, edit: str, reason: str) -> None:
    with open_store(sqlite) as store:
        store.extend([run_of("only")], [Release("only", START)])
        execute(sqlite, edit)
        with pytest.raises(StorageError) as caught:
            [list(store.records()), store.rows(Query(), 5), store.summaries(Query(), 5), store.releases()]
    assert str(caught.value).startswith(f"store {sqlite}: {reason}")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("edit", "write"),
    [
        ("opml_release SET promoted = 'small'", lambda store: store.promote(Release("other", START))),
        (
            "opml_release SET promoted = 'small'",
            lambda store: store.remove(Removal("other", START, "why", "me")),
        ),
        ("opml_run SET started = 'small'", lambda store: store.append(run_of("next"))),
        ("opml_run SET record = 'x'", lambda store: store.extend([run_of("other", 1)], merge=True)),
    ],
)
def test_a_damage_is_told_by_all_that_write_and_nothing_is_written(
    sqlite: str, edit: str, write: Callable[[History], object]
) -> None:
    with open_store(sqlite) as store:
        store.extend([run_of("only"), run_of("other", 1)], [Release("only", START)])
        execute(sqlite, f"UPDATE {edit}")
        with pytest.raises(StorageError, match=r"is damaged: |was changed after it was written$") as caught:
            write(store)
        assert len(str(caught.value).splitlines()) == 1
        assert store.count() == 2


@pytest.mark.parametrize(
    ("edit", "noticed"),
    [
        ("opml_run SET branch = 'main '", {"summaries", "outlines"}),
        ("opml_run SET passed = 1", {"summaries", "outlines"}),
        ("opml_run SET machine = lower(machine)", {"summaries", "outlines"}),
        ("opml_result SET machine = lower(machine)", {"rows", "find", "released", "outlines"}),
        (
            "opml_run SET record = replace(record, '0.1.0', '0.2.0')",
            {"records", "newest", "find", "released", "outlines"},
        ),
        ("opml_run SET content = '0'", {"records", "newest", "summaries", "find", "released", "outlines"}),
        ("opml_result SET accuracy = accuracy + 1e-15", {"rows", "find", "released", "outlines"}),
        ("opml_result SET training_s = NULL", {"rows", "find", "released", "outlines"}),
        ("opml_result SET commit_hash = 'b'", {"rows", "find", "released", "outlines"}),
        ("opml_result SET record = replace(record, '0.96', '0.97')", {"records", "newest", "find", "released"}),
        ("opml_result SET digest = lower(digest) || '0'", {"rows", "find", "released", "outlines"}),
        ("opml_release SET label = 'v2'", {"releases", "released"}),
    ],
)
def test_what_was_changed_since_it_was_written_is_noticed_by_all_that_read_it(
    url: str, edit: str, noticed: set[str]
) -> None:
    case = Query(cases=(make_result().id,), profile="v100")
    reads: dict[str, Callable[[History], object]] = {
        "records": lambda store: list(store.records()),
        "newest": lambda store: store.newest(Query(), 1),
        "summaries": lambda store: store.summaries(Query(), 1),
        "rows": lambda store: store.rows(Query(), 5),
        "find": lambda store: store.find(case),
        "releases": lambda store: store.releases(),
        "outlines": lambda store: list(store.outlines(["only"])),
        "released": lambda store: store.find(case._replace(released=True)),
    }
    with open_store(url) as store:
        store.extend([run_of("only", results=[make_result(accuracy=0.96)])], [Release("only", START, "v1")])
        before = {name: read(store) for name, read in reads.items()}
        execute(url, f"UPDATE {edit}")
        for name, read in reads.items():
            if name in noticed:
                with pytest.raises(StorageError, match=r"run only\b.* was changed after it was written$"):
                    read(store)
            else:
                assert read(store) == before[name]


def test_names_in_another_order_are_no_endless_question(sqlite: str) -> None:
    with open_store(sqlite) as store:
        store.append(run_of("only", results=[], timings=[make_timing("a"), make_timing("B")]))
        assert store.case_ids() == ["B", "a"]
        changed = "replace(sql, 'case_id VARCHAR', 'case_id VARCHAR COLLATE NOCASE')"
        execute(sqlite, "PRAGMA writable_schema = ON", f"UPDATE sqlite_master SET sql = {changed}")
        execute(sqlite, "REINDEX")
        with pytest.raises(StorageError, match=r": is damaged: what it holds is out of order$"):
            store.case_ids()


def test_loading_the_module_does_not_load_sqlalchemy() -> None:
    modules = "pytest_opml.history.store, pytest_opml.history.memory, pytest_opml.history.git"
    code = f"import sys, {modules}; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_would_be_waited_for_is_no_store(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.db")
    (tmp_path / "device.db").symlink_to("/dev/zero")
    for file, reason in (("pipe.db", "it is a pipe, no file"), ("device.db", "it is a device, no file")):
        with pytest.raises(StorageError, match=f"cannot be opened: {reason}"):
            open_store(f"sqlite:///{tmp_path / file}")
