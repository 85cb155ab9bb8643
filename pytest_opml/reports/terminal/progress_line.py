"""The end of the line that stands in a terminal: what is being done, and how long it may still take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TextIO

from ...printable import printable
from .time_left import Durations, FinishedTest, RunningTest, time_left

if TYPE_CHECKING:
    from ...case import Case
    from ...progress import Progress

_NARROWEST = 20
LOG_EVERY_S = 60.0


class ProgressLine:
    """Shows progress behind what stands in the terminal's line already, and takes it away again.

    Args:
        stream: the terminal; None shows nothing.
        room: how many columns of the line are free.
        tests: the names of those to run, in their order; empty where their number is not known.
        uncaptured: in which what is written reaches the terminal.
        log: where a line goes that is to be read without a terminal too; None for nowhere.
        is_logged: whether a line in the log says once a minute what the terminal would show.
        earlier: what tests took in earlier runs, by name.
    """

    def __init__(
        self,
        stream: TextIO | None,
        room: Callable[[], int],
        tests: Sequence[str] = (),
        uncaptured: Callable[[], AbstractContextManager[None]] = nullcontext,
        log: TextIO | None = None,
        *,
        is_logged: bool = False,
        earlier: Mapping[str, Durations] | None = None,
    ) -> None:
        self._stream, self._room, self._tests, self._uncaptured = stream, room, tests, uncaptured
        self._log, self._is_logged = log, is_logged
        self._earlier = dict(earlier or {})
        self._finished: list[FinishedTest] = []
        self._began = self._logged = time.monotonic()
        self._is_building, self._shown = False, 0
        self._notes: set[str] = set()

    def __call__(self, case: Case | None, progress: Progress) -> None:
        """Show what is done for a case, or for the run as a whole."""
        self.show(f"{case.parts.top}/{case.parts.technique}" if case else "run", progress)

    def show(self, name: str, progress: Progress) -> None:
        """Show what is done for something that has a name; what is to be noted is told once."""
        if progress.is_note:
            self._note(str(progress))
            return
        self._is_building = self._is_building or progress.is_building
        text = f"{self._place()} {name}: {progress}"
        if progress.is_waiting:
            self._write_log(str(progress))
        elif self._is_logged and time.monotonic() - self._logged >= LOG_EVERY_S:
            self._logged = time.monotonic()
            self._write_log(text)
        self._show(f" {text}")

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.add(text)
            self.clear()
            self._write_log(text)

    def _place(self) -> str:
        """Return which test it is of how many, and the time left: ``[3/8, about 4 min left]``."""
        place = f"{len(self._finished) + 1}{f'/{len(self._tests)}' if self._tests else ''}"
        running = RunningTest(time.monotonic() - self._began, self._is_building)
        left = time_left(self._tests, self._finished, running, self._earlier)
        return f"[{', '.join(filter(None, (place, str(left or ''))))}]"

    def _write_log(self, text: str) -> None:
        if self._log is not None:
            with self._uncaptured():
                self._log.write(f"\n{printable(f'opml: {text}')}\n")
                self._log.flush()

    def _show(self, text: str) -> None:
        self.clear()
        with self._uncaptured():  # while the output is captured, nobody can tell the width of the terminal
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
        now, number = time.monotonic(), len(self._finished)
        name = self._tests[number] if number < len(self._tests) else ""
        self._finished.append(FinishedTest(name, now - self._began, self._is_building))
        self._began, self._is_building = now, False

    def restarted(self) -> None:
        """A test that has ended is run again."""
        if self._finished:
            self._finished.pop()

    def durations(self) -> dict[str, Durations]:
        """Return what the tests of this run took, by name, beside what they took in earlier runs."""
        durations: dict[str, Durations] = {}
        for test in self._finished:
            kind = "built" if test.is_built else "loaded"
            before = self._earlier.get(test.name, Durations())
            durations[test.name] = before._replace(**{kind: test.seconds})
        return durations
