"""Each task in a process of its own: a crash, a memory kill or a hang costs that case and no other.

The processes are forked from a server that has imported TensorFlow once and run nothing with it, so a new one costs a
fraction of a second. In a run that is known to need no TensorFlow, nobody imports it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import select
import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, NamedTuple, cast

from ...errors import DeviceError, StorageError, one_line
from ...measure.device import training_gpus
from ...measure.tensorflow_info import describe_tensorflow
from ...progress import Progress
from ...records.device import Device, Gpu, TensorFlowBuild
from ...storage.work_folder import place_sockets
from .answer_reader import UnreadableAnswer, read_answer, read_progress
from .base import Launcher, ProcessLimits, Value, WorkerFailed, ignore_progress, temporary_folder
from .descendants import end_all
from .frames import ANSWER, END, MOST_BYTES, BrokenFrames, FrameReader, read_some
from .keeper import ANSWERED, Job, Outcome, run_keeper

_PROBE_SECONDS = 300.0
# How long a keeper may be late, and how long it may take to end what it watches over.
_GRACE_S, _GOODBYE_S = 10.0, 4.0
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
_KEEPERS: set[int] = set()


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


class _Report(NamedTuple):
    """What came of a task, what it answered and printed, and whether its keeper has said so."""

    outcome: Outcome
    answer: bytes = b""
    log: str = ""
    is_whole: bool = False


_ALONE = Outcome("killed", "something killed the process that watches over the worker")
_SILENT = Outcome("timeout", "no result in time, nor a word of the process that watches over the worker")
_NO_FRAMES = Outcome("crash", "the process sent bytes that are no answer")


def _listen(keeper: int, seconds: float, on_progress: Callable[[Progress], None]) -> _Report:
    """Hear a keeper until it has said all, has ended before that, or has said nothing for too long.

    Args:
        keeper: the descriptor of the pipe from it.
        seconds: after which it is given up.
        on_progress: is told what it passes on.
    """
    os.set_blocking(keeper, False)
    reader, answer, deadline = FrameReader(MOST_BYTES), b"", time.monotonic() + seconds
    poller = select.poll()
    poller.register(keeper, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        if not poller.poll(min(1000 * left, 60_000) + 1):
            continue
        data = read_some(keeper)
        if data == b"":
            return _Report(_ALONE)
        try:
            frames = reader.feed(data or b"")
        except BrokenFrames:
            return _Report(_NO_FRAMES)
        for letter, content in frames:
            if letter == END:
                return _said(content, answer)
            if letter == ANSWER:
                answer = content
            elif progress := read_progress(content):
                on_progress(progress)
    return _Report(_SILENT)


def _said(content: bytes, answer: bytes) -> _Report:
    try:
        said = json.loads(content)
        return _Report(Outcome(str(said["kind"]), str(said["message"])), answer, str(said["log"]), True)
    except (ValueError, KeyError, TypeError):
        return _Report(_NO_FRAMES)


def _outcome(report: _Report, task: Callable[..., Any]) -> tuple[str, Any]:
    if report.outcome != ANSWERED:
        return report.outcome
    try:
        return read_answer(report.answer, task)
    except UnreadableAnswer as error:
        return "crash", f"the process sent what is no answer: {one_line(error)}"


def _let_go(keeper: BaseProcess, *, is_over: bool) -> None:
    """Wait for a keeper to end, and what it watches over with it; one that does not end is ended.

    Args:
        keeper: the process.
        is_over: whether it has said that all of that has ended; its own end takes a while, and nobody waits for it.
    """
    from multiprocessing import forkserver

    if keeper.pid is None or is_over:
        _KEEPERS.discard(keeper.pid or 0)
        return
    keeper.join(_GOODBYE_S)
    if keeper.exitcode is None:
        keeper.kill()
        keeper.join(_GOODBYE_S)
    _KEEPERS.discard(keeper.pid)
    server = getattr(forkserver._forkserver, "_forkserver_pid", None)
    if keeper.exitcode != 0 and server is not None:
        end_all(server, _KEEPERS)  # which has adopted what a keeper leaves that is killed


class ProcessLauncher(Launcher):
    """Runs each task in a fresh process that is forked from the server, by a keeper that ends it in time.

    Args:
        gpu: the only one that the processes see; None for none.
        others: that those see too whose limits give them several devices.
    """

    def __init__(self, gpu: Gpu | None, others: Sequence[Gpu] = ()) -> None:
        self._gpus = (gpu, *others) if gpu else ()

    def run(
        self,
        task: Callable[..., Value],
        arguments: tuple[Any, ...],
        limits: ProcessLimits,
        on_progress: Callable[[Progress], None] = ignore_progress,
    ) -> Value:
        """See ``Launcher.run``; the clock starts when the process is there."""
        context = _SERVER.context()
        work, seconds = bytes(ForkingPickler.dumps((task, arguments))), max(0.0, limits.seconds - limits.spent)
        timeout = f"no result after {limits.seconds:g} s (--opml-timeout)"
        receiver, sender = context.Pipe(duplex=False)
        alive, session = context.Pipe(duplex=False)
        with receiver, sender, alive, session, temporary_folder() as folder:
            gpus = self._gpus[: limits.devices]
            job = Job(work, folder, gpus, seconds, limits.memory_bytes, limits.memory_from, timeout)
            report = _Report(_ALONE)
            keeper = context.Process(target=run_keeper, args=(job, sender, alive), daemon=True)
            try:
                keeper.start()  # returns when the server, done with its imports, has forked
                _KEEPERS.add(keeper.pid)
                sender.close()
                alive.close()
                report = _listen(receiver.fileno(), seconds + _GRACE_S, on_progress)
            finally:
                session.close()
                _let_go(keeper, is_over=report.is_whole)
        kind, value = _outcome(report, task)
        if kind == "done":
            return cast("Value", value)
        raise WorkerFailed(kind, value, report.log)


def launcher_on(device: Device) -> ProcessLauncher:
    """Return what runs the cases of a run on its device, and their training on others of its kind too."""
    return ProcessLauncher(device.gpu, training_gpus(device)[1:])


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
