"""The process between a session and a task, which holds the task to its limits whatever that does.

The watchdog waits for nothing but the next of its looks: at the clock, at the memory of the task and of all that the
task started, at what the task prints and answers, and at the session. What the task sends is taken in pieces, as it
comes, and never more than a bounded part of it is stored; so a task that closes its pipe, sends half a message or
rubbish, or prints without an end holds nobody up and fills nothing.

On Linux the watchdog is the subreaper of all that the task starts: a process that its parent leaves becomes the
watchdog's child, wherever it went. The watchdog ends when none of them is left. Elsewhere it ends the task itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from ...measure.memory import resident_bytes
from .base import ProcessLimits

LOOK_SECONDS = 0.1
MARKER = "OPML_TASK"
# Between two looks for processes that the task has started, and for an end of a task that has closed its pipe.
_TREE_SECONDS, _PATIENCE_SECONDS = 1.0, 5.0
# Of what a task prints; and the longest answer: that of a case is a hundredth of it.
LOG_BYTES, LONGEST_ANSWER = 64_000, 2**28
_PIECE, _MOST_IN_A_PIPE = 1 << 16, 1 << 20
_SET_SUBREAPER, _SET_DEATH_SIGNAL = 36, 1  # of prctl(2)


class Outcome(NamedTuple):
    """What came of a task.

    Attributes:
        kind: ``answer``, or the kind of a failure.
        content: the task's own message, still pickled; of a failure, what happened in a line.
    """

    kind: str
    content: bytes | str


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


class _Messages:
    """The messages of ``Connection.send``, out of the bytes that have come so far."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self.too_long = 0

    def add(self, piece: bytes) -> Iterator[bytes]:
        """Take bytes in; yield each message that they complete."""
        self._pending += piece
        while len(self._pending) >= 4 and not self.too_long:
            (size,) = struct.unpack_from("!i", self._pending)
            start = 4
            if size < 0:
                if len(self._pending) < 12:
                    return
                (size,) = struct.unpack_from("!Q", self._pending, 4)
                start = 12
            if size > LONGEST_ANSWER:
                self.too_long = size
                return
            if len(self._pending) < start + size:
                return
            yield bytes(self._pending[start : start + size])
            del self._pending[: start + size]


