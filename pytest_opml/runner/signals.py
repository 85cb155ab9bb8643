"""Signals that end a run: SIGTERM and SIGHUP, as of a CI service or a closed terminal, end it as Ctrl-C does.

They raise KeyboardInterrupt where the run is. Where that does not end it, since native code does not come back or
something catches it, a thread ends it in time: who sent the signal sends SIGKILL some seconds later.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

INTERRUPTED = 2  # exit code, as of pytest

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
# Seconds after a signal when the run is ended beside what it does, and when the process is, whatever it does.
_LATE_S, _LAST_S = 5.0, 9.0
# So soon after the first, another signal is the same one: a key that was pressed twice, a group that was signalled too.
_SAME_S = 1.0


class EndSignals:
    """Ends a run when a signal asks for it; made in the main thread, where alone signals can be handled.

    Only signals that nobody handles are, and Ctrl-C where it does what it does in Python. After its ``with`` block, or
    ``restore``, they are handled as before.

    Args:
        ends_process: whether the process ends soon after a run that a signal ended; further ones are ignored then.

    Attributes:
        name: of the first signal; empty where none came.
    """

    def __init__(self, *, ends_process: bool = False) -> None:
        self.name = ""
        self._ends_process = ends_process
        self._on_late: Callable[[], object] = lambda: None
        self._came_at, self._was_raised, self._deadline = 0.0, False, False
        self._is_ending = self._has_ended = False
        self._while_ending = 0
        self._at_end, self._noting = threading.Lock(), threading.RLock()
        self._replaced: dict[int, Any] = {}
        self._wake_up = -1
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, *_ENDING):
            handler = signal.getsignal(number)
            if handler is (signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL):
                self._replaced[number] = handler
                signal.signal(number, self._handle)
        self._listen()
        _LIVING.append(self)

    def __enter__(self) -> EndSignals:
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()

    def end_late_by(self, on_late: Callable[[], object]) -> None:
        """Say what ends the run in the place of the main thread, where that does not: it writes the record."""
        self._on_late = on_late

    def restore(self) -> None:
        """Handle signals as before."""
        self._has_ended = True
        for number, handler in self._replaced.items():
            if signal.getsignal(number) == self._handle:
                # a second signal must not change how a process ends that the first one has ended
                signal.signal(number, signal.SIG_IGN if self._ends_process and self.name else handler)
        self._replaced = {}
        if self._wake_up >= 0:
            if (theirs := signal.set_wakeup_fd(-1)) not in (-1, self._wake_up):
                signal.set_wakeup_fd(theirs)
            os.close(self._wake_up)
            self._wake_up = -1
        if self in _LIVING:
            _LIVING.remove(self)

    def _listen(self) -> None:
        """Start a thread that hears of signals while native code keeps the main thread from handling them."""
        if not self._replaced:
            return
        read, write = os.pipe()
        os.set_blocking(write, False)
        if (theirs := signal.set_wakeup_fd(write, warn_on_full_buffer=False)) != -1:
            signal.set_wakeup_fd(theirs)  # somebody else hears of them
            os.close(read)
            os.close(write)
            return
        self._wake_up = write
        threading.Thread(target=self._hear, args=(read,), daemon=True).start()

    def _hear(self, read: int) -> None:
        """In a thread: hear of signals until nobody handles them here any more."""
        while numbers := os.read(read, 64):
            for number in filter(self._replaced.__contains__, numbers):
                self._note(number)
        os.close(read)

    @contextlib.contextmanager
    def ending(self) -> Iterator[None]:
        """Let no signal stop the block, which writes the record of the run.

        Who is in a hurry sends three; what was written ahead is then taken in by the next session.
        """
        with self._at_end:
            self._is_ending = True
            try:
                yield
            finally:
                self._is_ending, self._has_ended = False, True

    @property
    def described(self) -> str:
        """Say in a word how the run was ended: ``ended by SIGTERM``, or ``interrupted`` by Ctrl-C."""
        return f"ended by {self.name}" if self.name not in ("", "SIGINT") else "interrupted"

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        self._note(number)
        is_first, self._was_raised = not self._was_raised, True
        if is_first:
            self._came_at = now
        if self._is_ending:
            self._while_ending += 1
            if self._while_ending < 3:
                return
        elif self._has_ended and number in _ENDING:
            return  # what is left to do takes no long time
        elif not is_first and now - self._came_at < _SAME_S:
            return
        raise KeyboardInterrupt(self.described)

    def _note(self, number: int) -> None:
        with self._noting:
            self.name = self.name or signal.Signals(number).name
            is_new, self._deadline = number in _ENDING and not self._deadline, self._deadline or number in _ENDING
        if is_new:
            threading.Thread(target=self._end_in_time, daemon=True).start()

    def _end_in_time(self) -> None:
        """In a thread: end the run where the main thread does not, and the process where it does not end."""
        began = time.monotonic()
        time.sleep(_LATE_S)
        if not self._has_ended and self._at_end.acquire(timeout=_LAST_S - _LATE_S):
            if not self._has_ended:
                try:
                    self._on_late()
                finally:  # what it could not write the next session takes in
                    _exit()
            self._at_end.release()
        time.sleep(max(0.0, began + _LAST_S - time.monotonic()))
        if self._replaced:  # the run's process has not gone on to do something else
            _exit()


def _leave_to_parent() -> None:
    """In a process that was forked: die of signals as if nobody handled them, and tell the parent nothing of them."""
    for signals in _LIVING[:]:
        signals.restore()


_LIVING: list[EndSignals] = []
os.register_at_fork(after_in_child=_leave_to_parent)


def _exit() -> None:
    """End the process at once: its workers end with it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(INTERRUPTED)
