"""Workers that misbehave: whatever a task does, it costs its case and no other, within the limits, and leaves nothing.

Right is the kind of failure that is expected, in one line, within its time, with a log and a message of bounded length,
and no process of the task's left.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from pytest_opml.progress import report_progress
from pytest_opml.runner.launchers.base import ProcessLimits, WorkerFailed
from pytest_opml.runner.launchers.process import ProcessLauncher, start_server
from tests.attack.tally import WRONG, Outcome, Tally

_SECONDS, _MEMORY = 2.0, 4e8
_LONGEST_S, _LONGEST_MESSAGE, _LONGEST_LOG = 25.0, 5_000, 20_000


class Evil:
    """Would make a folder where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (os.environ["OPML_CANARY"],)


def _pipe() -> int:
    """The task's end of the pipe for its answer: of its descriptors, the only pipe besides its output."""
    for number in range(3, 200):
        try:
            target = str(Path(f"/proc/self/fd/{number}").readlink())
        except OSError:
            continue
        if target.startswith("pipe:") and os.access(f"/proc/self/fd/{number}", os.W_OK):
            try:
                os.write(number, b"")
            except OSError:
                continue
            return number
    raise RuntimeError("no pipe")


def _write(content: bytes) -> None:
    pipe, written = _pipe(), 0
    while written < len(content):
        written += os.write(pipe, content[written:])


def _message(content: bytes) -> bytes:
    return struct.pack("!i", len(content)) + content


def _wait() -> None:
    time.sleep(3600)


def _sleeper() -> list[str]:
    return [sys.executable, "-c", "import time; time.sleep(3600)"]


def closes_its_pipe_and_waits() -> None:
    os.close(_pipe())
    _wait()


def closes_everything_and_waits() -> None:
    os.closerange(0, 200)
    _wait()


def sends_half_a_message_and_waits() -> None:
    _write(struct.pack("!i", 1000) + b"abc")
    _wait()


def sends_half_a_message_and_ends() -> None:
    _write(struct.pack("!i", 1000) + b"abc")
    os._exit(0)


def announces_two_gigabytes() -> None:
    _write(struct.pack("!i", -1) + struct.pack("!Q", 2**31))
    _wait()


def announces_all_there_is() -> None:
    _write(struct.pack("!i", -1) + struct.pack("!Q", 2**63))
    _wait()


def sends_rubbish() -> None:
    _write(_message(os.urandom(1000)))
    _wait()


def sends_rubbish_without_a_frame() -> None:
    _write(b"\x00\x00\x00\x05hello\xff\xff" + os.urandom(5000))
    _wait()


def sends_an_empty_message() -> None:
    _write(_message(b""))
    _wait()


def sends_a_pickle_that_runs_code() -> None:
    _write(_message(b"a" + pickle.dumps(("done", Evil()))))
    _wait()


def sends_progress_that_runs_code() -> None:
    _write(_message(b"p" + pickle.dumps(Evil())))
    _wait()


def sends_an_answer_of_another_kind() -> None:
    _write(_message(b"a" + pickle.dumps(("passed", 1))))
    _wait()


def sends_no_pair() -> None:
    _write(_message(b"a" + pickle.dumps(7)))
    _wait()


def floods_with_progress() -> None:
    for number in range(10**9):
        report_progress(f"{number} " + "x" * 1000)


def floods_the_pipe() -> None:
    while True:
        _write(_message(b"p" + b"x" * 100_000))


def ends_at_once() -> None:
    os._exit(0)


def leaves_by_an_exception() -> None:
    raise SystemExit(7)


def stops_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def ignores_all_signals() -> None:
    for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    _wait()


def becomes_another_program() -> None:
    os.execv("/bin/sleep", ["sleep", "3600"])


def kills_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def aborts() -> None:
    os.abort()


def kills_its_watchdog() -> None:
    subprocess.Popen(_sleeper())
    os.kill(os.getppid(), signal.SIGKILL)
    _wait()


