"""The worker's side: runs the function, and passes on progress and outcome."""

from __future__ import annotations

import errno
import faulthandler
import fcntl
import math
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Any

from ...errors import OpmlError, UsageError, one_line
from ...measure.tensorflow_info import let_gpu_memory_grow
from ...progress import Progress, listen
from ...records.device import Gpu
from ...storage.work_folder import use_for_temporary_files

POLL_SECONDS = 0.1


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
        if progress.stage != self._stage or now - self._last >= POLL_SECONDS:
            self._last, self._stage = now, progress.stage
            self._answer.send(("progress", progress))


def run_child(
    task: Callable[..., Any],
    arguments: tuple[Any, ...],
    log: str,
    gpu: Gpu | None,
    answer: Connection,
    session: Connection,
) -> None:
    """Run a task in the worker: everything it prints goes to the log, its outcome through the pipe.

    Args:
        task: see ``Launcher.run``.
        arguments: of the task.
        log: path of the file that what is printed goes to.
        gpu: the only one that the process may see.
        answer: the worker's end of the pipe that progress and the outcome go through.
        session: the worker's end of a pipe that closes when the session ends.
    """
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
    use_for_temporary_files(Path(log).parent)  # which the session removes when the task has ended
    # CUDA reads it when it is first used, which importing TensorFlow in the server is not.
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu.uuid if gpu else "-1"
    listen(_Sender(answer))
    if gpu:
        os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # for the processes that a technique starts

    def prepared() -> Any:
        if gpu:
            let_gpu_memory_grow()
        return task(*arguments)

    answer.send(attempt(prepared))
    answer.close()


def attempt(work: Callable[[], Any]) -> tuple[str, Any]:
    """Return what came of some work: ``done`` with what it returned, or the kind of its failure with a line of text.

    This is the border of the process: whatever the work raises becomes this case's failure.
    """
    try:
        return "done", work()
    except UsageError as error:
        return "usage", str(error)
    except OpmlError as error:
        return "error", str(error)
    except MemoryError as error:
        return "out_of_memory", f"the process ran out of memory: {error}".rstrip(": ")
    except Exception as error:  # noqa: BLE001 - see above
        traceback.print_exc()
        text = one_line(error)
        # TensorFlow's word for a full disk is the same.
        exhausted = type(error).__name__ == "ResourceExhaustedError" and os.strerror(errno.ENOSPC) not in str(error)
        kind = "out_of_memory" if exhausted else "error"
        return kind, text if text == type(error).__name__ else f"{type(error).__name__}: {text}"
