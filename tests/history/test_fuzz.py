"""Damaged files: whatever happened to one, it is read, or refused in one line that names it, and nothing else changes.

A changed letter in the record of one run, or in a file of pytest-benchmark, is another text, which nobody can notice:
what is asserted of such a file that is taken is that it was taken whole, as runs that are valid, that come back as they
were read, and of which none lost a result. An export or a store holds digests: of one that is taken, nothing changed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_opml.errors import OpmlError, StorageError
from pytest_opml.history.base import History, Query, Release
from pytest_opml.history.memory import MemoryHistory
from pytest_opml.history.pytest_benchmark import import_benchmarks
from pytest_opml.history.record_files import read_record, write_record
from pytest_opml.history.store import open_store
from pytest_opml.history.tables import METADATA
from pytest_opml.history.transfer import export, import_lines
from pytest_opml.records.run import RunRecord
from tests.support.builders import make_failure, make_result, make_side_by_side
from tests.support.history_runs import START, commit_of, make_timing, run_of
from tests.support.mutations import HOSTILE, as_json, deep, mutate_bytes, places, resealed
from tests.support.saved_benchmarks import Saved

pytestmark = pytest.mark.slow  # damages many stores and files

FULL = run_of(
    "full",
    results=[make_result(), make_result("cluster-256", vs_reference=make_side_by_side())],
    failures=[make_failure("int8")],
    timings=[make_timing(size_mb=1.5)],
    commit=commit_of("a", authored=START),
    collected={"case": "test"},
    marker_budgets={"case": {"accuracy": {"min": 0.5}}},
)
RUNS = [FULL, run_of("small", 1, results=[make_result()]), run_of("imported", 2, results=[], timings=[make_timing()])]
RELEASES = [Release("full", START, "v1")]
BEFORE = run_of("before", -1, results=[make_result("float16")])

Taking = Callable[[History, Path], Any]


def _take_record(history: History, path: Path) -> None:
    history.append(read_record(path))


def _take_benchmarks(history: History, path: Path) -> None:
    import_benchmarks(history, [path])


@pytest.fixture(scope="module")
def contents(saved: Saved, tmp_path_factory: pytest.TempPathFactory) -> dict[Taking, bytes]:
    """What each of the readers reads."""
    path = tmp_path_factory.mktemp("contents") / "file"
    write_record(FULL, path)
    record = path.read_bytes()
    history = MemoryHistory(RUNS)
    history.extend([], RELEASES)
    export(history, path)
    benchmarks = json.loads(saved.autosaved.read_bytes())
    del benchmarks["machine_info"]["cpu"]["flags"]  # hundreds, of no meaning to us
    return {_take_record: record, import_lines: path.read_bytes(), _take_benchmarks: as_json(benchmarks)}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the file, which is another one each time."""
    return tmp_path_factory.mktemp("damaged") / "file.json"


def check_refusal(error: OpmlError, path: Path) -> None:
    text = str(error)
    assert len(text.splitlines()) == 1
    assert str(path) in text


def everything(history: History) -> tuple[list[RunRecord], Any]:
    """All that can be asked; the runs, and what is said of them."""
    runs = list(history.records())
    asked: list[Any] = [history.newest(Query(), 100), history.summaries(Query(), 100), history.releases()]
    asked += [history.rows(Query(), 100), history.rows(Query(), 100, "best"), history.count()]
    asked += [history.run_ids(), list(history.outlines(history.run_ids()))]
    for case in history.case_ids():
        asked += [history.profiles(case), history.find(Query(cases=(case,)))]
    return runs, asked


