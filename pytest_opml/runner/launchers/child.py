"""The worker's side: runs the function, and passes on progress and outcome."""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ...errors import OpmlError, UsageError, one_line
from ...measure.tensorflow_info import let_gpu_memory_grow
from ...printable import clipped
from ...progress import Progress, listen
from ...records.device import Gpu
from ...storage.work_folder import use_for_temporary_files
from .messages import ANSWER, PROGRESS, pickled

POLL_SECONDS = 0.1
_LONGEST_MESSAGE, _LONGEST_TRACE = 4_000, 50_000  # characters


class _Sender:
    """Passes progress on, not more often than a reader could see."""

    def __init__(self, answer: Connection) -> None:
        self._answer, self._last, self._stage = answer, -math.inf, ""

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage != self._stage or now - self._last >= POLL_SECONDS:
            self._last, self._stage = now, progress.stage
            self._answer.send_bytes(PROGRESS + pickled(progress._replace(stage=clipped(progress.stage))))


def run_child(
    task: Callable[..., Any],
    arguments: tuple[Any, ...],
    folder: Path,
    gpu: Gpu | None,
    answer: Connection,
) -> None:
    """Run a task in its own process, whose output the watchdog reads; its outcome goes through the pipe.

    Args:
        task: see ``Launcher.run``.
        arguments: of the task.
        folder: for temporary files; the session removes it when the task has ended.
        gpu: the only one that the process may see.
        answer: the task's end of the pipe that progress and the outcome go through.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with contextlib.suppress(OSError):  # where memory runs out, the kernel is to end this process and not the session
        Path("/proc/self/oom_score_adj").write_text("1000")
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False, errors="backslashreplace")
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False, errors="backslashreplace")
    faulthandler.enable(file=sys.stderr)
    use_for_temporary_files(folder)
    # CUDA reads it when it is first used, which importing TensorFlow in the server is not.
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu.uuid if gpu else "-1"
    listen(_Sender(answer))
    if gpu:
        os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # for the processes that a technique starts

    def prepared() -> Any:
        if gpu:
            let_gpu_memory_grow()
        return task(*arguments)

    kind, value = attempt(prepared)
    try:
        message = pickled((kind, value))
    except Exception as error:  # noqa: BLE001 - whatever it holds says anything
        message = pickled(("error", f"its answer cannot be sent: {clipped(one_line(error))}"))
    answer.send_bytes(ANSWER + message)


def attempt(work: Callable[[], Any]) -> tuple[str, Any]:
    """Return what came of some work: ``done`` with what it returned, or the kind of its failure with a line of text.

    This is the border of the process: whatever the work raises becomes this case's failure.
    """
    try:
        return "done", work()
    except UsageError as error:
        return "usage", clipped(_said(error), _LONGEST_MESSAGE)
    except OpmlError as error:
        return "error", clipped(_said(error), _LONGEST_MESSAGE)
    except MemoryError as error:
        return "out_of_memory", clipped(f"the process ran out of memory: {_said(error)}".rstrip(": "), _LONGEST_MESSAGE)
    except Exception as error:  # noqa: BLE001 - see above
        sys.stderr.write(traceback.format_exc()[-_LONGEST_TRACE:])
        said = _said(error)
        text = one_line(said) if said.strip() else type(error).__name__
        # TensorFlow's word for a full disk is the same.
        exhausted = type(error).__name__ == "ResourceExhaustedError" and os.strerror(errno.ENOSPC) not in said
        kind = "out_of_memory" if exhausted else "error"
        text = text if text == type(error).__name__ else f"{type(error).__name__}: {text}"
        return kind, clipped(text, _LONGEST_MESSAGE)


def _said(error: Exception) -> str:
    """What an error of anybody's says, as far as somebody would read it; empty where it cannot."""
    try:
        return str(error)[:_LONGEST_TRACE]
    except Exception:  # noqa: BLE001 - of the user's code
        return ""
