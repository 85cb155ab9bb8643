"""The worker's side: runs the function, and passes on progress and outcome."""

from __future__ import annotations

import errno
import faulthandler
import math
import os
import pickle
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from ...errors import OpmlError, UsageError, one_line
from ...measure.tensorflow_info import let_gpu_memory_grow
from ...progress import Progress, listen
from ...records.device import Gpu
from ...storage.work_folder import use_for_temporary_files
from .descendants import be_killed_first
from .frames import ANSWER, MOST_BYTES, PROGRESS, packed, write_all

POLL_SECONDS = 0.1
_LONGEST_TEXT, _LONGEST_SAID = 2_000, 50_000


class _Sender:
    """Passes progress on, not more often than a reader could see, and the answer."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._last, self._stage = descriptor, -math.inf, ""
        self._lock = Lock()

    def tell(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage != self._stage or now - self._last >= POLL_SECONDS:
            self._last, self._stage = now, progress.stage
            self._send(PROGRESS, pickle.dumps(progress._replace(stage=progress.stage[:_LONGEST_TEXT])))

    def answer(self, kind: str, value: Any) -> None:
        if kind != "done":
            value = str(value)[:_LONGEST_TEXT]
        outcome, content = attempt(lambda: pickle.dumps((kind, value)))
        if outcome != "done":
            text = f"what the task returned cannot be sent: {content}"
            content = pickle.dumps((outcome, text[:_LONGEST_TEXT]))
        elif len(content) > MOST_BYTES[ANSWER]:
            text = f"what the task returned takes {len(content):,} bytes, and {MOST_BYTES[ANSWER]:,} are the most"
            content = pickle.dumps(("error", text))
        self._send(ANSWER, content)

    def _send(self, letter: bytes, content: bytes) -> None:
        with self._lock:
            write_all(self._descriptor, packed(letter, content))


def run_child(work: bytes, folder: str, gpus: Sequence[Gpu], answer: int, log: int) -> None:
    """Run a task in this process, which ends with it: what it prints goes to the log, its outcome through the pipe.

    Args:
        work: the task and its arguments, pickled.
        folder: for its temporary files.
        gpus: all that the process may see.
        answer: the descriptor of the pipe that progress and the outcome go through, see ``frames``.
        log: that of the pipe that what is printed goes to.
    """
    be_killed_first()
    nowhere = os.open(os.devnull, os.O_RDONLY)
    for descriptor, place in ((nowhere, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, place)
    os.close(nowhere)
    os.close(log)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    faulthandler.enable(file=sys.stderr)
    use_for_temporary_files(Path(folder))  # which the session removes when the task has ended
    # CUDA reads it when it is first used, which importing TensorFlow in the server is not.
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpu.uuid for gpu in gpus) or "-1"
    sender = _Sender(answer)
    listen(sender.tell)
    if gpus:
        os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # for the processes that a technique starts

    def prepared() -> Any:
        task, arguments = pickle.loads(work)  # noqa: S301 - the session wrote it
        if gpus:
            let_gpu_memory_grow()
        return task(*arguments)

    code = 1
    try:
        sender.answer(*attempt(prepared))
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - the process ends here, whatever it is
        traceback.print_exc()
    finally:
        os._exit(code & 255)


def attempt(work: Callable[[], Any]) -> tuple[str, Any]:
    """Return what came of some work: ``done`` with what it returned, or the kind of its failure with a line of text.

    This is the border of the process: whatever the work raises becomes this case's failure.
    """
    try:
        return "done", work()
    except UsageError as error:
        return "usage", _said(error)
    except OpmlError as error:
        return "error", _said(error)
    except MemoryError as error:
        return "out_of_memory", f"the process ran out of memory: {_said(error)}".rstrip(": ")
    except Exception as error:  # noqa: BLE001 - see above
        sys.stderr.write(traceback.format_exc()[-_LONGEST_SAID:])
        said, name = _said(error), type(error).__name__
        text = one_line(said) if said.strip() else name
        # TensorFlow's word for a full disk is the same.
        exhausted = name == "ResourceExhaustedError" and os.strerror(errno.ENOSPC) not in said
        return "out_of_memory" if exhausted else "error", text if text == name else f"{name}: {text}"


def _said(error: Exception) -> str:
    """What an error of anybody's says, as far as somebody would read it; empty where it cannot say anything."""
    try:
        return str(error)[:_LONGEST_SAID]
    except Exception:  # noqa: BLE001 - of the user's own class
        return ""
