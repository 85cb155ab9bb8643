"""What else the machine did while something was timed on it."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from ..records.result import OtherLoad
from .cgroup import available_cores, read_throttled_seconds, usable_cores
from .disturbance import of_load

_THROTTLES = Path("/sys/devices/system/cpu")
_IDLE = ("idle", "iowait", "steal", "guest", "guest_nice")  # a guest's time is in the user's already
# The system counts each processor's busy time in hundredths of a second; of shorter sections they say too little.
_SHORTEST_S = 0.5


class LoadWatch:
    """From its making to ``load``: the work of others on the processors that this process may use.

    Others are all but this process, those that it started, and those between it and the session that it works for. In a
    container with a quota only that work of others counts which leaves fewer cores free than the quota is.

    Args:
        within: a watch that began earlier, whose load stands for that of this one where this one is too short for the
            system's clock.
    """

    def __init__(self, within: LoadWatch | None = None) -> None:
        self._own, self._within = psutil.Process(), within
        self._began, self._busy, self._stolen, self._used = self._now()
        self._throttled, self._stopped = _throttle_events(), read_throttled_seconds()

    def _now(self) -> tuple[float, float, float, float]:
        """Seconds: the clock, all work on our processors, what the hypervisor took, and our own work."""
        usable = set(usable_cores())
        cores = [times for number, times in enumerate(psutil.cpu_times(percpu=True)) if number in usable]
        busy = sum(sum(times) - sum(getattr(times, name, 0.0) for name in _IDLE) for times in cores)
        stolen = sum(getattr(times, "steal", 0.0) for times in cores)
        return time.perf_counter(), busy, stolen, self._family_seconds()

    def _family_seconds(self) -> float:
        """Seconds of work of this process, of those that it started, and of those up to its session."""
        own = self._own.cpu_times()
        seconds = own.user + own.system + own.children_user + own.children_system
        for relative in (*self._own.children(recursive=True), *_up_to_the_session(self._own)):
            try:
                times = relative.cpu_times()
            except psutil.Error:
                continue  # it has ended since
            seconds += times.user + times.system
        return float(seconds)

    def load(self) -> OtherLoad:
        """Return the average since the start."""
        return self._average()[0]

    def disturbances(self, cores: int) -> list[str]:
        """Say what disturbed a time that was taken from the start up to now; nothing on a quiet machine.

        Args:
            cores: of the machine, for the text.
        """
        load, seconds = self._average()
        if seconds < _SHORTEST_S and self._within is not None:
            return self._within.disturbances(cores)
        return of_load(load, cores, seconds)

    def _average(self) -> tuple[OtherLoad, float]:
        """The load since the start, and the seconds since then."""
        now, busy, stolen, used = self._now()
        seconds = max(now - self._began, 1e-9)
        others = (busy - self._busy) - (used - self._used)
        spare = len(usable_cores()) - available_cores()
        throttled, stopped = _throttle_events(), read_throttled_seconds()
        load = OtherLoad(
            cores=max(0.0, others / seconds - spare),
            stolen_cores=max(0.0, (stolen - self._stolen) / seconds),
            throttle_events=None if throttled is None or self._throttled is None else throttled - self._throttled,
            quota_stops_s=None if stopped is None or self._stopped is None else max(0.0, stopped - self._stopped),
        )
        return load, seconds


def _up_to_the_session(process: psutil.Process) -> Iterator[psutil.Process]:
    """The processes above one in a worker, up to that of its session; none elsewhere."""
    session = multiprocessing.parent_process()
    for parent in process.parents() if session else ():
        yield parent
        if session and parent.pid == session.pid:
            return


def _throttle_events() -> int | None:
    """Times that the processors were slowed for their heat since the system started; None where it does not tell."""
    try:
        counts = [int(path.read_text()) for path in _THROTTLES.glob("cpu[0-9]*/thermal_throttle/core_throttle_count")]
    except (OSError, ValueError):
        return None
    return sum(counts) if counts else None
