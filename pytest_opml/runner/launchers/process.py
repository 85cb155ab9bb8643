"""Each task in a process of its own: a crash, a memory kill or a hang costs that case and no other.

The processes are forked from a server that has imported TensorFlow once and run nothing with it, so a new one costs a
fraction of a second. In a run that is known to need no TensorFlow, nobody imports it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
import uuid
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import psutil

from ...errors import DeviceError, StorageError, one_line
from ...measure.tensorflow_info import describe_tensorflow
from ...printable import clipped, printable
from ...progress import Progress
from ...records.device import Device, Gpu, TensorFlowBuild
from ...storage.work_folder import place_sockets
from .base import Launcher, ProcessLimits, Value, WorkerFailed, ignore_progress, temporary_folder
from .child import run_child
from .messages import unpickled
from .watchdog import LOOK_SECONDS, MARKER, run_watched

# What is kept of the output of a case that failed.
_LOG_LINES, _LINE_LETTERS, _LOG_LETTERS = 60, 2_000, 16_000
# For what a watchdog does when its task is over.
_WATCHDOG_SECONDS = 10.0
_KINDS = ("done", "usage", "error", "out_of_memory")
_PROBE_SECONDS = 300.0
# What the server imports: with TensorFlow, and without it.
_PRELOAD, _LIGHT_PRELOAD = "pytest_opml.runner.launchers.preload", "pytest_opml.runner.launchers.light_preload"


class _Server:
    """The process that workers are forked from; there is one, whose imports are chosen when it is started."""

    def __init__(self) -> None:
        self.preload = _PRELOAD

    def choose(self, *, needs_tensorflow: bool) -> None:
        """Choose what it imports; one that runs without the TensorFlow that is needed now is replaced.

        The other way round it stays: it costs nothing any more.
        """
        from multiprocessing import forkserver

        is_running = getattr(forkserver._forkserver, "_forkserver_pid", None) is not None
        if is_running and (not needs_tensorflow or self.preload == _PRELOAD):
            return
        if is_running:
            forkserver._forkserver._stop()  # type: ignore[attr-defined]  # nothing public ends it before this process
        self.preload = _PRELOAD if needs_tensorflow else _LIGHT_PRELOAD

    def context(self) -> Any:
        """What starts processes from it."""
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([self.preload])
        return context


_SERVER = _Server()


def start_server(*, needs_tensorflow: bool = True) -> None:
    """Start the server in the background, so that it imports what all workers need while the run prepares.

    Args:
        needs_tensorflow: whether that is TensorFlow too; a worker of a server without it imports it where it must.

    Raises:
        StorageError: the folder for temporary files cannot be used.
    """
    from multiprocessing import forkserver

    _SERVER.choose(needs_tensorflow=needs_tensorflow)
    _SERVER.context()
    place_sockets()
    # What the libraries print while they are imported is of no use in the middle of a test report.
    standard_error = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        forkserver.ensure_running()
    except OSError as error:
        raise StorageError(
            f"the server of workers cannot be started: {one_line(error)}; its socket is made in TMPDIR"
        ) from error
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)


def _start(
    task: Callable[..., Any],
    arguments: tuple[Any, ...],
    folder: Path,
    gpu: Gpu | None,
    limits: ProcessLimits,
    marker: str,
    answer: Connection,
    session: Connection,
) -> None:
    """In the process that the server forks: watch the task, which runs in another."""
    run_watched(partial(run_child, task, arguments, folder, gpu), limits, answer, session, marker)


def _wait(
    answer: Connection, package: str, limits: ProcessLimits, on_progress: Callable[[Progress], None]
) -> tuple[str, Any, bytes | None]:
    """Wait for what the watchdog says; it keeps the limits, and is waited for little longer than they last.

    Returns:
        ``done`` with what the task returned, or the kind of its failure with what happened; and the end of its output,
        None where the watchdog says nothing any more.
    """
    until = time.monotonic() + max(limits.seconds - limits.spent, 0.0) + _WATCHDOG_SECONDS
    while time.monotonic() < until:
        if not answer.poll(LOOK_SECONDS):
            continue
        try:
            kind, content, log = answer.recv()
        except (EOFError, OSError):
            return "killed", "something killed the process that kept the case", None
        if kind not in ("answer", "progress"):
            return kind, content, log
        try:
            value = unpickled(content[1:], package)
            if kind == "progress":
                on_progress(Progress(*value))
                continue
            kind, value = value
        except (ValueError, TypeError) as error:
            if kind == "progress":
                continue  # nothing depends on it
            return "crash", f"the process sent an answer that is none: {clipped(error)}", log
        if kind not in _KINDS or (kind != "done" and not isinstance(value, str)):
            return "crash", f"the process sent an answer that is none: its kind is {clipped(repr(kind))}", log
        return kind, value, log
    return "timeout", f"no result after {limits.seconds:g} s (--opml-timeout)", None


def _end_left(watchdog: int, marker: str) -> None:
    """End what a watchdog that was killed, or does not answer, has left of its task."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == watchdog or process.environ().get(MARKER) == marker:
                process.kill()