def stops_its_watchdog() -> None:
    os.kill(os.getppid(), signal.SIGSTOP)
    _wait()


def starts_processes_and_answers() -> int:
    for _ in range(4):
        subprocess.Popen(_sleeper())
    return 1


def starts_a_daemon_and_answers() -> int:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 200)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            _wait()
        os._exit(0)
    return 1


def leaves_its_pipe_to_a_child_and_ends() -> None:
    if os.fork() == 0:
        _wait()
    os._exit(0)


def forks_without_end() -> None:
    while True:
        try:
            if os.fork() == 0:
                _wait()
        except OSError:
            time.sleep(0.01)
        time.sleep(0.02)


def takes_all_memory() -> None:
    blocks = []
    while True:
        blocks.append(bytearray(os.urandom(1 << 20)) * 16)


def has_a_child_take_all_memory() -> None:
    subprocess.run([sys.executable, "-c", "b=[]\nwhile True: b.append(bytearray(b'x'*(1<<24)))"], check=False)
    _wait()


def prints_without_a_line_end() -> None:
    block = b"x" * (1 << 20)
    for _ in range(1100):
        os.write(1, block)
    raise ValueError("printed")


def prints_lines_without_end() -> None:
    while True:
        print("line " * 1000)


def prints_what_a_terminal_obeys() -> None:
    print("\x1b]0;title\x07\x1b[2J::error::hello\r\nmore\x00\x9b31m")
    raise ValueError("\x1b[31mred\n::error::text")


def raises_a_long_error() -> None:
    raise ValueError("x" * 10**8)


def raises_what_cannot_be_said() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    raise MuteError


def answers_with_what_cannot_be_sent() -> Any:
    return threading.Lock()


def answers_with_too_much() -> bytes:
    return bytes(3 * 10**8)


def leaves_a_thread_that_never_ends() -> int:
    threading.Thread(target=_wait).start()
    return 1


def answers_twice() -> int:
    Connection(os.dup(_pipe())).send_bytes(b"a" + pickle.dumps(("done", 1)))
    return 2


def prints_after_its_answer() -> int:
    threading.Thread(target=prints_lines_without_end, daemon=True).start()
    return 1


def uses_up_its_descriptors() -> None:
    descriptors = []
    while True:
        descriptors.append(os.open("/dev/null", os.O_RDONLY))


def removes_its_temporary_folder() -> int:
    subprocess.run(["rm", "-rf", os.environ["TMPDIR"]], check=True)
    return 1


def works_where_there_is_no_folder() -> int:
    folder = Path(os.environ["TMPDIR"]) / "gone"
    folder.mkdir()
    os.chdir(folder)
    folder.rmdir()
    return 1


def recurses_without_end() -> None:
    sys.setrecursionlimit(10**9)

    def call() -> None:
        call()

    call()


