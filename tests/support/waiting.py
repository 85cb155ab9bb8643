"""Waiting for what another process does: until it happens, and not for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

PATIENCE_S = 90.0


def wait_for(what: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"nothing after {seconds:g} s"
        time.sleep(0.05)


def ended(process: psutil.Process) -> bool:
    """Whether a process runs no more; one whose parent has not asked for its end yet counts as ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
