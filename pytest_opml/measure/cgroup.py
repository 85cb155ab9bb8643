"""What a container may use of the processors, as Linux tells it in control groups, of version 2 or 1.

A quota lets a process run on any core, but only for so many seconds of each second; what is over stands still until
the next period. So a quota of 2 is two cores, whatever the machine has.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_NO_LIMIT = 1 << 62  # what version 1 says where there is none is a little less than 2 ** 63
_GROUPS, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def read_cpu_quota(groups: Path = _GROUPS, own: Path = _OWN) -> float | None:
    """Return how many cores' worth of time this process and its group may use; None where nothing limits them.

    Args:
        groups: the folder that the control groups are mounted on.
        own: the file that names the group of this process.
    """
    quotas = [quota for folder in _folders(groups, own) if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def read_throttled_seconds(groups: Path = _GROUPS, own: Path = _OWN) -> float | None:
    """Return for how long this process' group, or one around it, has stood still for its quota; None without one.

    Args:
        groups: as ``read_cpu_quota`` has it.
        own: likewise.
    """
    seconds = [
        stopped
        for folder in _folders(groups, own)
        if _quota(folder) is not None and (stopped := _throttled(folder)) is not None
    ]
    return max(seconds, default=None)


def read_memory_limit(groups: Path = _GROUPS, own: Path = _OWN) -> int | None:
    """Return how many bytes this process and its group may hold; None where nothing limits them.

    Args:
        groups: as ``read_cpu_quota`` has it.
        own: likewise.
    """
    names = ("memory.max", "memory.limit_in_bytes")
    texts = [_read(folder / name) or "" for folder in _folders(groups, own, "memory") for name in names]
    return min((int(text) for text in texts if text.isdigit() and int(text) < _NO_LIMIT), default=None)


def usable_cores() -> list[int]:
    """Return the numbers of the cores that this process may run on."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def available_cores() -> int:
    """Return how many cores this process may use: of those that it may run on, as many as its container's quota is."""
    cores, quota = len(usable_cores()), read_cpu_quota()
    return cores if quota is None else min(cores, max(1, math.ceil(quota)))


def _folders(groups: Path, own: Path, controller: str = "cpu") -> Iterator[Path]:
    """Yield the folder of the group that limits what this process takes, its time or memory, and those around it."""
    for line in (_read(own) or "").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if not controllers:
            top = groups
        elif controller in controllers.split(","):
            top = next((groups / name for name in (controllers, controller) if (groups / name).is_dir()), groups)
        else:
            continue
        # seen from inside a container, the path may be one that is not mounted there: then its own group is the top
        folder = top / path.lstrip("/")
        folder = folder if folder.is_dir() and ".." not in folder.parts else top
        yield folder
        while folder != top:
            folder = folder.parent
            yield folder


def _quota(folder: Path) -> float | None:
    text = _read(folder / "cpu.max")
    if text is None:
        text = f"{_read(folder / 'cpu.cfs_quota_us')} {_read(folder / 'cpu.cfs_period_us')}"
    try:
        quota, period = map(float, text.split())
    except ValueError:  # "max": no limit
        return None
    return quota / period if quota > 0 and period > 0 else None


def _throttled(folder: Path) -> float | None:
    fields = dict(line.split(None, 1) for line in (_read(folder / "cpu.stat") or "").splitlines() if " " in line)
    for name, unit in (("throttled_usec", 1e-6), ("throttled_time", 1e-9)):
        if (text := fields.get(name, "")).isdigit():
            return int(text) * unit
    return None


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
