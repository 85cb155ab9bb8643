"""Tasks that do to their process and its pipes what no task should; each is told a folder of its own."""

from __future__ import annotations

import ctypes
import inspect
import os
import pickle
import resource
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from pytest_opml.progress import Progress, report_progress

MARKER = "OPML_MISBEHAVIOUR"


def pipe() -> int:
    """The descriptor that the task's answer goes through."""
    frame = inspect.currentframe()
    while frame and frame.f_code.co_name != "run_child":
        frame = frame.f_back
    assert frame
    return int(frame.f_locals["answer"])


def _hang() -> None:
    while True:
        time.sleep(3600)


def _send(letter: bytes, content: bytes, size: int | None = None) -> None:
    os.write(pipe(), struct.pack("!cQ", letter, len(content) if size is None else size) + content)


# --- the pipe


def close_the_pipe(folder: Path) -> None:
    os.close(pipe())
    _hang()


def close_everything(folder: Path) -> None:
    os.closerange(0, 4096)
    _hang()


def half_a_header(folder: Path) -> None:
    os.write(pipe(), b"A\0\0")
    _hang()


def half_a_message(folder: Path) -> None:
    _send(b"A", b"half of it", 1000)
    os._exit(0)


def half_a_message_and_hang(folder: Path) -> None:
    _send(b"A", b"half of it", 1000)
    _hang()


def announce_two_gigabytes(folder: Path) -> None:
    _send(b"A", b"", 2**31)
    _hang()


def announce_all_that_a_header_can(folder: Path) -> None:
    _send(b"A", b"", 2**64 - 1)
    _hang()


def send_garbage(folder: Path) -> None:
    os.write(pipe(), np.random.default_rng(0).bytes(4000))
    _hang()


def speak_for_the_keeper(folder: Path) -> None:
    _send(b"E", b'{"kind": "", "message": "", "log": ""}')
    _hang()


def send_no_pickle(folder: Path) -> None:
    _send(b"A", b"this is no pickle")
    _hang()


def send_half_a_pickle(folder: Path) -> None:
    _send(b"A", pickle.dumps(("done", list(range(1000))))[:-50])
    _hang()


class _Runs:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder / "code ran"),)


def send_code(folder: Path) -> None:
    _send(b"A", pickle.dumps(("done", _Runs(folder))))
    _hang()


def return_code(folder: Path) -> Any:
    return _Runs(folder)


def send_code_by_a_dotted_name(folder: Path) -> None:
    name = b"os.mkdir"
    path = os.fsencode(folder / "code ran")
    opcodes = b"\x8c\x1fpytest_opml.storage.work_folder\x8c" + bytes([len(name)]) + name + b"\x93\x8c"
    _send(b"A", b"\x80\x04\x8c\x04done" + opcodes + bytes([len(path)]) + path + b"\x85R\x86.")
    _hang()


def change_a_class(folder: Path) -> None:
    module, name = b"pytest_opml.progress", b"Progress"
    opcodes = b"c" + module + b"\n" + name + b"\nN}\x8c\x06_fieldK\x01s\x86b"
    _send(b"A", b"\x80\x04\x8c\x04done" + opcodes + b"\x86.")
    _hang()


def an_outcome_that_there_is_not(folder: Path) -> None:
    _send(b"A", pickle.dumps(("splendid", 1)))
    _hang()


def a_failure_without_a_text(folder: Path) -> None:
    _send(b"A", pickle.dumps(("error", 5)))
    _hang()


def another_type(folder: Path) -> int:
    return "a text"  # type: ignore[return-value]


def answer_twice(folder: Path) -> int:
    _send(b"A", pickle.dumps(("done", 1)))
    _send(b"A", pickle.dumps(("done", 2)))
    return 3


def print_after_the_answer(folder: Path) -> int:
    _send(b"A", pickle.dumps(("done", 1)))
    while True:
        print("more" * 1000)


def return_what_cannot_be_sent(folder: Path) -> Any:
    return threading.Lock()


def return_too_much(folder: Path) -> Any:
    return bytes(300_000_000)


