from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from pytest_opml.storage import input_file
from pytest_opml.storage.input_file import read_input


def test_a_file_and_what_comes_through_a_pipe_are_read(tmp_path: Path) -> None:
    file, pipe = tmp_path / "file", tmp_path / "pipe"
    file.write_bytes(bytes(2**21))
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(bytes(2**21),))
    writer.start()
    assert read_input(file, 2**21) == read_input(pipe, 2**21) == bytes(2**21)
    writer.join()


def test_a_pipe_that_is_opened_later_is_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Timer(0.2, pipe.write_bytes, (b"late",))
    writer.start()
    assert read_input(pipe, 10) == b"late"
    writer.join()


def test_a_pipe_through_which_nothing_comes_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_file, "PATIENCE_S", 0.2)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TimeoutError, match="nothing came from it"):
        read_input(tmp_path / "pipe", 10)
    nobody_writes = os.open(tmp_path / "pipe", os.O_RDWR)
    with pytest.raises(TimeoutError, match="nothing came from it"):
        read_input(tmp_path / "pipe", 10)
    os.close(nobody_writes)


def test_what_has_no_end_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="it is a device, no file"):
        read_input(tmp_path / "link", 10)
    with pytest.raises(IsADirectoryError):
        read_input(tmp_path, 10)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "socket"))
    with pytest.raises(OSError, match="it is a socket, no file"):
        read_input(tmp_path / "socket", 10)
    server.close()


def test_more_than_such_a_file_has_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "blanks").open("wb") as file:
        file.truncate(3_000_000_000)
    with pytest.raises(OSError, match="it has more than 1 MB"):
        read_input(tmp_path / "blanks", 1_000_000)
