from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from pytest_opml.errors import StorageError
from pytest_opml.storage.locks import exclusive_device, runtime_folder
from tests.support.builders import make_device
from tests.support.processes import python_path

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
CPU, GPU = make_device("cpu"), make_device("v100")

_HOLD = """
import sys, time
from pytest_opml.storage.locks import exclusive_device
from tests.support.builders import make_device

with exclusive_device(make_device("cpu"), lambda: print("waits", flush=True)):
    print("holds", flush=True)
    sys.stdin.readline()
"""


def nobody_waits() -> None:
    raise AssertionError("the device is free")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Locks of this test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@pytest.fixture
def start_holder(temporary: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts processes that hold the CPU until they read a line."""
    started = []

    def start() -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": python_path()}
        command = [sys.executable, "-c", _HOLD]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def says(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def answer(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


class Waiter(Thread):
    """Takes the CPU in a thread, with a lock of its own; tells when it has to wait and when it has it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.waits, self.holds = Event(), Event()

    def run(self) -> None:
        with exclusive_device(CPU, self.waits.set):
            self.holds.set()


# --- who waits for whom


def test_a_free_device_is_taken_at_once_and_given_back() -> None:
    for _ in range(2):
        with exclusive_device(CPU, nobody_waits):
            pass


def test_a_second_process_waits_for_the_first(start_holder: Callable[[], subprocess.Popen[str]]) -> None:
    first = start_holder()
    assert says(first) == "holds"
    second = start_holder()
    assert says(second) == "waits"
    answer(first)
    assert first.wait(PATIENCE_S) == 0
    assert says(second) == "holds"
    answer(second)
    assert second.wait(PATIENCE_S) == 0
    with exclusive_device(CPU, nobody_waits):
        pass


def test_a_holder_that_is_killed_holds_nobody_up(start_holder: Callable[[], subprocess.Popen[str]]) -> None:
    holder = start_holder()
    assert says(holder) == "holds"
    waiter = Waiter()
    waiter.start()
    assert waiter.waits.wait(PATIENCE_S)
    assert not waiter.holds.is_set()
    holder.send_signal(signal.SIGKILL)
    assert waiter.holds.wait(PATIENCE_S)


def test_an_error_inside_gives_the_device_back() -> None:
    with pytest.raises(ValueError, match="planted"), exclusive_device(CPU, nobody_waits):
        raise ValueError("planted")
    with exclusive_device(CPU, nobody_waits):
        pass


def test_different_devices_do_not_wait_for_one_another() -> None:
    with exclusive_device(CPU, nobody_waits), exclusive_device(GPU, nobody_waits):
        assert len(list(runtime_folder().glob("*.lock"))) == 2


def test_a_name_that_is_no_file_name_is_made_one() -> None:
    assert GPU.gpu
    odd = GPU.model_copy(update={"gpu": GPU.gpu.model_copy(update={"uuid": "GPU/../é 1"})})
    with exclusive_device(odd, nobody_waits):
        assert [path.name for path in runtime_folder().iterdir()] == ["GPU______1.lock"]


# --- the folder


def test_the_folder_is_the_users_own(temporary: Path) -> None:
    folder = runtime_folder()
    assert folder.parent == temporary
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert runtime_folder() == folder


def test_a_folder_that_cannot_be_made_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/none")
    with pytest.raises(StorageError, match=r"^/proc/none/pytest-opml-\S+: cannot be made: .*; set TMPDIR to another "):
        runtime_folder()


def test_a_file_in_its_place_is_one_line() -> None:
    folder = runtime_folder()
    folder.rmdir()
    folder.touch()
    with pytest.raises(StorageError, match=r"^\S+: cannot be made: File exists; set TMPDIR to another folder$"):
        runtime_folder()


def test_no_temporary_folder_at_all_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/none"])
    with pytest.raises(StorageError, match=r"^no folder for temporary files: .*/proc/none.*; set TMPDIR to ") as caught:
        runtime_folder()
    assert "\n" not in str(caught.value)


def test_a_lock_that_cannot_be_made_is_one_line() -> None:
    (runtime_folder() / "cpu.lock").mkdir()
    with (
        pytest.raises(StorageError, match=r"cpu\.lock: cannot be locked: ") as caught,
        exclusive_device(CPU, nobody_waits),
    ):
        pass
    assert "\n" not in str(caught.value)
