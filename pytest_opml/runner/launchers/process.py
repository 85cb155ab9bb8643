"""Each case in processes of its own: a crash, a memory kill or a hang costs that case and no other.

The processes are forked from a server that has imported TensorFlow once and run nothing with it, so a new one costs a
fraction of a second.
"""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import fcntl
import math
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, TypeVar

import psutil

from ...case import Case
from ...errors import CaseFailed, DeviceError, OpmlError, StorageError, UsageError, one_line
from ...measure.tensorflow_info import describe_tensorflow, let_gpu_memory_grow
from ...progress import Progress, listen
from ...records.device import Device, Gpu, TensorFlowBuild
from ...records.result import Result
from ..builder import Options
from ..measurement import make_artifact, measure_artifact

_Value = TypeVar("_Value")

_POLL_SECONDS = 0.1
_LOG_LINES = 60
_PROBE_SECONDS = 300.0


class Limits(NamedTuple):
    """What one case may take: seconds in all, and bytes of resident memory in each of its processes."""

    seconds: float
    memory_bytes: float | None


class WorkerFailed(CaseFailed):
    """A case failed in its worker; carries the end of what the worker printed."""

    def __init__(self, kind: str, message: str, log_tail: str) -> None:
        super().__init__(kind, message)
        self.log_tail = log_tail


def _server() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest_opml.runner.launchers.preload"])
    return context


def start_server() -> None:
    """Start the server in the background, so that TensorFlow is being imported while the run prepares.

    Raises:
        StorageError: the folder for temporary files cannot be used.
    """
    from multiprocessing import forkserver

    _server()
    # What the libraries print while they are imported is of no use in the middle of a test report.
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        forkserver.ensure_running()
    except OSError as error:
        raise StorageError(
            f"the server of workers cannot be started: {one_line(error)}; its socket is made in TMPDIR"
        ) from error
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _end_with_session() -> None:
    """Wait, at no cost, for the session to be gone: killed, it cannot end its workers any more."""
    session = multiprocessing.parent_process()
    if session is not None:
        session.join()
        os._exit(1)


