"""What a long piece of work says of itself while it goes on, to whoever listens.

The work is deep inside libraries and in another process than the one that shows it, so it reports to its own process,
and the worker passes that on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Progress(NamedTuple):
    """A stage of the work.

    Attributes:
        stage: what is done, in words.
        done: how much of it is over.
        total: of how much; 0 where nobody knows.
        is_waiting: whether nothing is done, until another run has finished; to be told where there is no terminal too.
        is_building: whether the artifact of a case is being built, which a case that the cache holds has behind it.
        is_note: whether it is no stage but something that the user should know; to be told once in a run, where there
            is no terminal too.
    """

    stage: str
    done: int = 0
    total: int = 0
    is_waiting: bool = False
    is_building: bool = False
    is_note: bool = False

    def __str__(self) -> str:
        return f"{self.stage} {self.done}/{self.total}" if self.total else self.stage


_listeners: list[Callable[[Progress], None]] = []


def listen(listener: Callable[[Progress], None]) -> None:
    """Hear of all progress of this process from now on."""
    _listeners.append(listener)


def report_progress(stage: str, done: int = 0, total: int = 0, *, is_waiting: bool = False) -> None:
    """Say how far a stage has come. Cheap, but not for inside a timed section."""
    for listener in _listeners:
        listener(Progress(stage, done, total, is_waiting))


def report_note(text: str) -> None:
    """Say something that the user should know of, and that the work goes on with."""
    for listener in _listeners:
        listener(Progress(text, is_note=True))