class Stores:
    """A store to import into, made anew where something was imported."""

    def __init__(self) -> None:
        self._open: History | None = None

    def take(self, take: Taking, path: Path) -> list[RunRecord] | None:
        """Let a reader import, hold the outcome against what is to be true of each, and say which runs it took."""
        store = self._open or open_store("sqlite://")
        if not self._open:
            store.append(BEFORE)
        self._open = store
        try:
            take(store, path)
        except OpmlError as error:
            check_refusal(error, path)
            assert list(store.records()) == [BEFORE]
            assert store.releases() == []
            return None
        runs, _ = everything(store)
        assert runs[0] == BEFORE
        if take is _take_record:
            assert runs[1:] == [read_record(path)]
        copy = path.with_name("copy.jsonl")
        export(store, copy)
        again = MemoryHistory()
        import_lines(again, copy)
        assert list(again.records()) == runs
        self.close()
        return runs[1:]

    def close(self) -> None:
        """The next import is into a store of its own."""
        if self._open:
            self._open.close()
        self._open = None


@pytest.fixture(scope="module")
def stores() -> Iterator[Stores]:
    found = Stores()
    yield found
    found.close()


# ---- files


@pytest.mark.parametrize("start", range(0, 200, 50))
@pytest.mark.parametrize("take", [_take_record, import_lines, _take_benchmarks])
def test_a_damaged_file_is_taken_whole_or_refused(
    take: Taking, start: int, contents: dict[Taking, bytes], path: Path, stores: Stores
) -> None:
    for seed in range(start, start + 50):
        print("seed", seed)
        damaged = mutate_bytes(contents[take], seed)
        path.write_bytes(damaged)
        taken = stores.take(take, path)
        if take is import_lines:
            assert taken in (None, RUNS)
            path.write_bytes(resealed(damaged))
            stores.take(take, path)