def _be_killed_with(session: Connection) -> None:
    """Have the kernel kill this process when the session's end of a pipe closes.

    Native code may let no other thread run for as long as it takes, which the kernel does not ask.
    """
    if sys.platform == "linux":
        fcntl.fcntl(session, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(session, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(session, fcntl.F_SETFL, fcntl.fcntl(session, fcntl.F_GETFL) | os.O_ASYNC)


class _Sender:
    """Passes progress on, not more often than a reader could see."""

    def __init__(self, answer: Connection) -> None:
        self._answer, self._last, self._stage = answer, -math.inf, ""

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage != self._stage or now - self._last >= _POLL_SECONDS:
            self._last, self._stage = now, progress.stage
            self._answer.send(("progress", progress))


def _child(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    log: str,
    gpu: Gpu | None,
    answer: Connection,
    session: Connection,
) -> None:
    """Run in the worker: everything it prints goes to the log, its outcome through the pipe."""
    # A terminal's Ctrl-C reaches the whole group; ending the workers is the session's part.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _be_killed_with(session)
    Thread(target=_end_with_session, daemon=True).start()  # for a session that was gone before that
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    faulthandler.enable(file=sys.stderr)
    # CUDA reads it when it is first used, which importing TensorFlow in the server is not.
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu.uuid if gpu else "-1"
    listen(_Sender(answer))
    try:
        if gpu:
            os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # for the processes that a technique starts
            let_gpu_memory_grow()
        outcome: tuple[str, Any] = ("done", function(*arguments))
    except UsageError as error:
        outcome = ("usage", str(error))
    except OpmlError as error:
        outcome = ("error", str(error))
    except MemoryError as error:
        outcome = ("out_of_memory", f"the process ran out of memory: {error}".rstrip(": "))
    except Exception as error:  # noqa: BLE001 - the border of the process: whatever it was becomes this case's failure
        traceback.print_exc()
        text = one_line(error)
        # TensorFlow's word for a full disk is the same.
        exhausted = type(error).__name__ == "ResourceExhaustedError" and os.strerror(errno.ENOSPC) not in str(error)
        kind = "out_of_memory" if exhausted else "error"
        outcome = (kind, text if text == type(error).__name__ else f"{type(error).__name__}: {text}")
    answer.send(outcome)
    answer.close()


def _oom_kills() -> int:
    """How often the kernel has killed a process for memory, as far as it tells."""
    total = 0
    for path, pattern in (("/sys/fs/cgroup/memory.events", r"^oom_kill (\d+)"), ("/proc/vmstat", r"^oom_kill (\d+)")):
        with contextlib.suppress(OSError):
            total += sum(int(count) for count in re.findall(pattern, Path(path).read_text(), flags=re.MULTILINE))
    return total


def _resident(pid: int) -> int:
    """Bytes that a process and those that it started hold."""
    try:
        process = psutil.Process(pid)
        return sum(int(each.memory_info().rss) for each in [process, *process.children(recursive=True)])
    except psutil.Error:
        return 0  # one of them has just ended


def _exit_reason(process: BaseProcess, oom_kills: int) -> tuple[str, str]:
    code = process.exitcode or 0
    if code == -signal.SIGKILL and _oom_kills() > oom_kills:
        return "out_of_memory", "the kernel killed the process for lack of memory"
    if code == -signal.SIGKILL:
        return "killed", "something killed the process (SIGKILL)"
    if code < 0:
        return "crash", f"the process crashed ({signal.Signals(-code).name})"
    return "crash", f"the process ended without an answer (exit code {code})"


def _watch(
    process: BaseProcess, answer: Connection, limits: Limits, spent: float, on_progress: Callable[[Progress], None]
) -> tuple[str, Any]:
    """Wait for an outcome within the limits, ``spent`` of whose seconds are gone already."""
    kills = _oom_kills()
    deadline = time.monotonic() + limits.seconds - spent
    while True:
        if answer.poll(_POLL_SECONDS):
            try:
                kind, value = answer.recv()
            except EOFError:
                process.join()
                return _exit_reason(process, kills)
            if kind != "progress":
                return kind, value
            on_progress(value)
        if limits.memory_bytes and _resident(process.pid or 0) > limits.memory_bytes:
            return "out_of_memory", f"the process took more than {limits.memory_bytes / 1e6:.0f} MB (--opml-memory-mb)"
        if time.monotonic() > deadline:
            return "timeout", f"no result after {limits.seconds:g} s (--opml-timeout)"


class _Done(NamedTuple):
    """What a function returned, and the seconds since its process was there."""

    value: Any
    seconds: float


def _log_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="opml-")
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        text = f"temporary files: {error.strerror}{where}; set TMPDIR to another folder"
        raise WorkerFailed("usage", text, "") from error


def _unheard(_progress: Progress) -> None:
    """Nobody listens."""


def _run(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    gpu: Gpu | None,
    limits: Limits,
    spent: float = 0.0,
    on_progress: Callable[[Progress], None] = _unheard,
) -> _Done:
    context = _server()
    receiver, sender = context.Pipe(duplex=False)
    session, kept_open = context.Pipe(duplex=False)
    with receiver, kept_open, _log_folder() as folder:
        log = Path(folder) / "log"
        given = (function, arguments, str(log), gpu, sender, session)
        process = context.Process(target=_child, args=given, daemon=True)
        try:
            process.start()  # returns when the server, done with its imports, has forked
            started = time.monotonic()
            sender.close()
            session.close()
            kind, value = _watch(process, receiver, limits, spent, on_progress)
        finally:
            # With its answer here, it has nothing left to do but to take TensorFlow down, which takes a while.
            if process.pid is not None:
                process.kill()
                process.join()
        if kind == "done":
            return _Done(value, time.monotonic() - started)
        printed = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
        raise WorkerFailed(kind, value, "\n".join(printed[-_LOG_LINES:]))


def run_step(
    function: Callable[[Case, Options], _Value],
    case: Case,
    options: Options,
    limits: Limits,
    on_progress: Callable[[Progress], None] = _unheard,
) -> _Value:
    """One function of a case in a fresh process.

    Raises:
        WorkerFailed: with the kind of failure.
    """
    value: _Value = _run(function, (case, options), options.device.gpu, limits, on_progress=on_progress).value
    return value


def run_case(
    case: Case,
    options: Options,
    limits: Limits,
    *,
    side_by_side: bool = False,
    on_progress: Callable[[Progress], None] = _unheard,
) -> Result:
    """Make and measure a case's artifact, each in a fresh process.

    Args:
        case: the case.
        options: of the run.
        limits: what the case may take in all.
        side_by_side: whether to time it beside its reference's artifact too.
        on_progress: is told how far it has come.

    Raises:
        WorkerFailed: with the kind of failure; the session can go on with the next case.
    """
    gpu = options.device.gpu
    measure = (measure_artifact, (case, options, side_by_side))
    # What finds nothing in the cache has run nothing yet, and costs a fraction of a second.
    spent = 0.0
    for function, arguments in (measure, (make_artifact, (case, options)), measure):
        done = _run(function, arguments, gpu, limits, spent, on_progress)
        spent += done.seconds
        if isinstance(done.value, Result):
            return done.value
    raise WorkerFailed("error", "the artifact was removed from the cache before it was measured", "")


def probe(device: Device) -> TensorFlowBuild:
    """Ask the TensorFlow of a worker what it is and what it sees of the device.

    Raises:
        DeviceError: TensorFlow does not start there.
    """
    try:
        done = _run(describe_tensorflow, (device.gpu,), device.gpu, Limits(_PROBE_SECONDS, None), 0.0)
    except WorkerFailed as error:
        text = f"no answer within {_PROBE_SECONDS:g} s" if error.kind == "timeout" else one_line(error)
        raise DeviceError(
            f"TensorFlow does not start on {device.gpu.name if device.gpu else 'the CPU'}: {text}"
        ) from error
    build: TensorFlowBuild = done.value
    return build
