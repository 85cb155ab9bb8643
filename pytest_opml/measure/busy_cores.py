"""How many cores a runtime kept busy while it was timed: what it does, beside what it says."""

from __future__ import annotations

import time

from ..errors import ThreadsError

# A runtime of one thread was seen to keep up to 1.02 cores busy, with what Python does meanwhile.
_ROOM = 1.25
# The system adds up the time of other threads at each of its ticks, which may be as few as a hundred in a second.
_SHORTEST_S = 1.0


class BusyCores:
    """CPU time of this process, all its threads together, in the sections between ``begin`` and ``end``."""

    def __init__(self) -> None:
        self._began, self._cpu_began = 0.0, 0.0
        self._seconds, self._cpu_s = 0.0, 0.0

    def begin(self) -> None:
        """Begin a section."""
        self._began = time.perf_counter()  # around the other clock, so that never more cores are seen than there are
        self._cpu_began = time.process_time()

    def end(self) -> None:
        """End a section."""
        self._cpu_s += time.process_time() - self._cpu_began
        self._seconds += time.perf_counter() - self._began

    @property
    def cores(self) -> float | None:
        """Cores that were busy on average; None where the sections are too short to tell.

        On a machine that others load too, they are fewer than the process could use.
        """
        return self._cpu_s / self._seconds if self._seconds >= _SHORTEST_S else None


def require_cores(runtime: str, cores: float | None, threads: int) -> None:
    """Refuse times of a runtime that kept more cores busy than it was given threads.

    Args:
        runtime: its name.
        cores: that it kept busy on average; None where that is not known.
        threads: that it was given.

    Raises:
        ThreadsError: it kept more busy.
    """
    if cores is not None and cores > _ROOM * threads:
        raise ThreadsError(
            f"{runtime} kept {cores:.2f} cores busy while it was timed, with {threads} threads (--opml-threads): it "
            "does not keep to them, or something else ran in its process"
        )
