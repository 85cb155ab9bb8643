"""Real files, from one store to another."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_opml.errors import StorageError
from pytest_opml.history import transfer
from pytest_opml.history.base import Added, History, Query, Release
from pytest_opml.history.memory import MemoryHistory
from pytest_opml.history.record_files import record_of, write_record
from pytest_opml.history.store import open_store
from pytest_opml.history.transfer import Exported, export, import_lines
from pytest_opml.records.run import RunRecord
from tests.support.builders import make_failure, make_result
from tests.support.history_runs import START, commit_of, make_timing, run_of

RUNS = [
    run_of("a", 5, failures=[make_failure("int8", "timeout", "größer ✓\nthan 1800 s")], commit=commit_of("a")),
    run_of("b", 1, results=[], timings=[make_timing(size_mb=1 / 3)], commit=commit_of("b", "topic"), profile="cpu"),
    run_of(
        "c", 9, results=[make_result(notes=("x\x00y",))], commit=None, marker_budgets={"x": {"accuracy": {"min": 0.1}}}
    ),
]
RELEASES = [Release("a", START + timedelta(microseconds=1), "v1"), Release("c", START, "größer")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.jsonl"


@pytest.fixture
def history(sqlite: str) -> Iterator[History]:
    with open_store(sqlite) as store:
        store.extend(RUNS, RELEASES)
        yield store


def content(history: History) -> tuple[list[RunRecord], list[Release]]:
    return list(history.records()), history.releases()


def refusal(path: Path, history: History | None = None) -> str:
    history = history or MemoryHistory([run_of("before")])
    before = content(history)
    with pytest.raises(StorageError) as caught:
        import_lines(history, path)
    assert content(history) == before
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(str(path))
    return text.removeprefix(str(path)).removeprefix(", ").removeprefix(": ")


# ---- there and back


@pytest.mark.parametrize("name", ["history.jsonl", "history.jsonl.gz"])
def test_a_history_comes_whole_into_any_other(history: History, url: str, tmp_path: Path, name: str) -> None:
    path = tmp_path / "exported" / name
    assert export(history, path) == Exported(3, 2)
    assert path.read_bytes().startswith(b"\x1f\x8b" if path.suffix == ".gz" else b'{"format": "pytest-opml history"')
    assert list(path.parent.iterdir()) == [path]
    with open_store(url) as other:
        assert import_lines(other, path) == Added(3, 0, 2)
        assert import_lines(other, path) == Added(0, 3, 0)
        assert content(other) == (RUNS, RELEASES)
        export(other, path.with_name("remeasured" + path.suffix))
    assert path.with_name("remeasured" + path.suffix).read_bytes() == path.read_bytes()


def test_the_file_is_lines_of_json_each_run_as_a_record_file_has_it(history: History, path: Path) -> None:
    export(history, path)
    write_record(RUNS[0], path.with_name("record.json"))
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert lines[0] == {"format": "pytest-opml history", "format_version": 1}
    assert lines[1] == {"run": json.loads(path.with_name("record.json").read_bytes())}
    assert lines[4] == {
        "release": {"run_id": "a", "promoted": "2026-01-02T03:04:05.678902+00:00", "label": "v1", "overrode": ""},
    }
    before = path.read_bytes().rpartition(b'{"end"')[0]
    assert lines[6:] == [{"end": {"runs": 3, "releases": 2, "sha256": sha256(before).hexdigest()}}]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(profile="cpu"), "b"),
        (Query(branch="main"), "a"),
        (Query(commit="aaa"), "a"),
        (Query(since=START + timedelta(minutes=5)), "ac"),
        (Query(before=START + timedelta(minutes=5)), "b"),
        (Query(released=True), "ac"),
        (Query(released=True, branch="topic"), ""),
    ],
)
def test_some_runs_go_with_their_releases(history: History, path: Path, query: Query, found: str) -> None:
    releases = [release for release in RELEASES if release.run_id in found]
    assert export(history, path, query) == Exported(len(found), len(releases))
    other = MemoryHistory()
    import_lines(other, path)
    assert content(other) == ([run for run in RUNS if run.run_id in found], releases)


def test_standard_output(history: History, path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    export(history, Path("-"))
    export(history, path)
    assert capfdbinary.readouterr().out == path.read_bytes()


def test_standard_output_that_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=full))
        with pytest.raises(StorageError, match=r"^standard output: cannot be written: No space left on device$"):
            export(MemoryHistory(RUNS), Path("-"))


def test_an_export_that_fails_leaves_the_old_file(path: Path) -> None:
    class Torn(MemoryHistory):
        def records(self) -> Iterator[RunRecord]:
            yield RUNS[0]
            raise StorageError("store x: torn")

    path.write_text("old")
    with pytest.raises(StorageError, match=r"^store x: torn$"):
        export(Torn(), path)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(StorageError, match=r": is a folder; give the path of a file$"):
        export(Torn(), path.parent)


def test_each_run_is_added_before_the_next_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(MemoryHistory(RUNS), path)
    events: list[str] = []

    class Watched(MemoryHistory):
        def extend(self, records: Any, releases: Any = (), **options: Any) -> Added:
            events.extend(f"added {run.run_id}" for run in records)
            return super().extend([], releases, **options)

    def reading(document: Any, where: str) -> RunRecord:
        events.append(f"read {document['run_id']}")
        return record_of(document, where)

    monkeypatch.setattr(transfer, "record_of", reading)
    import_lines(Watched(), path)
    assert events == [f"{what} {run.run_id}" for run in RUNS for what in ("read", "added")]


# ---- record files


@pytest.mark.parametrize("compress", [False, True])
def test_the_record_of_a_run_is_added_too(path: Path, compress: bool) -> None:
    write_record(RUNS[0], path)
    if compress:
        path.write_bytes(gzip.compress(path.read_bytes()))
    history = MemoryHistory()
    assert import_lines(history, path) == Added(1, 0, 0)
    assert import_lines(history, path) == Added(0, 1, 0)
    assert list(history.records()) == [RUNS[0]]


def test_a_record_in_one_line(path: Path) -> None:
    path.write_text(RUNS[0].model_dump_json())
    assert import_lines(MemoryHistory(), path) == Added(1, 0, 0)


def test_a_record_of_another_content_is_refused(path: Path) -> None:
    write_record(RUNS[0], path)
    history = MemoryHistory([run_of("a")])
    assert refusal(path, history) == "memory: run a is there already with another content"


# ---- what is refused


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is not JSON: EOF while parsing a value"),
        (b"[]", "is no record of a run, which is an object"),
        (b'{"format": "csv"}', "is no record of a run: format_version is None, not 1"),
        (
            gzip.compress(b"{" * 10_000, mtime=0)[:-9],
            "cannot be read: Compressed file ended before the end-of-stream marker",
        ),
        (gzip.compress(b"{}", mtime=0)[:10] + b"\xff" * 40, "cannot be read: Error -3 while decompressing data"),
        (b"\x1f\x8b\x09" + b"x" * 40, "cannot be read: Unknown compression method"),
    ],
)
def test_a_file_that_is_neither(path: Path, data: bytes, reason: str) -> None:
    path.write_bytes(data)
    assert refusal(path).startswith(reason)


def test_a_file_that_is_not_there(path: Path) -> None:
    assert refusal(path) == "cannot be read: No such file or directory"
    assert refusal(path.parent) == "cannot be read: Is a directory"


def _renamed(line: bytes) -> bytes:
    return line.replace(b'"run_id":"b"', b'"run_id":"a"')


Change = Callable[[list[bytes]], Any]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda x: x.__setitem__(0, x[0].replace(b": 1", b": 2")), "line 1: format_version 2 is newer than this"),
        (lambda x: x.__setitem__(0, x[0].replace(b": 1", b": 0")), "line 1: is no export of a history: format_version"),
        (lambda x: x.__setitem__(2, b"{\n"), "line 3: is not JSON: EOF while parsing"),
        (lambda x: x.__setitem__(2, b"\n"), "line 3: is not JSON: EOF while parsing"),
        (lambda x: x.__setitem__(2, b"[1]\n"), "line 3: must be an object with one of: end, release, run"),
        (lambda x: x.__setitem__(2, b'{"runs": {}}\n'), "line 3: must be an object with one of: end, release, run"),
        (lambda x: x.__setitem__(2, b'{"run": 1}\n'), "line 3: is no record of a run, which is an object"),
        (lambda x: x.__setitem__(2, x[2].replace(b'n":1,', b'n":2,')), "line 3: format_version 2 is newer than this"),
        (lambda x: x.__setitem__(2, x[2].replace(b'"cores"', b'"coins"')), "line 3: is no record of a run: device."),
        (lambda x: x.__setitem__(2, _renamed(x[2])), "line 3: memory: run a is there already with another content"),
        (lambda x: x.__setitem__(4, x[4].replace(b"2026", b"none")), "line 5: release: promoted: must be"),
        (lambda x: x.__setitem__(4, x[4].replace(b'"a"', b'"z"')), "line 5: release of run 'z', which is not in"),
        (lambda x: x.insert(5, x[1]), "line 6: a run after the releases"),
        (lambda x: x.pop(), "line 6: is the last one, but no end of an export: the file was cut off"),
        (lambda x: x.__setitem__(-1, x[-1][:-4]), "line 7: is not JSON: EOF while parsing"),
        (lambda x: x.pop(1), "line 4: release of run 'a', which is not in the file"),
        (lambda x: x.pop(2), "line 6: counts 3 runs and 2 releases, but there are 2 and 2"),
        (lambda x: x.pop(4), "line 6: counts 3 runs and 2 releases, but there are 3 and 1"),
        (lambda x: x.insert(2, x[1]), "line 8: counts 3 runs and 2 releases, but there are 4 and 2"),
        (lambda x: x.__setitem__(-1, b'{"end": {"runs": 3}}\n'), "line 7: end: releases: is missing"),
        (lambda x: x.__setitem__(4, x[4].replace(b"v1", b"v2")), "line 7: the file was changed after it was written: "),
        (lambda x: x.__setitem__(1, x[1].replace(b"Tesla", b"Tesli")), "line 7: the file was changed after it was"),
        (lambda x: x.extend(x[:]), "line 7: is the end of an export, but the file goes on"),
    ],
)
def test_a_damaged_export_adds_nothing(path: Path, change: Change, reason: str) -> None:
    export(MemoryHistory(RUNS), path)
    history = MemoryHistory()
    history.extend(RUNS, RELEASES)
    export(history, path)
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    path.write_bytes(b"".join(lines))
    assert refusal(path).startswith(reason)


def test_an_export_whose_line_ends_became_others_is_the_same(history: History, path: Path) -> None:
    export(history, path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    copy = MemoryHistory()
    import_lines(copy, path)
    assert content(copy) == content(history)


def test_a_run_that_is_there_with_another_content_is_named_with_its_line(history: History, path: Path) -> None:
    other = MemoryHistory([run_of("new"), run_of("b")])
    export(other, path)
    text = refusal(path, history)
    assert text.startswith("line 3: store sqlite:")
    assert text.endswith(": run b is there already with another content")


def test_what_a_database_cannot_hold_is_named_with_its_line(new_database: Callable[[], str], path: Path) -> None:
    export(MemoryHistory([run_of("a"), run_of("b", commit=commit_of("b", "x\0y"))]), path)
    with open_store(new_database()) as store:
        assert refusal(path, store).startswith("line 3: store postgresql:")


def test_a_line_that_never_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(MemoryHistory([run_of("a")]), path)
    monkeypatch.setattr(transfer, "_LONGEST_LINE", 100)
    assert refusal(path) == "line 2: is longer than 100 bytes"
    path.write_bytes(b"x" * 101)
    assert refusal(path) == "is no export of a history, and too large to be the record of a run"