# What each is to come to; several where it depends on who is first.
WAYS: dict[Callable[[], Any], tuple[str, ...]] = {
    closes_its_pipe_and_waits: ("crash", "timeout"),
    closes_everything_and_waits: ("crash", "timeout"),
    sends_half_a_message_and_waits: ("timeout",),
    sends_half_a_message_and_ends: ("crash",),
    announces_two_gigabytes: ("crash",),
    announces_all_there_is: ("crash",),
    sends_rubbish: ("crash",),
    sends_rubbish_without_a_frame: ("crash",),
    sends_an_empty_message: ("crash",),
    sends_a_pickle_that_runs_code: ("crash",),
    sends_progress_that_runs_code: ("timeout",),
    sends_an_answer_of_another_kind: ("crash",),
    sends_no_pair: ("crash",),
    floods_with_progress: ("timeout",),
    floods_the_pipe: ("timeout",),
    ends_at_once: ("crash",),
    leaves_by_an_exception: ("crash",),
    stops_itself: ("timeout",),
    ignores_all_signals: ("timeout",),
    becomes_another_program: ("crash", "timeout"),
    kills_itself: ("killed",),
    aborts: ("crash",),
    kills_its_watchdog: ("killed",),
    stops_its_watchdog: ("timeout",),
    starts_processes_and_answers: ("done",),
    starts_a_daemon_and_answers: ("done",),
    leaves_its_pipe_to_a_child_and_ends: ("crash",),
    forks_without_end: ("timeout", "out_of_memory"),
    takes_all_memory: ("out_of_memory",),
    has_a_child_take_all_memory: ("out_of_memory",),
    prints_without_a_line_end: ("error", "timeout"),
    prints_lines_without_end: ("timeout",),
    prints_what_a_terminal_obeys: ("error",),
    raises_a_long_error: ("error",),
    raises_what_cannot_be_said: ("error",),
    answers_with_what_cannot_be_sent: ("error",),
    answers_with_too_much: ("crash", "out_of_memory"),
    leaves_a_thread_that_never_ends: ("done",),
    answers_twice: ("done",),
    prints_after_its_answer: ("done",),
    uses_up_its_descriptors: ("error",),
    removes_its_temporary_folder: ("done",),
    works_where_there_is_no_folder: ("done",),
    recurses_without_end: ("crash", "error", "timeout", "out_of_memory"),
}
TRIES, SAMPLE = 2 * len(WAYS), 6
_CHEAP = (
    sends_a_pickle_that_runs_code,
    sends_half_a_message_and_ends,
    starts_a_daemon_and_answers,
    leaves_its_pipe_to_a_child_and_ends,
    announces_two_gigabytes,
    kills_its_watchdog,
)


def attack(tries: int, seed: int) -> list[Tally]:
    """Let tasks misbehave, one after the other; a few tries are those that take no time."""
    start_server(needs_tensorflow=False)
    ways = list(WAYS) if tries > SAMPLE else list(_CHEAP)
    outcomes = [_tried(ways[(seed + number) % len(ways)], number) for number in range(tries)]
    return [Tally.of("workers", f"{len(ways)} ways of a worker to misbehave", outcomes)]


def _tried(way: Callable[[], Any], number: int) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="opml-attack-") as folder:
        return _tried_in(way, f"{way.__name__} ({number})", Path(folder))


def _tried_in(way: Callable[[], Any], name: str, folder: Path) -> Outcome:
    began = time.monotonic()
    try:
        ProcessLauncher(None).run(_inside, (way, str(folder)), ProcessLimits(_SECONDS, _MEMORY))
        kind, text, log = "done", "", ""
    except WorkerFailed as error:
        kind, text, log = error.kind, str(error), error.log_tail
    except Exception as error:  # noqa: BLE001 - which is what is looked for
        kind, text, log = "raw error", repr(error), ""
    took = time.monotonic() - began
    left = [process.pid for process in psutil.process_iter() if _is_in(process, folder)]
    complaints = [
        f"came to {kind}" if kind not in WAYS[way] else "",
        f"took {took:.0f} s" if took > _LONGEST_S else "",
        f"left {len(left)} processes" if left else "",
        "ran code in the session" if (folder / "canary").exists() else "",
        "more than a line, or one that does not show" if not text.isprintable() else "",
        "a message or log too long" if len(text) > _LONGEST_MESSAGE or len(log) > _LONGEST_LOG else "",
        "a log that does not only show" if not log.replace("\n", "").isprintable() else "",
    ]
    if any(complaints):
        return Outcome(name, WRONG, f"{'; '.join(filter(None, complaints))}: {text[:200]}")
    return Outcome(name, "went on" if kind == "done" else f"{kind.replace('_', ' ')}, one line", text)


def _inside(way: Callable[[], Any], folder: str) -> Any:
    """In the task: misbehave, in a folder by which all that it starts is known."""
    os.chdir(folder)
    os.environ["OPML_CANARY"] = f"{folder}/canary"
    return way()


def _is_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()).name == folder.name and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False
