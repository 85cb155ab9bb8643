from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import stat
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from pytest_opml import progress
from pytest_opml.errors import StorageError
from pytest_opml.progress import Progress, listen
from pytest_opml.runner.cache_keys import key_of
from pytest_opml.storage.cache import Cache
from pytest_opml.storage.locks import release

KEY = key_of({"a": 1})


def build(folder: Path) -> None:
    (folder / "file").write_text("content")


def slow_build(folder: Path) -> None:
    with (folder.parents[2] / "builds").open("a") as log:
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


def test_what_is_being_built_stays(tmp_path: Path) -> None:
    def check(folder: Path) -> None:
        Cache(tmp_path)
        build(folder)

    assert (Cache(tmp_path).entry("model", KEY, check) / "file").exists()


def replaced_by_a_link(path: Path) -> None:
    target = path.rename(path.with_name("elsewhere"))
    path.symlink_to(target)


def replaced_by_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replaced_by_a_folder(path: Path) -> None:
    path.unlink()
    (path / "in it").mkdir(parents=True)
    (path / "in it").chmod(0)


def given_away(path: Path) -> None:
    os.chown(path, 4711, 4711)


def a_hole(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(20_000_000)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "missing": Path.unlink,
    "other text": lambda path: path.write_text("CONTENT"),
    "a list": lambda path: path.write_text('["file"]'),
    "numbers": lambda path: path.write_text('{"file": 3}'),
    "wrong digest": lambda path: path.write_text('{"file": "00"}'),
    "nothing in it": lambda path: path.write_text("{}"),
    "a path out of it": lambda path: path.write_text('{"../../../../../../../../dev/zero": "00"}'),
    "deep": lambda path: path.write_text("[" * 200_000),
    "no UTF-8": lambda path: path.write_bytes(b"\xff\xfe{"),
    "folder": replaced_by_a_folder,
    "link": replaced_by_a_link,
    "pipe": replaced_by_a_pipe,
    "mode 000": lambda path: path.chmod(0),
    "writable by all": lambda path: path.chmod(0o666),
    "another user's": given_away,
    "huge": a_hole,
}


@pytest.mark.parametrize("name", ["manifest.json", "file", "unlisted", "."])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_built_anew(tmp_path: Path, damage: str, name: str) -> None:
    is_folder, is_privileged = name == ".", os.geteuid() == 0
    if is_folder and damage not in ("missing", "link", "mode 000", "writable by all", "another user's"):
        pytest.skip("of files only")
    if (damage == "another user's" and not is_privileged) or (damage == "mode 000" and is_privileged):
        pytest.skip("root alone can give a file away, and may read all")
    if name == "unlisted" and damage in ("missing", "folder"):
        pytest.skip("a folder without files is as good as none")
    folder = Cache(tmp_path).entry("model", KEY, build)
    path = folder if is_folder else folder / name
    if name == "unlisted":
        path.touch()
    if is_folder and damage == "missing":
        shutil.rmtree(path)
    else:
        DAMAGES[damage](path)
    assert Cache(tmp_path).find("model", KEY) is None
    rebuilt = Cache(tmp_path).entry("model", KEY, build)
    assert (rebuilt / "file").read_text() == "content"
    assert not rebuilt.is_symlink()
    assert {path.name for path in rebuilt.iterdir()} == {"file", "manifest.json"}
    assert Cache(tmp_path).find("model", KEY) == rebuilt


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
@pytest.mark.parametrize("name", [".", "entries", "locks"])
def test_the_cache_of_another_user_is_refused(tmp_path: Path, name: str) -> None:
    Cache(tmp_path)
    os.chown(tmp_path / name, 4711, 4711)
    with pytest.raises(
        StorageError, match=r"^cache \S+: belongs to user 4711, and this is user root .0.; what others "
    ):
        Cache(tmp_path)


def test_a_cache_that_others_may_write_to_is_closed_to_them(tmp_path: Path) -> None:
    Cache(tmp_path)
    for folder in (tmp_path, tmp_path / "entries"):
        folder.chmod(0o777)
    Cache(tmp_path)
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (tmp_path, tmp_path / "entries")] == [0o755] * 2


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


def build_until(root: Path, begun: Event, enough: Event) -> None:
    def wait(folder: Path) -> None:
        build(folder)
        begun.set()
        enough.wait()

    Cache(root).entry("model", KEY, wait)


@pytest.mark.parametrize("end", ["finished", "killed"])
def test_who_waits_for_another_to_build_says_so_and_builds_where_that_one_is_killed(
    tmp_path: Path, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_listeners", [])
    context, said, built = multiprocessing.get_context("spawn"), list[Progress](), list[Path]()
    begun, enough = context.Event(), context.Event()
    process = context.Process(target=build_until, args=(tmp_path, begun, enough))
    process.start()
    assert begun.wait(60)

    def heard(progress: Progress) -> None:
        said.append(progress)
        enough.set() if end == "finished" else process.kill()

    listen(heard)
    Cache(tmp_path).entry("model", KEY, lambda folder: (built.append(folder), build(folder))[1])
    process.join()
    assert said == [Progress("waiting for another run, which builds the same model", is_waiting=True)]
    assert len(built) == (1 if end == "killed" else 0)
    Cache(tmp_path)
    assert not list((tmp_path / "building").iterdir())


def test_a_killed_build_is_no_entry_and_does_not_block_the_next(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=die_while_building, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert list((tmp_path / "building").iterdir())
    Cache(tmp_path)
    assert not list((tmp_path / "building").iterdir())
    assert (Cache(tmp_path).entry("model", KEY, build) / "file").read_text() == "content"


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

    def open_for_reading(path: Path, flags: int, *mode: int) -> int:
        return refuse() if flags & os.O_CREAT else opened(path, flags)  # type: ignore[func-returns-value]

    release(tmp_path / "locks" / f"{made.name}.use")
    opened = os.open
    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr(os, "open", open_for_reading)
    assert cache.find("model", KEY) == made


def test_looking_for_what_is_not_there_leaves_no_file(tmp_path: Path) -> None:
    assert Cache(tmp_path).find("model", KEY) is None
    assert list((tmp_path / "locks").iterdir()) == []
