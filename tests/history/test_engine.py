"""What cannot be opened or written: one line that says why, and nothing touched."""

from __future__ import annotations

import resource
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from pytest_opml.errors import StorageError
from pytest_opml.history import engine
from pytest_opml.history.base import Query
from pytest_opml.history.migrations import NEWEST
from pytest_opml.history.sql import SqlHistory
from pytest_opml.history.store import open_store
from tests.support.builders import make_result
from tests.support.databases import execute, in_process, refusal
from tests.support.history_runs import run_of
from tests.support.waiting import wait_for


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("/history.db", "is no database URL"),
        ("sqlite://history.db", "is no database URL"),
        ("sqlite:///history.db?timeout=soon", "is no database URL"),
        ("nosql://ada:secret@host/db", "unknown kind of database 'nosql'"),
        ("mssql+pymssql://ada:secret@host/db", "the driver of mssql+pymssql is not installed: No module named"),
        ("mssql+pymssql://host/db?user=ada&PASSWORD=secret&port=1", "the driver of mssql+pymssql is not installed"),
        ("sqlite:////proc/nowhere/history.db", "cannot make the folder: No such file or directory"),
        ("sqlite:////proc/history.db", "unable to open database file: No such file or directory"),
    ],
)
def test_a_url_that_leads_nowhere(url: str, reason: str) -> None:
    text = refusal(url)
    assert text.startswith(f"store {url.replace('secret', '***')}: {reason}")


@pytest.mark.parametrize(
    "url", ["", "history.db", "nosql://ada:s:e/c@r@et@host/db", "postgresql://ada:secret@host:port/db"]
)
def test_what_cannot_be_parsed_is_not_shown(url: str) -> None:
    text = refusal(url)
    assert text.startswith("store (not shown: it cannot be parsed): is no database URL, such as sqlite:///history.db; ")
    assert text.endswith("write @ : / ? # and % of a password as %40 %3A %2F %3F %23 and %25")


def test_the_folder_is_made(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/a/b/history.db").close()
    assert (tmp_path / "a" / "b" / "history.db").is_file()


def test_a_relative_path_is_of_the_folder_that_the_process_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        with open_store("sqlite:///history.db") as store:
            store.append(run_of(name))
            assert store.known(["one", "two"]) == {name}


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    url = f"sqlite:///{tmp_path}/file/history.db"
    assert refusal(url) == f"store {url}: cannot make the folder: File exists: {tmp_path}/file"


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    assert refusal(f"sqlite:///{tmp_path}").endswith(": unable to open database file: it is a folder")


@pytest.mark.parametrize("content", [b"SQLite format 4\0" + b"x" * 4096, b"{}\n" * 400])
def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path, sqlite: str, content: bytes) -> None:
    (tmp_path / "history.db").write_bytes(content)
    assert refusal(sqlite) == f"store {sqlite}: file is not a database"
    assert (tmp_path / "history.db").read_bytes() == content


def test_a_truncated_store(tmp_path: Path, sqlite: str) -> None:
    with open_store(sqlite) as store:
        store.append(run_of("before"))
    path = tmp_path / "history.db"
    path.write_bytes(path.read_bytes()[:5000])
    assert "malformed" in refusal(sqlite)


@pytest.mark.parametrize("create", [True, False])
def test_a_newer_store_is_refused_by_name_and_left_as_it_is(url: str, create: bool) -> None:
    open_store(url).close()
    execute(url, "UPDATE opml_version SET version_num = '0007'", "DROP TABLE opml_release")
    path = engine.file_of(url)
    before = path and path.read_bytes()
    text = f"made by a newer version of pytest-opml: store version 0007, this one knows {NEWEST}"
    assert refusal(url, create=create).endswith(f": {text}")
    assert execute(url, "SELECT version_num FROM opml_version") == [("0007",)]
    if path:
        assert path.read_bytes() == before
        assert [file.name for file in path.parent.iterdir()] == ["history.db"]


def test_tables_that_a_newer_version_makes_meanwhile_stay_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store(url).close()
    monkeypatch.setattr(SqlHistory, "_version", lambda *_: NEWEST)  # what it was a moment ago
    execute(url, "UPDATE opml_version SET version_num = '0007'")
    open_store(url).close()
    assert execute(url, "SELECT version_num FROM opml_version") == [("0007",)]


