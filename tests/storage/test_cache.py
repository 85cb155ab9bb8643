from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from pytest_opml.errors import StorageError
from pytest_opml.runner.cache_keys import key_of
from pytest_opml.storage.cache import Cache
from pytest_opml.storage.locks import release

KEY = key_of({"a": 1})


def build(folder: Path) -> None:
    (folder / "file").write_text("content")


def slow_build(folder: Path) -> None:
    with (folder.parent.parent / "builds").open("a") as log:
        log.write("built\n")
    time.sleep(0.3)
    build(folder)


def build_in_process(root: Path) -> None:
    Cache(root).entry("model", KEY, slow_build)


def start_to_build(folder: Path) -> None:
    (folder / "half").write_text("ha")
    os.kill(os.getpid(), signal.SIGKILL)


def die_while_building(root: Path) -> None:
    Cache(root).entry("model", KEY, start_to_build)


def must_not_build(folder: Path) -> None:
    raise AssertionError("it was there already")


def test_an_entry_is_built_once(tmp_path: Path) -> None:
    first = Cache(tmp_path).entry("model", KEY, build)
    again = Cache(tmp_path).entry("model", KEY, must_not_build)
    assert first == again
    assert (again / "file").read_text() == "content"


@pytest.mark.parametrize("damage", ["change", "truncate", "remove", "unreadable manifest"])
def test_a_damaged_entry_is_built_anew(tmp_path: Path, damage: str) -> None:
    folder = Cache(tmp_path).entry("model", KEY, build)
    if damage == "unreadable manifest":
        (folder / "manifest.json").write_text("{")
    elif damage == "remove":
        (folder / "file").unlink()
    else:
        (folder / "file").write_text("" if damage == "truncate" else "CONTENT")
    assert (Cache(tmp_path).entry("model", KEY, build) / "file").read_text() == "content"


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("ha")
        raise ValueError("the build's own error")

    with pytest.raises(ValueError, match="the build's own error"):
        Cache(tmp_path).entry("model", KEY, fail)
    assert not list((tmp_path / "entries").iterdir())
    assert not list((tmp_path / "building").iterdir())


def test_parallel_runs_build_an_entry_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=build_in_process, args=(tmp_path,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert (tmp_path / "builds").read_text() == "built\n"


def test_a_killed_build_is_no_entry_and_does_not_block_the_next(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=die_while_building, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert (Cache(tmp_path).entry("model", KEY, build) / "file").read_text() == "content"


def test_what_killed_builds_left_is_removed_after_a_day(tmp_path: Path) -> None:
    Cache(tmp_path)
    old, new = tmp_path / "building" / "old", tmp_path / "building" / "new"
    for folder in (old, new):
        folder.mkdir()
    yesterday = time.time() - 90_000
    os.utime(old, (yesterday, yesterday))
    Cache(tmp_path)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    with pytest.raises(StorageError, match=r"cache .*file/cache: cannot be written: .*--opml-cache-dir"):
        Cache(file / "cache")


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        with Path("/dev/full").open("w") as full:
            full.write("x")

    with pytest.raises(StorageError, match="No space left on device"):
        Cache(tmp_path).entry("model", KEY, fill)
    assert not list((tmp_path / "entries").iterdir())


def test_an_error_about_somebody_elses_file_stays_what_it_is(tmp_path: Path) -> None:
    def read(folder: Path) -> None:
        (tmp_path.parent / "no such file").read_text()

    with pytest.raises(FileNotFoundError):
        Cache(tmp_path / "cache").entry("model", KEY, read)


@pytest.mark.parametrize("way", ["find", "entry"])
def test_an_entry_that_is_used_is_marked_as_used(tmp_path: Path, way: str) -> None:
    content_list = Cache(tmp_path).entry("model", KEY, build) / "manifest.json"
    os.utime(content_list, (0, 0))
    if way == "find":
        Cache(tmp_path).find("model", KEY)
    else:
        Cache(tmp_path).entry("model", KEY, must_not_build)
    assert time.time() - content_list.stat().st_mtime < 3600


def test_an_entry_is_found_where_it_cannot_be_marked_or_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path)
    made = cache.entry("model", KEY, build)

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Read-only file system")

    release(tmp_path / "locks" / f"{made.name}.use")
    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr(os, "open", refuse)
    assert cache.find("model", KEY) == made


def test_looking_for_what_is_not_there_leaves_no_file(tmp_path: Path) -> None:
    assert Cache(tmp_path).find("model", KEY) is None
    assert list((tmp_path / "locks").iterdir()) == []
