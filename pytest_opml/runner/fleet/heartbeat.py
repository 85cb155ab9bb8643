"""A sign of life that passes through a file, so that work on other machines ends when whoever wanted it is gone.

A file, since it is all that a driver and its jobs share. What counts is whether its text changes, by the clock of who
reads it: the clocks of two machines differ. How old the last sign is when the watch begins says the clock of the file
server, which has dated another file just now: of many short works, none would wait for a sign that does not come. The
file is opened each time, since a network file system shows the newest text to who opens a file, and may show old
attributes for a minute.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

BEAT_S = 5.0
PATIENCE_S = 30.0  # a file server may answer that late
_MOST_MISSED = 2


class Heartbeat:
    """Writes the sign of life of this process until it is stopped, or the process ends.

    Args:
        path: of the file; its folder is there.
        seconds: between two signs.
    """

    def __init__(self, path: Path, seconds: float = BEAT_S) -> None:
        self._path, self._seconds = path, seconds
        self._is_over = threading.Event()
        self._count = 0
        self._write()
        self._thread = threading.Thread(target=self._beat, name="opml heartbeat", daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._is_over.wait(self._seconds):
            with suppress(OSError):  # a file server that fails once; if it goes on, the readers take it for the end
                self._write()

    def _write(self) -> None:
        self._count += 1
        self._path.write_text(str(self._count), "ascii")

    def stop(self) -> None:
        """Give no further sign."""
        self._is_over.set()
        self._thread.join()


def watch(path: Path, on_silence: Callable[[], None], patience_s: float = PATIENCE_S, look_s: float = BEAT_S) -> None:
    """Call a function as soon as there is no sign of life any more; returns at once.

    Args:
        path: of the file that the signs are written to.
        on_silence: is called once, in a thread of its own.
        patience_s: seconds without a new sign that mean the end.
        look_s: seconds between two looks; a file that is gone in two of them means the end, too.
    """
    text, age_s = _last_sign(path)
    changed_at = time.monotonic() - age_s

    def look() -> None:
        nonlocal text, changed_at
        missed = 0
        while time.monotonic() - changed_at < patience_s and missed < _MOST_MISSED:
            time.sleep(look_s)
            try:
                before, text = text, path.read_text("ascii")
            except FileNotFoundError:  # whoever gave the signs has removed it
                missed += 1
            except OSError:  # a file server that fails once
                missed = 0
            else:
                missed, changed_at = 0, time.monotonic() if text != before else changed_at
        on_silence()

    threading.Thread(target=look, name="opml watch", daemon=True).start()


def _last_sign(path: Path) -> tuple[str, float]:
    """Return the last sign of life, and how many seconds ago it was given, by the clock of the file server."""
    try:
        with path.open(encoding="ascii") as stream, NamedTemporaryFile(dir=path.parent, prefix=".now-") as now:
            now.write(b"now")
            now.flush()
            os.fsync(now.fileno())
            age_s = os.fstat(now.fileno()).st_mtime - os.fstat(stream.fileno()).st_mtime
            return stream.read(), max(age_s, 0.0)
    except OSError:  # as if it had been given now; there may be one again at the next look
        return "", 0.0
