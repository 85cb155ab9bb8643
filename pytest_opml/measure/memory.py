"""Resident memory of this process."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import psutil

_STATUS = Path("/proc/self/status")


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