def _tail(log: bytes) -> str:
    """The last lines of what a task printed, each as one that only shows."""
    lines = log.decode("utf-8", "replace").splitlines()[-_LOG_LINES:]
    shown = [printable(line if len(line) <= _LINE_LETTERS else f"{line[: _LINE_LETTERS - 3]}...") for line in lines]
    return "\n".join(shown)[-_LOG_LETTERS:]


class ProcessLauncher(Launcher):
    """Runs each task in a fresh process that is forked from the server.

    Args:
        gpu: the only one that the processes see; None for none.
    """

    def __init__(self, gpu: Gpu | None) -> None:
        self._gpu = gpu

    def run(
        self,
        task: Callable[..., Value],
        arguments: tuple[Any, ...],
        limits: ProcessLimits,
        on_progress: Callable[[Progress], None] = ignore_progress,
    ) -> Value:
        """See ``Launcher.run``; the clock starts when the process is there."""
        context, marker = _SERVER.context(), uuid.uuid4().hex
        receiver, sender = context.Pipe(duplex=False)
        session, session_end = context.Pipe(duplex=False)
        with receiver, session_end, temporary_folder() as folder:
            process = context.Process(
                target=_start,
                args=(task, arguments, Path(folder), self._gpu, limits, marker, sender, session),
                daemon=True,
            )
            log = None
            try:
                process.start()  # returns when the server, done with its imports, has forked
                sender.close()
                session.close()
                package = task.__module__.partition(".")[0]
                kind, value, log = _wait(receiver, package, limits, on_progress)
            finally:
                # It has ended all that the task started, or does so now that the session's end of the pipe is closed.
                session_end.close()
                if process.pid is not None:
                    process.join(_WATCHDOG_SECONDS if log is not None else 0)
                    if process.exitcode != 0:
                        process.kill()
                        process.join()
                        _end_left(process.pid, marker)
            if kind == "done":
                return cast("Value", value)
            raise WorkerFailed(kind, value, _tail(log or b""))


def probe(device: Device) -> TensorFlowBuild:
    """Ask the TensorFlow of a worker what it is and what it sees of the device.

    Raises:
        DeviceError: TensorFlow does not start there.
    """
    limits = ProcessLimits(_PROBE_SECONDS, None)
    try:
        return ProcessLauncher(device.gpu).run(describe_tensorflow, (device.gpu,), limits)
    except WorkerFailed as error:
        text = f"no answer within {_PROBE_SECONDS:g} s" if error.kind == "timeout" else one_line(error)
        raise DeviceError(
            f"TensorFlow does not start on {device.gpu.name if device.gpu else 'the CPU'}: {text}"
        ) from error
