"""Each task in a process of its own: a crash, a memory kill or a hang costs that case and no other.

The processes are forked from a server that has imported TensorFlow once and run nothing with it, so a new one costs a
fraction of a second. In a run that is known to need no TensorFlow, nobody imports it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

import psutil

from ...errors import DeviceError, StorageError, one_line
from ...measure.tensorflow_info import describe_tensorflow
from ...progress import Progress
from ...records.device import Device, Gpu, TensorFlowBuild
from ...storage.work_folder import place_sockets
from .base import Launcher, ProcessLimits, Value, WorkerFailed, ignore_progress, temporary_folder
from .child import POLL_SECONDS, run_child

_LOG_LINES = 60
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
        return sum(int(member.memory_info().rss) for member in [process, *process.children(recursive=True)])
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
    process: BaseProcess, answer: Connection, limits: ProcessLimits, on_progress: Callable[[Progress], None]
) -> tuple[str, Any]:
    """Wait for an outcome within the limits."""
    kills = _oom_kills()
    deadline = time.monotonic() + limits.seconds - limits.spent
    while True:
        if answer.poll(POLL_SECONDS):
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
        context = _SERVER.context()
        receiver, sender = context.Pipe(duplex=False)
        session, session_end = context.Pipe(duplex=False)
        with receiver, session_end, temporary_folder() as folder:
            log = Path(folder) / "log"
            process = context.Process(
                target=run_child, args=(task, arguments, str(log), self._gpu, sender, session), daemon=True
            )
            try:
                process.start()  # returns when the server, done with its imports, has forked
                sender.close()
                session.close()
                kind, value = _watch(process, receiver, limits, on_progress)
            finally:
                # With its answer here, it has nothing left to do but to take TensorFlow down, which takes a while.
                if process.pid is not None:
                    process.kill()
                    process.join()
            if kind == "done":
                return cast("Value", value)
            printed = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
            raise WorkerFailed(kind, value, "\n".join(printed[-_LOG_LINES:]))


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
