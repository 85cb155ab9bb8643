"""The end of the line that stands in a terminal: what is being done, and how long it may still take."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TextIO

from ...printable import printable

if TYPE_CHECKING:
    from ...case import Case
    from ...progress import Progress

_NARROWEST = 20


class ProgressLine:
    """Shows progress behind what stands in the terminal's line already, and takes it away again.

    Args:
        stream: the terminal; None shows nothing.
        room: how many columns of the line are free.
        tests: how many there are to run.
        uncaptured: in which what is written reaches the terminal.
        log: where a line goes that is to be read without a terminal too; None for nowhere.
    """

    def __init__(
        self,
        stream: TextIO | None,
        room: Callable[[], int],
        tests: int,
        uncaptured: Callable[[], AbstractContextManager[None]] = nullcontext,
        log: TextIO | None = None,
    ) -> None:
        self._log = log
        self._stream, self._room, self._tests, self._uncaptured = stream, room, tests, uncaptured
        self._done, self._began, self._shown = 0, time.monotonic(), 0

    def __call__(self, case: Case, progress: Progress) -> None:
        """Show what is done for a case."""
        parts = case.parts
        if progress.is_waiting and self._log is not None:
            with self._uncaptured():
                self._log.write(f"\n{printable(f'opml: {progress}')}\n")
                self._log.flush()
        left = self._time_left()
        self._show(f" [{self._done + 1}/{self._tests}{left}] {parts.top}/{parts.technique}: {progress}")

    def _time_left(self) -> str:
        if not self._done:
            return ""
        seconds = (time.monotonic() - self._began) / self._done * (self._tests - self._done)
        return f", {seconds / 60:.0f} min left" if seconds >= 90 else f", {seconds:.0f} s left"

    def _show(self, text: str) -> None:
        self.clear()
        room = self._room() - 1  # the last column would wrap
        if self._stream is None or room < _NARROWEST:
            return
        text = printable(text)
        shown = text if len(text) <= room else text[: room - 1] + "…"
        self._write(shown)
        self._shown = len(shown)

    def clear(self) -> None:
        """Leave the line as it was."""
        if self._shown:
            self._write("\b" * self._shown + " " * self._shown + "\b" * self._shown)
        self._shown = 0

    def _write(self, text: str) -> None:
        if self._stream is not None:
            with self._uncaptured():
                self._stream.write(text)
                self._stream.flush()

    def finished(self) -> None:
        """A test has ended."""
        self.clear()
        self._done += 1

    def restarted(self) -> None:
        """A test that has ended is run again."""
        self._done -= 1
