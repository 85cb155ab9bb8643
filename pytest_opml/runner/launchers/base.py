"""What runs the tasks of a case, and how it fails.

A launcher is a transport: it takes a task somewhere and brings back what the task returns. What it must carry there:

- the task, a function at the top level of a module that can be imported there (those of ``runner/tasks.py``);
- its arguments and what it returns, which can be pickled, and errors, which become ``WorkerFailed`` on the way;
- what a running task says of its progress.

Of the arguments only ``LocalPaths`` names folders of one machine; ``BuildOptions``, ``MeasurementPlan``, ``BuiltCase``
and ``Result`` name an artifact by its entry in the cache. A launcher that leaves the machine replaces ``LocalPaths`` by
folders there, and takes along or shares: the entries of the cache that a ``BuiltCase`` names, the content of
``case_dir`` (with the image files that it lists), and the modules of ``BuildOptions.registrations``.
"""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from ...errors import CaseFailed, StorageError
from ...progress import Progress
from ...storage.work_folder import work_folder

Value = TypeVar("Value")


class ProcessLimits(NamedTuple):
    """What one case may take.

    Attributes:
        seconds: in all.
        memory_bytes: resident, in all processes of a task together; None for no limit.
        spent: of the seconds, those that earlier tasks of the case took.
        memory_from: where the limit on memory comes from, as messages say it.
        devices: how many GPUs a task may see, of a launcher that has some.
    """

    seconds: float
    memory_bytes: float | None
    spent: float = 0.0
    memory_from: str = "--opml-memory-mb"
    devices: int = 1


class WorkerFailed(CaseFailed):
    """A case failed in its worker; carries the end of what the worker printed."""

    def __init__(self, kind: str, message: str, log_tail: str) -> None:
        super().__init__(kind, message)
        self.log_tail = log_tail


def ignore_progress(_progress: Progress) -> None:
    """Listen to nothing."""


class Launcher(ABC):
    """Runs one task at a time. To override: ``run``.

    A launcher decides where a task runs and keeps it within the limits; it takes no lock of a device, which is the
    part of who asks it.
    """

    @abstractmethod
    def run(
        self,
        task: Callable[..., Value],
        arguments: tuple[Any, ...],
        limits: ProcessLimits,
        on_progress: Callable[[Progress], None] = ignore_progress,
    ) -> Value:
        """Return what the task returns for the arguments.

        Args:
            task: a function at the top level of a module.
            arguments: of the task.
            limits: at which the task is ended.
            on_progress: is told what the task says of its progress.

        Raises:
            WorkerFailed: the task failed or was ended; with the kind of failure.
        """


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for the files of a task or a case, which is removed after its ``with`` block.

    Raises:
        WorkerFailed: no folder can be made.
    """
    try:
        return tempfile.TemporaryDirectory(prefix="opml-", dir=work_folder(), ignore_cleanup_errors=True)
    except StorageError as error:
        raise WorkerFailed("usage", f"temporary files: {error}", "") from error
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        text = f"temporary files: {error.strerror}{where}; set TMPDIR to another folder"
        raise WorkerFailed("usage", text, "") from error
