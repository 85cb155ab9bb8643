"""The process between the session and a task: it waits for nothing, watches everything, and leaves nothing behind.

It is forked from the server, forks the task's process, and then does nothing but look, until the task has answered or
ended, a limit is passed, or the session is gone. Then every process ends that the task has started, and the session is
told what came of it. It carries out no code of the task's, and takes what comes from it for bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from ...records.device import Gpu
from ...storage.printed import Printed
from .child import POLL_SECONDS, run_child
from .descendants import adopt_orphans, descendants, die_with_parent, end_all, held_bytes
from .frames import ANSWER, END, MOST_BYTES, PROGRESS, BrokenFrames, FrameReader, packed, read_some

# Between two looks at the memory; nearer to the limit, as long as the fastest takes to get there.
_LOOK_S, _SHORTEST_LOOK_S, _FASTEST = 0.25, 0.01, 10e9
# How long a process may live on that can answer no more.
_SPEECHLESS_S = 3.0
_BURST = 20
_LETTERS = {letter: MOST_BYTES[letter] for letter in (PROGRESS, ANSWER)}


class Job(NamedTuple):
    """What a keeper is told.

    Attributes:
        work: the task and its arguments, pickled.
        folder: for the temporary files of the task.
        gpus: all that it may see.
        seconds: that it may take.
        memory_bytes: that it and all that it starts may hold; None for no limit.
        memory_from: where that limit comes from.
        timeout_text: what is said when the time is over.
    """

    work: bytes
    folder: str
    gpus: tuple[Gpu, ...]
    seconds: float
    memory_bytes: float | None
    memory_from: str
    timeout_text: str


class Outcome(NamedTuple):
    """What came of a task: the kind of its failure and a line, or neither where it has answered."""

    kind: str
    text: str


ANSWERED = Outcome("", "")
_SPEECHLESS = Outcome("", "it can answer no more")


class _SessionGone(BaseException):
    """Nobody waits for the task any more."""


def run_keeper(job: Job, session: Connection, alive: Connection) -> None:
    """Have a task run, and end with it.

    Args:
        job: what is to run, and its limits.
        session: where frames for the session go.
        alive: the end of a pipe that closes when the session does.
    """
    # A terminal's Ctrl-C reaches the whole group; the session ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    with contextlib.suppress(OSError):
        os.setsid()
    adopt_orphans()
    with contextlib.suppress(_SessionGone):
        _Keeper(job, session.fileno(), alive.fileno()).run()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_all(os.getpid())
    os._exit(0)


def _leave(_number: int, _frame: object) -> None:
    raise _SessionGone


class _Keeper:
    def __init__(self, job: Job, session: int, alive: int) -> None:
        self._job, self._session, self._alive = job, session, alive
        self._frames, self._printed, self._answer = FrameReader(_LETTERS), Printed(), b""
        self._allowance, self._last_told = float(_BURST), time.monotonic()
        self._status: int | None = None
        self._kills = _oom_kills()
        self._log, log = os.pipe()
        self._pipe, answer = os.pipe()
        keeper = os.getpid()
        self._pid = os.fork()
        if not self._pid:
            try:
                self._become_task(keeper, answer, log)
            finally:
                os._exit(1)
        os.close(log)
        os.close(answer)
        for descriptor in (self._log, self._pipe, session):
            os.set_blocking(descriptor, False)

    def _become_task(self, keeper: int, answer: int, log: int) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        die_with_parent(keeper)
        for descriptor in (self._log, self._pipe, self._session, self._alive):
            os.close(descriptor)
        run_child(self._job.work, self._job.folder, self._job.gpus, answer, log)

    def run(self) -> None:
        """Watch until there is an outcome, end what runs, and tell the session."""
        outcome = self._watch()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)  # all that there is on systems other than Linux
        end_all(os.getpid())
        self._read_log(16)
        said = {"kind": outcome.kind, "message": outcome.text, "log": self._printed.text()}
        frames = packed(ANSWER, self._answer) if outcome is ANSWERED else b""
        self._tell(frames + packed(END, json.dumps(said).encode()))

    def _watch(self) -> Outcome:
        deadline = time.monotonic() + self._job.seconds
        next_look, speechless_until = 0.0, deadline + 1
        with _poller(self._pid, self._log, self._pipe, self._alive) as poller:
            while True:
                now = time.monotonic()
                if now >= next_look:
                    held = self._held()
                    if outcome := self._over_memory(held):
                        return outcome
                    next_look = now + self._pause(held)
                if now >= deadline:
                    return Outcome("timeout", self._job.timeout_text)
                if now >= speechless_until:
                    return Outcome("crash", "the process closed the pipe for its answer and ran on")
                ready = dict(poller.poll(1000 * (min(deadline, next_look, speechless_until) - now) + 1))
                if self._alive in ready:
                    raise _SessionGone
                if self._log in ready and not self._read_log(1):
                    poller.unregister(self._log)
                if self._pipe in ready and (outcome := self._read_pipe()):
                    if outcome is not _SPEECHLESS:
                        return outcome
                    poller.unregister(self._pipe)
                    speechless_until = now + _SPEECHLESS_S
                if self._has_ended():
                    return self._last_words()

    # --- what comes from the task

    def _read_log(self, times: int) -> bool:
        """Take in what is printed; False at its end."""
        for _ in range(times):
            data = read_some(self._log)
            if not data:
                return data is None
            self._printed.add(data)
        return True

    def _read_pipe(self) -> Outcome | None:
        """Take in one piece of what the task sends."""
        data = read_some(self._pipe)
        if not data:
            return None if data is None else _SPEECHLESS
        try:
            frames = self._frames.feed(data)
        except BrokenFrames as broken:
            return Outcome("crash", f"the process sent {broken}")
        for frame in frames:
            if frame.letter == ANSWER:
                self._answer = frame.content
                return ANSWERED
            self._pass_on(packed(PROGRESS, frame.content))
        return None

    def _pass_on(self, frame: bytes) -> None:
        """Tell the session of progress, unless that is more than it could show, or it does not read."""
        now = time.monotonic()
        self._allowance = min(_BURST, self._allowance + (now - self._last_told) / POLL_SECONDS)
        self._last_told = now
        if self._allowance >= 1 and len(frame) <= select.PIPE_BUF:  # then it is written as a whole, or not at all
            self._allowance -= 1
            with contextlib.suppress(OSError):
                os.write(self._session, frame)

    def _has_ended(self) -> bool:
        while self._status is None:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not pid:
                return False
            if pid == self._pid:
                self._status = status
        return True

    def _last_words(self) -> Outcome:
        """Return what a task said before it ended, or how it did."""
        until = time.monotonic() + _SPEECHLESS_S
        while time.monotonic() < until and select.select([self._pipe], [], [], 0)[0]:
            outcome = self._read_pipe()
            if outcome is _SPEECHLESS:
                break
            if outcome:
                return outcome
        return _exit_reason(os.waitstatus_to_exitcode(self._status or 0), was_short=_oom_kills() > self._kills)

    # --- its limits

    def _held(self) -> int:
        if self._job.memory_bytes is None:
            return 0
        return held_bytes(descendants(os.getpid()), self._job.memory_bytes)

    def _over_memory(self, held: int) -> Outcome | None:
        limit = self._job.memory_bytes
        if limit is None or held <= limit:
            return None
        return Outcome("out_of_memory", f"the process took more than {limit / 1e6:.0f} MB ({self._job.memory_from})")

    def _pause(self, held: int) -> float:
        if self._job.memory_bytes is None:
            return _LOOK_S
        return min(_LOOK_S, max(_SHORTEST_LOOK_S, (self._job.memory_bytes - held) / _FASTEST))

    # --- the session

    def _tell(self, frames: bytes) -> None:
        """Write the last frames, for as long as somebody could read them."""
        poller, rest = select.poll(), memoryview(frames)
        poller.register(self._session, select.POLLOUT)
        poller.register(self._alive, select.POLLIN)
        while rest:
            if self._alive in dict(poller.poll()):
                return
            with contextlib.suppress(BlockingIOError):
                rest = rest[os.write(self._session, rest) :]


@contextlib.contextmanager
def _poller(pid: int, *descriptors: int) -> Iterator[select.poll]:
    """What wakes when there is something to read, or the process ends."""
    poller = select.poll()
    for descriptor in descriptors:
        poller.register(descriptor, select.POLLIN)
    ending = None
    with contextlib.suppress(OSError, AttributeError):  # not on every system
        ending = os.pidfd_open(pid)
        poller.register(ending, select.POLLIN)
    try:
        yield poller
    finally:
        if ending is not None:
            os.close(ending)


def _oom_kills() -> int:
    """How often the kernel has killed a process for memory, as far as it tells."""
    total = 0
    for path, pattern in (("/sys/fs/cgroup/memory.events", r"^oom_kill (\d+)"), ("/proc/vmstat", r"^oom_kill (\d+)")):
        with contextlib.suppress(OSError):
            total += sum(int(count) for count in re.findall(pattern, Path(path).read_text(), flags=re.MULTILINE))
    return total


def _exit_reason(code: int, *, was_short: bool) -> Outcome:
    if code == -signal.SIGKILL and was_short:
        return Outcome("out_of_memory", "the kernel killed the process for lack of memory")
    if code == -signal.SIGKILL:
        return Outcome("killed", "something killed the process (SIGKILL)")
    if code < 0:
        return Outcome("crash", f"the process crashed ({_name(-code)})")
    return Outcome("crash", f"the process ended without an answer (exit code {code})")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time one
        return f"signal {number}"
