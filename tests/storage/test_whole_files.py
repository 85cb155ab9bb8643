"""Real files; a full disk and a killed writer are real processes."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_opml.storage.whole_files import check_writable, written_whole
from tests.support.refusals import refusal

SPAWN = multiprocessing.get_context("spawn")
CONTENT = b"new" * 10_000  # more than the disk that is full has room for


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.json"


def write(path: Path) -> None:
    with written_whole(path) as file:
        file.write(CONTENT)


def test_nothing_else_is_left_beside_the_file_and_the_user_mask_holds(path: Path) -> None:
    path.write_text("old")
    before = os.umask(0o027)
    try:
        write(path)
    finally:
        os.umask(before)
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_bytes() == CONTENT


def test_the_longest_name_will_do(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250 + ".json")
    write(path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("call", [check_writable, write])
def test_a_missing_folder_is_made(tmp_path: Path, call: Callable[[Path], None]) -> None:
    call(tmp_path / "a" / "b" / "run.json")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("call", [check_writable, write])
def test_a_target_that_cannot_be_written(tmp_path: Path, call: Callable[[Path], None]) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    assert refusal(call, tmp_path) == "is a folder; give the path of a file"
    assert refusal(call, tmp_path / "pipe") == "is no regular file"
    assert refusal(call, tmp_path / "file" / "run.json") == "cannot be written: File exists"
    assert refusal(call, tmp_path / "file" / "sub" / "run.json") == "cannot be written: Not a directory"
    assert refusal(call, Path("/proc/nowhere/run.json")) == "cannot be written: No such file or directory"
    assert refusal(call, Path("/proc/run.json")) == "cannot be written: No such file or directory"
    assert refusal(call, tmp_path / ("n" * 300)) == "cannot be written: File name too long"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "pipe"]


def test_a_device_is_refused() -> None:
    assert refusal(check_writable, Path(os.devnull)) == "is no regular file"


def test_checking_leaves_no_trace(path: Path) -> None:
    check_writable(path)
    assert list(path.parent.iterdir()) == []
    path.write_text("old")
    check_writable(path)
    assert list(path.parent.iterdir()) == [path]
    assert path.read_text() == "old"


def _write_on_a_full_disk(path: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    sys.exit(0 if refusal(write, path) == "cannot be written: File too large" else 1)


def _killed_before_the_rename(path: Path) -> None:
    os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
    write(path)


@pytest.mark.parametrize(
    ("target", "exit_code", "left"),
    [(_write_on_a_full_disk, 0, []), (_killed_before_the_rename, -signal.SIGKILL, [".tmp"])],
)
def test_a_write_that_fails_leaves_the_old_file(
    path: Path, target: Callable[[Path], None], exit_code: int, left: list[str]
) -> None:
    path.write_text("old")
    process = SPAWN.Process(target=target, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == exit_code
    assert path.read_text() == "old"
    assert [entry.suffix for entry in path.parent.iterdir() if entry != path] == left
