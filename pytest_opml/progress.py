"""What a long piece of work says of itself while it goes on, to whoever listens.

The work is deep inside libraries and in another process than the one that shows it, so it reports to its own process,
and the worker passes that on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Progress(NamedTuple):
    """A stage of the work, and how much of it is done; a total of 0 means that nobody knows."""

    stage: str
    done: int = 0
    total: int = 0

    def __str__(self) -> str:
        return f"{self.stage} {self.done}/{self.total}" if self.total else self.stage


_listeners: list[Callable[[Progress], None]] = []


def listen(listener: Callable[[Progress], None]) -> None:
    """Hear of all progress of this process from now on."""
    _listeners.append(listener)


def report_progress(stage: str, done: int = 0, total: int = 0) -> None:
    """Say how far a stage has come. Cheap, but not for inside a timed section."""
    for listener in _listeners:
        listener(Progress(stage, done, total))
