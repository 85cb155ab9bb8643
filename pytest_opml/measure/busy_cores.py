"""How many cores a runtime kept busy while it was timed: what it does, beside what it says."""

from __future__ import annotations

import time

from ..errors import ThreadsError

# A runtime of one thread was seen to keep up to 1.02 cores busy, with what Python does meanwhile.
_ROOM = 1.25


class BusyCores:
    """CPU time of this process, all its threads together, in the sections between ``begin`` and ``end``."""

    def __init__(self) -> None:
        self._began = self._cpu_s = self._seconds = 0.0

    def begin(self) -> None:
        """Begin a section."""
        self._began = time.process_time()

    def end(self, seconds: float) -> None:
        """End a section.

        Args:
            seconds: that it took.
        """
        self._cpu_s += time.process_time() - self._began
        self._seconds += seconds

    @property
    def cores(self) -> float:
        """Cores that were busy on average; on a machine that others load too, fewer than the process could use."""
        return self._cpu_s / self._seconds if self._seconds else 0.0


def require_cores(runtime: str, cores: float, threads: int) -> None:
    """Refuse times of a runtime that kept more cores busy than it was given threads.

    Args:
        runtime: its name.
        cores: that it kept busy on average.
        threads: that it was given.

    Raises:
        ThreadsError: it kept more busy.
    """
    if cores > _ROOM * threads:
        raise ThreadsError(
            f"{runtime} kept {cores:.2f} cores busy while it was timed, with {threads} threads (--opml-threads): it "
            "does not keep to them, or something else ran in its process"
        )