_JSON = st.recursive(
    st.sampled_from(HOSTILE) | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_VALUES = _JSON | st.sampled_from([50, 180, 190, 198, 300]).map(deep)
_FUZZ = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("take", [_take_record, import_lines, _take_benchmarks])
@given(data=st.data())
@_FUZZ
def test_a_field_that_holds_something_else(
    take: Taking, data: st.DataObject, contents: dict[Taking, bytes], path: Path, stores: Stores
) -> None:
    lines = contents[take].splitlines() if take is import_lines else [contents[take]]
    at = data.draw(st.integers(0, len(lines) - 1))
    document = json.loads(lines[at])
    container, key = data.draw(st.sampled_from(list(places(document))))
    container[key] = data.draw(_VALUES)
    lines[at] = as_json(document)
    path.write_bytes(resealed(b"\n".join(lines)))
    stores.take(take, path)


@pytest.mark.parametrize("take", [_take_record, import_lines, _take_benchmarks])
@given(document=_VALUES, raw=st.none() | st.binary(max_size=40))
@_FUZZ
def test_a_file_of_anything(take: Taking, document: Any, raw: bytes | None, path: Path, stores: Stores) -> None:
    path.write_bytes(as_json(document) if raw is None else raw)
    stores.take(take, path)


# ---- texts that a database may not hold

_TEXTS = ["a\0b", "\ud800", "\U0010ffff", "a\nb\x1b[31m\u2028", "'; DROP TABLE opml_run; --", "", "ü" * 3_000]
_FIELDS: dict[str, Callable[[dict[str, Any], str], Any]] = {
    "branch": lambda run, text: run["commit"].update(branch=text),
    "commit": lambda run, text: run["commit"].update(commit=text),
    "profile": lambda run, text: run["device"].update(profile=text),
    "machine": lambda run, text: run["device"].update(cpu=text),
    "timing": lambda run, text: run["timings"][0].update(name=text),
    "message": lambda run, text: run["failures"][0].update(message=text),
    "marker_budgets": lambda run, text: run.update(marker_budgets={text: {text: text}}),
    "run_id": lambda run, text: run.update(run_id=text),
    "label": lambda run, text: None,
}


def test_texts_of_any_kind_come_back_or_are_refused(url: str, path: Path) -> None:
    full = json.loads(FULL.model_dump_json())
    with open_store(url) as store:
        for number, (field, text) in enumerate((field, text) for field in _FIELDS for text in _TEXTS):
            run = json.loads(json.dumps(full)) | {"run_id": f"run-{number}"}
            _FIELDS[field](run, text)
            release = {"run_id": run["run_id"], "promoted": "2026-01-01T00:00:00Z", "label": ""}
            if field == "label":
                release["label"] = text
            end = {"runs": 1, "releases": 1}
            lines = [{"format": "pytest-opml history", "format_version": 1}, {"run": run}, {"release": release}]
            path.write_bytes(resealed(b"\n".join(map(as_json, [*lines, {"end": end}]))))
            before = (list(store.records()), store.releases())
            try:
                import_lines(store, path)
            except StorageError as error:
                check_refusal(error, Path(f"{path}, line "))
                assert (list(store.records()), store.releases()) == before
            else:
                assert json.loads(store.run(run["run_id"]).model_dump_json()) == run
                assert {each.run_id: each.label for each in store.releases()}[run["run_id"]] == release["label"]
        assert store.count() > len(_FIELDS) * 4
        everything(store)


@pytest.mark.parametrize("moment", ["0002-01-01T00:00:00Z", "9998-12-31T23:59:59.999999Z", "9998-01-01T00:00:00-14:00"])
def test_the_earliest_and_the_latest_moment(url: str, path: Path, moment: str) -> None:
    path.write_bytes(as_json(json.loads(FULL.model_dump_json()) | {"started": moment}))
    with open_store(url) as store:
        import_lines(store, path)
        assert store.summaries(Query(), 1)[0].started == store.run("full").started == read_record(path).started


# ---- stores


@pytest.fixture(scope="module")
def store_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a real store's file holds."""
    path = tmp_path_factory.mktemp("whole") / "history.db"
    with open_store(f"sqlite:///{path}") as store:
        store.extend(RUNS, RELEASES)
    return path.read_bytes()


def _check_store(path: Path) -> None:
    """Read all and append; of what an unreadable or a changed place in the file leaves, only whole runs are taken."""
    try:
        with open_store(f"sqlite:///{path}") as store:
            runs, _ = everything(store)
            whole = MemoryHistory(RUNS)
            assert [run for run in runs if run not in RUNS] == []
            assert set(store.summaries(Query(), 100)) <= set(whole.summaries(Query(), 100))
            rows = whole.rows(Query(), 100)
            assert [row for row in store.rows(Query(), 100) if row not in rows] == []
            assert set(store.releases()) <= set(RELEASES)
            store.append(BEFORE)
            assert list(store.records()) == [*runs, BEFORE]
            assert store.run("before") == BEFORE
    except OpmlError as error:
        check_refusal(error, path)


@pytest.mark.parametrize("start", range(0, 200, 50))
def test_a_damaged_store_gives_whole_runs_or_is_refused(store_file: bytes, tmp_path: Path, start: int) -> None:
    for seed in range(start, start + 50):
        print("seed", seed)
        path = tmp_path / f"{seed}.db"
        path.write_bytes(mutate_bytes(store_file, seed))
        _check_store(path)


_CELLS = [
    None,
    -1,
    2**62,
    0.5,
    "",
    "a\0b",
    "two\nlines",
    "0001-01-01",
    "9999-12-31 23:59:59",
    b"\xff\xfe",
    float("inf"),
]


@pytest.mark.parametrize("table", [table for table in METADATA.tables.values() if len(table.columns) > 1], ids=str)
def test_a_column_that_holds_something_else(store_file: bytes, tmp_path: Path, table: Any) -> None:
    random = Random(table.name)
    for number, column in enumerate(table.columns):
        path = tmp_path / f"{number}.db"
        path.write_bytes(store_file)
        value = random.choice([-1, 2**62] if column.primary_key else _CELLS)
        print(column.name, repr(value))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA writable_schema = ON")  # as a damaged file may break the rules of its tables
            connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '')")
            connection.commit()
        with closing(sqlite3.connect(path)) as connection:
            row = connection.execute(f"SELECT min(rowid) FROM {table.name}").fetchone()[0]
            connection.execute(f"UPDATE OR IGNORE {table.name} SET {column.name} = ? WHERE rowid = ?", (value, row))
            connection.commit()
        _check_store(path)
