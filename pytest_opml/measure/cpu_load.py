"""What else the machine did while something was timed on it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil

from ..records.result import OtherLoad

_THROTTLES = Path("/sys/devices/system/cpu")
_IDLE = ("idle", "iowait", "steal", "guest", "guest_nice")  # a guest's time is in the user's already


class LoadWatch:
    """From its making to ``load``: the work of others on the processors that this process may use.

    The system counts each processor's busy time in hundredths of a second, so sections under a second say little.
    """

    def __init__(self) -> None:
        self._own = psutil.Process()
        self._began, self._busy, self._stolen, self._used = self._now()
        self._throttled = _throttle_events()

    def _now(self) -> tuple[float, float, float, float]:
        """Seconds: the clock, all work on our processors, what the hypervisor took, and our own work."""
        usable = set(_usable())
        cores = [times for number, times in enumerate(psutil.cpu_times(percpu=True)) if number in usable]
        busy = sum(sum(times) - sum(getattr(times, name, 0.0) for name in _IDLE) for times in cores)
        own = self._own.cpu_times()
        return time.perf_counter(), busy, sum(getattr(times, "steal", 0.0) for times in cores), own.user + own.system

    def load(self) -> OtherLoad:
        """Return the average since the start."""
        now, busy, stolen, used = self._now()
        seconds = max(now - self._began, 1e-9)
        others = (busy - self._busy) - (used - self._used)
        throttled = _throttle_events()
        return OtherLoad(
            cores=max(0.0, others / seconds),
            stolen_cores=max(0.0, (stolen - self._stolen) / seconds),
            throttle_events=None if throttled is None or self._throttled is None else throttled - self._throttled,
        )


def _usable() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def _throttle_events() -> int | None:
    """Times that the processors were slowed for their heat since the system started; None where it does not tell."""
    try:
        counts = [int(path.read_text()) for path in _THROTTLES.glob("cpu[0-9]*/thermal_throttle/core_throttle_count")]
    except (OSError, ValueError):
        return None
    return sum(counts) if counts else None
