"""Each case in processes of its own: a crash, a memory kill or a hang costs that case and no other.

The processes are forked from a server that has imported TensorFlow once and run nothing with it, so a new one costs a
fraction of a second.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import signal
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import psutil

from ...case import Case
from ...errors import DeviceError, StorageError, one_line
from ...measure.tensorflow_info import describe_tensorflow
from ...progress import Progress
from ...records.device import Device, Gpu, TensorFlowBuild
from ..options import Options
from .base import ProcessLimits, WorkerFailed
from .child import _POLL_SECONDS, _child

_Value = TypeVar("_Value")

_LOG_LINES = 60
_PROBE_SECONDS = 300.0


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
    process: BaseProcess,
    answer: Connection,
    limits: ProcessLimits,
    spent: float,
    on_progress: Callable[[Progress], None],
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
    limits: ProcessLimits,
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
    limits: ProcessLimits,
    on_progress: Callable[[Progress], None] = _unheard,
) -> _Value:
    """One function of a case in a fresh process.

    Raises:
        WorkerFailed: with the kind of failure.
    """
    value: _Value = _run(function, (case, options), options.device.gpu, limits, on_progress=on_progress).value
    return value


def probe(device: Device) -> TensorFlowBuild:
    """Ask the TensorFlow of a worker what it is and what it sees of the device.

    Raises:
        DeviceError: TensorFlow does not start there.
    """
    try:
        done = _run(describe_tensorflow, (device.gpu,), device.gpu, ProcessLimits(_PROBE_SECONDS, None), 0.0)
    except WorkerFailed as error:
        text = f"no answer within {_PROBE_SECONDS:g} s" if error.kind == "timeout" else one_line(error)
        raise DeviceError(
            f"TensorFlow does not start on {device.gpu.name if device.gpu else 'the CPU'}: {text}"
        ) from error
    build: TensorFlowBuild = done.value
    return build
