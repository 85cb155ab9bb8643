"""Resident memory of this process."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import NamedTuple

import psutil

from .cgroup import read_memory_limit

_STATUS = Path("/proc/self/status")
# Of what there is, for a case; the rest is for the system and what runs beside it.
_SHARE = 0.8


class MemoryLimit(NamedTuple):
    """What one case may hold, in bytes, and where that comes from, as messages say it."""

    size: float
    source: str


def default_limit() -> MemoryLimit:
    """Return the limit of a case for which nobody has set one: a share of what the container or the machine has."""
    machine, container = int(psutil.virtual_memory().total), read_memory_limit()
    if container is not None and container < machine:
        return MemoryLimit(_SHARE * container, f"{_SHARE:.0%} of the container's memory; set --opml-memory-mb")
    return MemoryLimit(_SHARE * machine, f"{_SHARE:.0%} of the machine's memory; set --opml-memory-mb")


def reset_peak() -> int:
    """Start a new peak where the system allows it; returns the bytes resident now."""
    # Where the system does not allow it, the peak is that of the whole process.
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return int(psutil.Process().memory_info().rss)


def device_peak_bytes() -> int | None:
    """Return the most that TensorFlow held on its GPU since it started; None where it runs on none.

    With memory growth this is what the model took, not all that there is.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not tensorflow.config.list_logical_devices("GPU"):
        return None
    return int(tensorflow.config.experimental.get_memory_info("GPU:0")["peak"])


def peak_bytes() -> int:
    """Return the largest resident size since ``reset_peak``."""
    for line in _STATUS.read_text().splitlines() if _STATUS.exists() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
