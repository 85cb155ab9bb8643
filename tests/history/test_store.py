"""Real SQLite files; sessions at the same time and killed ones are real processes."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta, timezone
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from pytest_opml.domain.metrics import METRICS
from pytest_opml.domain.records import Result, RunRecord
from pytest_opml.errors import StorageError
from pytest_opml.history.store import STORE_VERSION, Store, open_store
from tests.builders import make_case, make_failure, make_result, make_run

START = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=timezone.utc)
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'history.db'}"


def run_of(name: str, minute: float = 0, **fields: Any) -> RunRecord:
    results = [make_result(), make_result("cluster-256", size_mb=6.8), make_result("float16", size_mb=7.1)]
    return make_run(**{"results": results, "run_id": name, "started": START + timedelta(minutes=minute)} | fields)


def newest(store: Store, case_id: str, profile: str) -> Result | None:
    found = store.baseline(case_id, profile)
    return found and found.result


def in_process(target: Callable[..., None], *arguments: Any) -> int:
    process = SPAWN.Process(target=target, args=arguments)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def refusal(url: str) -> str:
    with pytest.raises(StorageError) as caught:
        open_store(url)
    text = str(caught.value)
    assert "\n" not in text
    return text


def columns(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


# ---- what is kept


def test_what_was_appended_comes_back_newest_first(url: str) -> None:
    runs = [run_of(f"run-{minute}", minute, failures=[make_failure("int8")]) for minute in range(3)]
    with open_store(url) as store:
        for index in (1, 0, 2):
            store.append(runs[index])
        assert store.runs(10) == [runs[2], runs[1], runs[0]]
        assert store.runs(2) == [runs[2], runs[1]]
    with open_store(url) as store:
        assert store.runs(1) == [runs[2]]


def test_an_empty_store(url: str) -> None:
    with open_store(url) as store:
        assert store.runs(10) == []
        assert newest(store, "digits/efficientnet_lite0/top1/baseline", "cpu") is None


def test_a_run_of_failures_only_and_without_a_commit(url: str) -> None:
    run = make_run(failures=[make_failure()], commit=None)
    with open_store(url) as store:
        store.append(run)
        assert store.runs(1) == [run]


def test_moments_are_compared_across_time_zones(url: str) -> None:
    east = timezone(timedelta(hours=3))
    early = run_of("early", started=datetime(2026, 1, 1, 12, tzinfo=east))
    late = run_of("late", started=datetime(2026, 1, 1, 10, tzinfo=timezone.utc))
    with open_store(url) as store:
        store.append(late)
        store.append(early)
        assert store.runs(2) == [late, early]


def test_last_is_the_newest_result_of_the_case_on_that_hardware(url: str) -> None:
    case = make_case("cluster-256", unfreeze=10)
    old, new, other = (make_result(case=case, accuracy=accuracy) for accuracy in (0.8, 0.85, 0.9))
    with open_store(url) as store:
        store.append(run_of("new", 5, results=[make_result(), new]))
        store.append(run_of("old", 0, results=[old]))
        store.append(run_of("other", 9, results=[other], profile="cpu"))
        assert newest(store, case.id, "v100") == new
        assert newest(store, case.id, "cpu") == other
        assert newest(store, case.id, "t4") is None
        assert newest(store, make_case("int8").id, "v100") is None


def test_metrics_are_columns_to_query(url: str, tmp_path: Path) -> None:
    result = make_result("int8", p99=None)
    with open_store(url) as store:
        store.append(run_of("only", results=[result], profile="t4"))
    names = ["accuracy", "inference_s", "latency_ms.p50", "latency_ms.p90", "latency_ms.p99"]
    names += ["size_mb", "op_score", "training_s", "preparation_s"]
    query = f"SELECT case_id, profile, {', '.join(name.replace('.', '_') for name in names)} FROM result"
    assert columns(tmp_path / "history.db", query) == [
        (result.id, "t4", *(METRICS[name].read(result) for name in names))
    ]
    assert columns(tmp_path / "history.db", "SELECT run_id, profile, branch FROM run") == [("only", "t4", "main")]


def test_the_last_result_is_found_by_an_index(url: str, tmp_path: Path) -> None:
    open_store(url).close()
    query = "SELECT record FROM result WHERE case_id = 'a' AND profile = 'b' ORDER BY started DESC LIMIT 1"
    plan = columns(tmp_path / "history.db", f"EXPLAIN QUERY PLAN {query}")
    assert [row[3] for row in plan] == [
        "SEARCH result USING INDEX ix_result_case_id_profile_started (case_id=? AND profile=?)"
    ]


def test_a_run_is_stored_once(url: str) -> None:
    with open_store(url) as store:
        store.append(run_of("same"))
        with pytest.raises(StorageError, match=r"history\.db: UNIQUE constraint failed: run\.run_id"):
            store.append(run_of("same", minute=1))
        assert store.runs(10) == [run_of("same")]


def test_a_store_in_memory() -> None:
    with open_store("sqlite://") as store:
        store.append(run_of("only"))
        assert store.runs(2) == [run_of("only")]


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
        runs = store.runs(1000)
    assert sorted(run.run_id for run in runs) == sorted(f"{name}-{n}" for name in names for n in range(count))
    assert {len(run.results) for run in runs} == {3}


def _killed_before_commit(url: str) -> None:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    with open_store(url) as store:
        event.listen(Engine, "commit", lambda connection: os.kill(os.getpid(), signal.SIGKILL))
        # More than SQLite keeps in memory, so that pages of the unfinished transaction are in the file.
        store.append(run_of("killed", results=[make_result(notes=("x" * 1_000_000,))] * 8))


def test_a_writer_killed_before_its_commit_leaves_whole_runs_only(url: str, tmp_path: Path) -> None:
    with open_store(url) as store:
        store.append(run_of("before"))
    assert in_process(_killed_before_commit, url) == -signal.SIGKILL
    assert (tmp_path / "history.db-journal").exists()
    with open_store(url) as store:
        assert store.runs(10) == [run_of("before")]
        store.append(run_of("after", 1))
        assert [run.run_id for run in store.runs(10)] == ["after", "before"]
    assert columns(tmp_path / "history.db", "SELECT DISTINCT run_id FROM result ORDER BY 1") == [
        ("after",),
        ("before",),
    ]
    assert columns(tmp_path / "history.db", "PRAGMA integrity_check") == [("ok",)]


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
        while len(store.runs(10)) < 10:
            assert process.is_alive()
        process.kill()
        process.join()
        runs = store.runs(100_000)
    assert [run.run_id for run in runs] == [f"run-{number}" for number in reversed(range(len(runs)))]
    assert all(run == run_of(run.run_id, number) for number, run in enumerate(reversed(runs)))


# ---- what cannot be opened


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("history.db", "is no database URL"),
        ("", "is no database URL"),
        ("sqlite://history.db", "is no database URL"),
        ("sqlite:///history.db?timeout=soon", "is no database URL"),
        ("postgresql://ada:secret@host:port/db", "is no database URL"),
        ("nosql://ada:secret@host/db", "unknown kind of database 'nosql'"),
        ("mssql+pymssql://ada:secret@host/db", "the driver of mssql+pymssql is not installed: No module named"),
        ("mssql+pymssql://host/db?user=ada&PASSWORD=secret&x=1", "the driver of mssql+pymssql is not installed"),
        ("sqlite:////proc/nowhere/history.db", "cannot make the folder: No such file or directory"),
        ("sqlite:////proc/history.db", "unable to open database file"),
    ],
)
def test_a_url_that_leads_nowhere(url: str, reason: str) -> None:
    text = refusal(url)
    assert text.startswith(f"store {url.replace('secret', '***')}: {reason}")


def test_the_password_is_hidden_whatever_is_in_it() -> None:
    assert refusal("nosql://ada:s:e/c@r@et@host/db").startswith("store nosql://ada:***@host/db: ")


def test_the_folder_is_made(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/a/b/history.db").close()
    assert (tmp_path / "a" / "b" / "history.db").is_file()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    url = f"sqlite:///{tmp_path}/file/history.db"
    assert refusal(url) == f"store {url}: cannot make the folder: File exists: {tmp_path}/file"


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    assert refusal(f"sqlite:///{tmp_path}").endswith(": unable to open database file")


@pytest.mark.parametrize("content", [b"SQLite format 4\0" + b"x" * 4096, b"{}\n" * 400])
def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path, url: str, content: bytes) -> None:
    (tmp_path / "history.db").write_bytes(content)
    assert refusal(url) == f"store {url}: file is not a database"
    assert (tmp_path / "history.db").read_bytes() == content


def test_a_truncated_store(tmp_path: Path, url: str) -> None:
    with open_store(url) as store:
        store.append(run_of("before"))
    path = tmp_path / "history.db"
    path.write_bytes(path.read_bytes()[:5000])
    assert "malformed" in refusal(url)


def test_a_newer_store_is_refused_by_name_and_left_as_it_is(tmp_path: Path, url: str) -> None:
    open_store(url).close()
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE opml_store SET version = 7")
        connection.execute("DROP TABLE result")
    before = path.read_bytes()
    assert refusal(url) == (
        f"store {url}: made by a newer version of pytest-opml: store version 7, this one knows {STORE_VERSION}"
    )
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["history.db"]


@pytest.mark.parametrize(
    ("statement", "version"), [("DELETE FROM opml_store", None), ("UPDATE opml_store SET version = 0", 0)]
)
def test_an_unknown_version_is_refused(tmp_path: Path, url: str, statement: str, version: int | None) -> None:
    open_store(url).close()
    with closing(sqlite3.connect(tmp_path / "history.db")) as connection, connection:
        connection.execute(statement)
    assert refusal(url).endswith(f"unknown store version {version!r}; this one knows {STORE_VERSION}")


def test_tables_of_another_program(tmp_path: Path, url: str) -> None:
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE run (id INTEGER)")
    before = path.read_bytes()
    assert refusal(url) == f"store {url}: another program's table 'run' is in the way"
    assert path.read_bytes() == before


def test_other_tables_are_no_obstacle(tmp_path: Path, url: str) -> None:
    with closing(sqlite3.connect(tmp_path / "history.db")) as connection, connection:
        connection.execute("CREATE TABLE invoices (id INTEGER)")
    with open_store(url) as store:
        store.append(run_of("only"))


def test_a_store_that_can_only_be_read_is_refused_before_the_run(tmp_path: Path, url: str) -> None:
    open_store(url).close()
    assert refusal(f"sqlite:///file:{tmp_path}/history.db?mode=ro&uri=true").endswith(
        ": attempt to write a readonly database"
    )


def test_a_store_that_stays_locked(tmp_path: Path, url: str) -> None:
    with open_store(f"{url}?timeout=0.1") as store, closing(sqlite3.connect(tmp_path / "history.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match=r"^store sqlite.*timeout=0\.1: database is locked$"):
            store.append(run_of("late"))
        assert refusal(f"{url}?timeout=0.1").endswith(": database is locked")
        other.rollback()
        store.append(run_of("late"))
        assert len(store.runs(2)) == 1


def _append_on_a_full_disk(url: str) -> None:
    with open_store(url) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))
        try:
            store.append(run_of("too-large", results=[make_result(notes=("x" * 200_000,))]))
        except StorageError as error:
            sys.exit(0 if "\n" not in str(error) and str(error).startswith("store sqlite") else str(error))
        sys.exit("appended")


def test_a_disk_without_room_for_the_run(url: str) -> None:
    with open_store(url) as store:
        store.append(run_of("before"))
        assert in_process(_append_on_a_full_disk, url) == 0
        assert store.runs(10) == [run_of("before")]


def test_a_store_that_was_deleted_during_the_run(tmp_path: Path, url: str) -> None:
    with open_store(url) as store:
        (tmp_path / "history.db").unlink()
        with pytest.raises(StorageError, match="no such table: run"):
            store.append(run_of("lost"))


# ---- what cannot be read


def edit(path: Path, table: str, old: str, new: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE {table} SET record = replace(record, ?, ?)", (old, new))


@pytest.mark.parametrize(
    ("table", "old", "new", "reason"),
    [
        ("run", '"format_version":1', '"format_version":2', "format_version: Input should be 1"),
        ("run", "{", "", "Invalid JSON"),
        ("result", "{", "", "Invalid JSON"),
        ("result", '"auc"', '"area"', "auc: Field required"),
        ("result", '"cluster-256"', '"shrink-256"', "unknown technique 'shrink-256'; known: "),
    ],
)
def test_a_record_that_is_no_longer_valid(
    tmp_path: Path, url: str, table: str, old: str, new: str, reason: str
) -> None:
    result = make_result("cluster-256")
    with open_store(url) as store:
        store.append(run_of("odd", results=[result]))
        edit(tmp_path / "history.db", table, old, new)
        reads: list[Callable[[Store], Any]] = [lambda store: store.runs(1)]
        if table == "result":
            reads.append(lambda store: newest(store, result.id, "v100"))
        for read in reads:
            with pytest.raises(StorageError) as caught:
                read(store)
            assert f"{url}: run odd: " in str(caught.value)
            assert reason in str(caught.value)
            assert "\n" not in str(caught.value)


def test_loading_the_module_does_not_load_sqlalchemy() -> None:
    code = "import sys, pytest_opml.history.store, pytest_opml.history.git; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
