from __future__ import annotations

import fcntl
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from pytest_opml.errors import DeviceBusy, StorageError
from pytest_opml.storage.device_lock import exclusive_device
from pytest_opml.storage.lock_folder import LockFolder, open_lock_folder
from tests.support.builders import make_device
from tests.support.processes import python_path

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
CPU, GPU = make_device("cpu"), make_device("v100")

_HOLD = """
import sys, time
from pytest_opml.storage.device_lock import exclusive_device
from tests.support.builders import make_device

with exclusive_device(make_device("cpu"), lambda text: print("waits", flush=True), 60):
    print("holds", flush=True)
    sys.stdin.readline()
"""


def names() -> list[str]:
    """What is in the folder of the locks."""
    with open_lock_folder() as folder:
        return folder.names()


def nobody_waits(_text: str) -> None:
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
        self.waits, self.holds, self.texts = Event(), Event(), list[str]()

    def run(self) -> None:
        with exclusive_device(CPU, self.hear, PATIENCE_S):
            self.holds.set()

    def hear(self, text: str) -> None:
        self.texts.append(text)
        self.waits.set()


# --- who waits for whom


def test_a_free_device_is_taken_at_once_and_given_back() -> None:
    for _ in range(2):
        with exclusive_device(CPU, nobody_waits, PATIENCE_S):
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
    with exclusive_device(CPU, nobody_waits, PATIENCE_S):
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
    with pytest.raises(ValueError, match="planted"), exclusive_device(CPU, nobody_waits, PATIENCE_S):
        raise ValueError("planted")
    with exclusive_device(CPU, nobody_waits, PATIENCE_S):
        pass


def test_different_devices_do_not_wait_for_one_another() -> None:
    with exclusive_device(CPU, nobody_waits, PATIENCE_S), exclusive_device(GPU, nobody_waits, PATIENCE_S):
        assert len([name for name in names() if name.endswith(".lock")]) == 2


def test_a_name_that_is_no_file_name_is_made_one() -> None:
    assert GPU.gpu
    odd = GPU.model_copy(update={"gpu": GPU.gpu.model_copy(update={"uuid": "GPU/../é 1"})})
    with exclusive_device(odd, nobody_waits, PATIENCE_S):
        assert names() == [f"GPU______1.{os.getpid()}.json", "GPU______1.lock"]
    assert names() == ["GPU______1.lock"]


def test_what_is_no_file_is_no_lock(temporary: Path) -> None:
    (temporary / "pytest-opml-locks" / "cpu.lock").mkdir(parents=True)
    with (
        pytest.raises(StorageError, match=r"cpu\.lock: is no file: have it removed by its owner, user ") as caught,
        exclusive_device(CPU, nobody_waits, PATIENCE_S),
    ):
        pass
    assert "\n" not in str(caught.value)


# --- what is said, how long, and in which order


def test_who_has_the_device_and_since_when_is_said(start_holder: Callable[[], subprocess.Popen[str]]) -> None:
    holder = start_holder()
    assert says(holder) == "holds"
    waiter = Waiter()
    waiter.start()
    assert waiter.waits.wait(PATIENCE_S)
    (text,) = waiter.texts
    assert re.fullmatch(
        rf"waiting for the device cpu: process {holder.pid} \(-c, in {re.escape(str(Path.cwd()))}\) has it since "
        r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d; at most 1 min \(--opml-wait\)",
        text,
    )
    answer(holder)
    assert waiter.holds.wait(PATIENCE_S)


@contextmanager
def held() -> Iterator[LockFolder]:
    """The CPU is another's, who says nothing of himself."""
    with open_lock_folder() as folder:
        lock = folder.open_lock("cpu.lock")
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
        os.close(lock)


@pytest.mark.parametrize("holder", [os.getpid(), 999_999_999], ids=["alive", "gone"])
@pytest.mark.parametrize("written", [None, "no JSON", '[1, "c"]', "\udc80"])
def test_a_holder_that_says_nothing_of_itself_is_another_process(written: str | None, holder: int) -> None:
    with held() as folder:
        if written:
            (folder.path / f"cpu.{holder}.json").write_text(written, errors="surrogateescape")
        with pytest.raises(DeviceBusy) as caught, exclusive_device(CPU, lambda _: None, 0.0):
            pass
    assert str(caught.value) == "the device cpu was not free within 0 s: another process has it"
    assert caught.value.kind == "device_busy"
    with exclusive_device(CPU, nobody_waits, 0.0):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_of_another_users_process_only_the_user_is_said() -> None:
    with held() as folder:
        written = folder.path / f"cpu.{os.getpid()}.json"
        written.write_text(json.dumps([os.getpid(), "secret", "/secret", 0.0]))
        os.chown(written, 4711, 4711)
        said = rf": process {os.getpid()} of user 4711 has it$"
        with pytest.raises(DeviceBusy, match=said), exclusive_device(CPU, lambda _: None, 0.0):
            pass


def test_those_who_wait_get_the_device_in_the_order_in_which_they_came(
    start_holder: Callable[[], subprocess.Popen[str]],
) -> None:
    processes = []
    for _ in range(5):
        processes.append(start_holder())
        assert says(processes[-1]) == ("waits" if processes[1:] else "holds")
    processes.pop(2).kill()  # its place in the queue is gone with it
    for process, following in itertools.pairwise(processes):
        answer(process)
        assert process.wait(PATIENCE_S) == 0
        assert says(following) == "holds"
    assert not [name for name in names() if name.startswith("cpu.queue")]
