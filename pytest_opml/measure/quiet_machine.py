"""Waiting until nothing disturbs what is to be timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

from ..records.device import Device
from .cpu_load import LoadWatch
from .disturbance import of_gpu
from .gpu_monitor import GpuMonitor

_LOOK_SECONDS = 1.0


def wait_until_quiet(device: Device, longest_s: float, look: Callable[[Device], list[str]] | None = None) -> bool:
    """Return whether the machine was quiet for a second, at the latest after ``longest_s`` of waiting.

    Args:
        device: that is to be quiet: its processors, and its GPU where it has one.
        longest_s: seconds to wait at the most; one look is taken in any case.
        look: watches the device for a while and says what disturbs it; None for a second of the real one.
    """
    until = time.monotonic() + longest_s
    while (look or watch_for_a_second)(device):
        if time.monotonic() >= until:
            return False
    return True


def watch_for_a_second(device: Device) -> list[str]:
    """Say what disturbed a device within the next second, in which this process does nothing."""
    with GpuMonitor(device.gpu.uuid) if device.gpu else nullcontext() as monitor:
        watch = LoadWatch()
        time.sleep(_LOOK_SECONDS)
        disturbances = watch.disturbances(device.cores)
    return disturbances + (of_gpu(monitor.result()) if monitor else [])