def return_itself(folder: Path) -> Any:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    return nested


# --- progress and output


def flood_of_progress(folder: Path) -> int:
    for number in range(200_000):
        _send(b"P", pickle.dumps(Progress(f"stage {number}")))
    return 1


def huge_progress(folder: Path) -> int:
    report_progress("x" * 100_000_000)
    return 1


def progress_that_is_none(folder: Path) -> int:
    _send(b"P", pickle.dumps((1, 2, 3)))
    _send(b"P", b"no pickle")
    _send(b"P", pickle.dumps(_Runs(folder)))
    return 1


def endless_line(folder: Path) -> None:
    piece = b"x" * 1_000_000
    for _ in range(1100):
        os.write(1, piece)
    raise ValueError("after 1.1 GB")


def endless_lines(folder: Path) -> None:
    lines = b"a line\n" * 100_000
    for _ in range(300):
        os.write(2, lines)
    raise ValueError("after many lines")


def long_error(folder: Path) -> None:
    raise ValueError("x" * 100_000_000)


def print_and_crash(folder: Path) -> None:
    print("y" * 3_000_000)
    ctypes.string_at(0)


def abort(folder: Path) -> None:
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


# --- its process


def stop_itself(folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def stop_its_keeper(folder: Path) -> None:
    os.kill(os.getppid(), signal.SIGSTOP)
    _hang()


def kill_its_keeper(folder: Path) -> None:
    spawn(folder)
    os.kill(os.getppid(), signal.SIGKILL)
    _hang()


def block_all_signals(folder: Path) -> None:
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    _hang()


def leave_quietly(folder: Path) -> None:
    os._exit(0)


def leave_politely(folder: Path) -> None:
    sys.exit(0)


def be_interrupted(folder: Path) -> None:
    raise KeyboardInterrupt


def become_another_program(folder: Path) -> None:
    os.execv("/bin/sleep", ["sleep", "3600"])


def threads_without_end(folder: Path) -> int:
    for _ in range(20):
        threading.Thread(target=_hang).start()
    return 1


def delete_its_folder(folder: Path) -> int:
    import shutil
    import tempfile

    shutil.rmtree(tempfile.gettempdir())
    return 1


def change_its_folder(folder: Path) -> int:
    os.chdir("/")
    return 1


def exhaust_descriptors(folder: Path) -> int:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    while True:
        os.dup(0)


# --- processes


def spawn(folder: Path) -> None:
    subprocess.Popen(["sleep", "3600"], env=os.environ | {MARKER: str(folder)})


def leave_a_process(folder: Path) -> int:
    spawn(folder)
    return 1


def leave_a_child_that_holds_the_pipe(folder: Path) -> None:
    if os.fork() == 0:
        _hang()
    os._exit(0)


def leave_a_daemon(folder: Path) -> int:
    for _ in range(8):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                    signal.signal(number, signal.SIG_IGN)
                os.execve("/bin/sleep", ["sleep", "3600"], os.environ | {MARKER: str(folder)})
            os._exit(0)
    time.sleep(0.2)
    return 1


def leave_processes_and_hang(folder: Path) -> None:
    leave_a_daemon(folder)
    _hang()


def fork_on_and_on(folder: Path) -> int:
    """A chain of processes, each of which starts the next and ends: nobody who looks sees the same twice."""
    if os.fork() == 0:
        os.setsid()
        os.environ[MARKER] = str(folder)
        for _ in range(20_000):
            if os.fork():
                os._exit(0)
        _hang()
    time.sleep(0.3)
    return 1


def many_processes(folder: Path) -> int:
    for _ in range(200):
        if os.fork() == 0:
            _hang()
    return 1


# --- memory


def hog(folder: Path) -> None:
    held = []
    while True:
        held.append(np.ones(5_000_000))


def hog_in_children(folder: Path) -> None:
    for _ in range(8):
        if os.fork() == 0:
            held = np.ones(40_000_000)
            while held is not None:
                time.sleep(3600)
    _hang()


def hog_after_closing_the_pipe(folder: Path) -> None:
    os.close(pipe())
    hog(folder)
