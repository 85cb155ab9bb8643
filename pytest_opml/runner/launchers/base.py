"""What a launcher is told, and how it fails."""

from __future__ import annotations

from typing import NamedTuple

from ...errors import CaseFailed


class ProcessLimits(NamedTuple):
    """What one case may take: seconds in all, and bytes of resident memory in each of its processes."""

    seconds: float
    memory_bytes: float | None


class WorkerFailed(CaseFailed):
    """A case failed in its worker; carries the end of what the worker printed."""

    def __init__(self, kind: str, message: str, log_tail: str) -> None:
        super().__init__(kind, message)
        self.log_tail = log_tail