class _Log:
    """The end of what a task prints."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._bytes = 0

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._bytes += len(piece)
        while self._bytes - len(self._pieces[0]) >= LOG_BYTES:
            self._bytes -= len(self._pieces.popleft())

    @property
    def content(self) -> bytes:
        return b"".join(self._pieces)[-LOG_BYTES:]


def run_watched(
    start: Callable[[Connection], Any], limits: ProcessLimits, answer: Connection, session: Connection, marker: str
) -> None:
    """Run a task in a process of its own, tell the session what came of it, and leave nothing of it running.

    Args:
        start: does the work of the task in its process, and sends progress and answer through what it is given.
        limits: of the task; the clock starts here.
        answer: the watchdog's end of the pipe to the session, which gets ``("progress", message, b"")``, and in the end
            the fields of an ``Outcome`` and the end of what was printed.
        session: the watchdog's end of a pipe that closes when the session ends.
        marker: is in the environment of the task and of all that it starts.
    """
    with contextlib.suppress(OSError):
        os.setsid()  # what a terminal or a CI service sends to the group of the session is the session's part
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _prctl(_SET_SUBREAPER, 1)
    os.environ[MARKER] = marker
    task = _Task(start, answer, session)
    outcome = _watch(task, limits, answer, session)
    end_children(task.pid)
    if outcome is None:
        os._exit(1)  # nobody is there to be told
    with contextlib.suppress(OSError):
        answer.send((*outcome, task.whole_log()))
        answer.close()


class _Task:
    """The process of a task, and the ends of its pipes that are here."""

    def __init__(self, start: Callable[[Connection], Any], answer: Connection, session: Connection) -> None:
        receive, send = os.pipe()
        read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
            for descriptor in (receive, read):
                os.close(descriptor)
            answer.close()
            session.close()
            os.dup2(write, 1)
            os.dup2(write, 2)
            os.close(write)
            code = 1
            try:
                start(Connection(send))
                code = 0
            except SystemExit as error:
                code = error.code if isinstance(error.code, int) else 1
            finally:
                with contextlib.suppress(OSError, ValueError):
                    sys.stdout.flush()
                    sys.stderr.flush()
                os._exit(code & 0xFF)
        os.close(send)
        os.close(write)
        self.messages, self.printed = receive, read
        for descriptor in (receive, read):
            os.set_blocking(descriptor, False)
        self.log = _Log()
        self.status: int | None = None

    def has_ended(self) -> bool:
        """Whether the process is over; then ``status`` is how."""
        if self.status is None:
            with contextlib.suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self.status = status if pid else None
        return self.status is not None

    def read_log(self) -> bool:
        """Take what was printed, as far as it is there in one piece; whether there may be more, now or later."""
        piece = _read(self.printed)
        if piece:
            self.log.add(piece)
        return piece != b""

    def whole_log(self) -> bytes:
        """The end of what was printed, of a task that is over; a pipe holds no more than is taken here."""
        for _ in range(_MOST_IN_A_PIPE // _PIECE):
            if not (piece := _read(self.printed)):
                break
            self.log.add(piece)
        return self.log.content


def _read(descriptor: int) -> bytes | None:
    """Return what is there to be read; empty at the end, None for nothing yet."""
    try:
        return os.read(descriptor, _PIECE)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _watch(task: _Task, limits: ProcessLimits, answer: Connection, session: Connection) -> Outcome | None:
    """Look at a task until it has answered, ended, or gone beyond a limit; None where the session is gone."""
    began = time.monotonic()
    deadline, closed = began + limits.seconds - limits.spent, 0.0
    kills, messages, memory = oom_kills(), _Messages(), _Memory(task.pid, limits)
    with selectors.DefaultSelector() as selector:
        for source in (task.messages, task.printed, session.fileno()):
            selector.register(source, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select(LOOK_SECONDS):
                if key.fd == session.fileno():
                    return None
                if key.fd == task.printed:
                    if not task.read_log():
                        selector.unregister(task.printed)
                    continue
                piece = _read(task.messages)
                if piece == b"":
                    selector.unregister(task.messages)
                    closed = closed or time.monotonic()
                if (final := _final(messages, piece or b"", answer)) is not None:
                    return Outcome("answer", final)
            if messages.too_long:
                text = f"the process announced an answer of {messages.too_long / 1e6:,.0f} MB"
                return Outcome("crash", text)
            if task.has_ended():
                while piece := _read(task.messages):
                    if (final := _final(messages, piece, answer)) is not None:
                        return Outcome("answer", final)
                return Outcome(*_exit_reason(task.status or 0, kills))
            now = time.monotonic()
            if text := memory.excess(now):
                return Outcome("out_of_memory", text)
            if now > deadline:
                text = f"no result after {limits.seconds:g} s (--opml-timeout)"
                return Outcome("timeout", text)
            if closed and now > closed + _PATIENCE_SECONDS:
                text = "the process closed the pipe for its answer and went on"
                return Outcome("crash", text)


def _final(messages: _Messages, piece: bytes, answer: Connection) -> bytes | None:
    """Pass the newest progress on, if the session reads; return the answer, once it is there.

    The first byte of a message says what it is: see ``child``.
    """
    newest = None
    for message in messages.add(piece):
        if message[:1] != b"p":
            return message
        newest = message
    if newest is not None and len(newest) < _PIECE // 2:
        with contextlib.suppress(OSError), selectors.DefaultSelector() as selector:
            selector.register(answer.fileno(), selectors.EVENT_WRITE)
            if selector.select(0):
                answer.send(("progress", newest, b""))
    return None


class _Memory:
    """What the task and all that it started hold."""

    def __init__(self, pid: int, limits: ProcessLimits) -> None:
        self._pid, self._limits = pid, limits
        self._members, self._next = [pid], 0.0

    def excess(self, now: float) -> str:
        """Say that it is too much; empty where it is not."""
        if self._limits.memory_bytes is None:
            return ""
        if now >= self._next:
            self._members, self._next = [self._pid, *_below(os.getpid(), but=self._pid)], now + _TREE_SECONDS
        if sum(map(resident_bytes, self._members)) <= self._limits.memory_bytes:
            return ""
        return f"the process took more than {self._limits.memory_bytes / 1e6:.0f} MB ({self._limits.memory_source})"


def _below(pid: int, *, but: int | None = None) -> list[int]:
    """All processes that a process started, and those which they did."""
    children = _children_by_parent()
    members, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        waiting += below
        members += [child for child in below if child != but]
    return members


def _children_by_parent() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for number in filter(
        str.isdecimal, [path.name for path in Path("/proc").iterdir()] if sys.platform == "linux" else ()
    ):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # the name in brackets may hold anything
            parent = int(Path(f"/proc/{number}/stat").read_bytes().rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(number))
    return children


def end_children(task: int) -> None:
    """End all processes below this one, until none is left; those that cannot be ended are given five seconds."""
    until = time.monotonic() + _PATIENCE_SECONDS
    if sys.platform != "linux":
        with contextlib.suppress(OSError):
            os.kill(task, signal.SIGKILL)
    while time.monotonic() < until:
        for pid in _below(os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)


def oom_kills() -> int:
    """Return how often the kernel has killed a process for memory, as far as it tells."""
    total = 0
    for path, word in (("/sys/fs/cgroup/memory.events", "oom_kill "), ("/proc/vmstat", "oom_kill ")):
        with contextlib.suppress(OSError, ValueError):
            total += sum(
                int(line.removeprefix(word)) for line in Path(path).read_text().splitlines() if line.startswith(word)
            )
    return total


def _exit_reason(status: int, kills: int) -> tuple[str, str]:
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL and oom_kills() > kills:
        return "out_of_memory", "the kernel killed the process for lack of memory"
    if code == -signal.SIGKILL:
        return "killed", "something killed the process (SIGKILL)"
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:  # a signal of real time
            name = f"signal {-code}"
        return "crash", f"the process crashed ({name})"
    return "crash", f"the process ended without an answer (exit code {code})"