@pytest.mark.parametrize(
    ("statement", "version"),
    [
        ("DELETE FROM opml_version", None),
        ("UPDATE opml_version SET version_num = '0000'", "0000"),
        ("UPDATE opml_version SET version_num = 'abc'", "abc"),
    ],
)
def test_an_unknown_version_is_refused(url: str, statement: str, version: str | None) -> None:
    open_store(url).close()
    execute(url, statement)
    assert refusal(url).endswith(f"unknown store version {version!r}; this one knows {NEWEST}")


def test_tables_of_another_program(url: str) -> None:
    execute(url, "CREATE TABLE opml_run (id INTEGER)")
    assert refusal(url).endswith(": another program's table 'opml_run' is in the way")
    assert execute(url, "SELECT * FROM opml_run") == []


def test_other_tables_are_no_obstacle(url: str) -> None:
    execute(url, "CREATE TABLE invoices (id INTEGER)")
    with open_store(url) as store:
        store.append(run_of("only"))


def test_a_store_that_can_only_be_read_is_refused_before_the_run(tmp_path: Path, sqlite: str) -> None:
    open_store(sqlite).close()
    assert refusal(f"sqlite:///file:{tmp_path}/history.db?mode=ro&uri=true").endswith(
        ": attempt to write a readonly database"
    )


def test_a_store_that_stays_locked(tmp_path: Path, sqlite: str) -> None:
    with open_store(f"{sqlite}?timeout=0.1") as store, closing(sqlite3.connect(tmp_path / "history.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match=r"^store sqlite.*timeout=0\.1: database is locked$"):
            store.append(run_of("late"))
        assert refusal(f"{sqlite}?timeout=0.1").endswith(": database is locked")
        other.rollback()
        store.append(run_of("late"))
        assert len(store.newest(Query(), 2)) == 1


def _append_on_a_full_disk(url: str) -> None:
    with open_store(url) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (131_072, 131_072))
        try:
            store.append(run_of("too-large", results=[make_result(notes=("x" * 200_000,))]))
        except StorageError as error:
            sys.exit(0 if "\n" not in str(error) and str(error).startswith("store sqlite") else str(error))
        sys.exit("appended")


def test_a_disk_without_room_for_the_run(sqlite: str) -> None:
    with open_store(sqlite) as store:
        store.append(run_of("before"))
        assert in_process(_append_on_a_full_disk, sqlite) == 0
        assert store.newest(Query(), 10) == [run_of("before")]


def test_a_store_that_was_deleted_during_the_run(tmp_path: Path, sqlite: str) -> None:
    with open_store(sqlite) as store:
        (tmp_path / "history.db").unlink()
        with pytest.raises(StorageError, match="no such table: opml_run"):
            store.append(run_of("lost"))


def test_a_command_makes_no_store(tmp_path: Path, sqlite: str) -> None:
    text = f"{tmp_path}/history.db: no history yet: run pytest first, or give the record of a run"
    assert refusal(sqlite, create=False) == text
    assert list(tmp_path.iterdir()) == []


def test_a_command_makes_no_tables(new_database: Callable[[], str]) -> None:
    url = new_database()
    assert refusal(url, create=False).endswith(": no history yet: run pytest first, or give the record of a run")
    assert execute(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


def test_a_command_reads_where_nothing_can_be_written(tmp_path: Path, sqlite: str) -> None:
    with open_store(sqlite) as store:
        store.append(run_of("only"))
    with open_store(f"sqlite:///file:{tmp_path}/history.db?mode=ro&uri=true", create=False) as store:
        assert store.newest(Query(), 5) == [run_of("only")]


def test_neither_a_closed_store_nor_a_refused_one_leaves_a_connection(new_database: Callable[[], str]) -> None:
    url = new_database()
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with open_store(url) as one, open_store(url) as other:
        one.append(run_of("one"))
        other.append(run_of("other"))
    execute(url, "UPDATE opml_version SET version_num = '0007'")
    refusal(url)
    wait_for(lambda: execute(url, others) == [(0,)])  # the server takes a moment to see that one was closed


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_server_that_is_not_there_is_one_line_without_the_password(scheme: str) -> None:
    text = refusal(f"{scheme}://ada:secret@127.0.0.1:9/history")
    assert text.startswith(f"store {scheme}://ada:***@127.0.0.1:9/history: connection")
    assert "secret" not in text


def test_a_database_that_is_not_there(new_database: Callable[[], str]) -> None:
    url = make_url(new_database()).set(database="nowhere").render_as_string(hide_password=False)
    assert 'database "nowhere" does not exist' in refusal(url)


def test_without_the_driver_of_postgresql_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    text = "a history in PostgreSQL needs the package psycopg: pip install 'pytest-opml[postgres]'"
    assert refusal("postgresql://host/db") == text
