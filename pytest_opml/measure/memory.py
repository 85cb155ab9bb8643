"""Resident memory of this process."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import psutil

from .cgroup import read_memory_limits

_STATUS = Path("/proc/self/status")
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def reset_peak() -> int:
    """Start a new peak where the system allows it; returns the bytes resident now."""
    # Where the system does not allow it, the peak is that of the whole process.
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return int(psutil.Process().memory_info().rss)


def resident_bytes(pid: int) -> int:
    """Return what another process holds now; 0 for one that has ended."""
    try:
        if sys.platform == "linux":
            return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE
        return int(psutil.Process(pid).memory_info().rss)
    except (OSError, IndexError, psutil.Error):
        return 0


def machine_bytes() -> int:
    """Return the memory that this process may use: of the machine, or of its container where that has less."""
    return min([psutil.virtual_memory().total, *read_memory_limits()])


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
