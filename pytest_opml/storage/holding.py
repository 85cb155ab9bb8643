"""Locks that a process shares for as long as it uses something, and that whoever removes it must have alone.

The system takes the lock back when its holder ends, whatever ended it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

_descriptors: dict[Path, int] = {}


def hold(lock: Path) -> None:
    """Share a lock until this process ends or lets go; a second time changes nothing.

    Where the lock's file cannot be made there is no lock: a folder that can only be read, whose content nobody removes.
    """
    with contextlib.suppress(OSError):
        if lock not in _descriptors:
            # Sharing needs no right to write: the file may be another user's.
            _descriptors[lock] = os.open(lock, os.O_RDONLY | os.O_CREAT, 0o666)
            fcntl.flock(_descriptors[lock], fcntl.LOCK_SH)


def let_go(lock: Path) -> None:
    """Give back what ``hold`` took."""
    descriptor = _descriptors.pop(lock, None)
    if descriptor is not None:
        os.close(descriptor)


@contextlib.contextmanager
def held_by_nobody(lock: Path) -> Iterator[bool]:
    """Whether no process holds a lock; if so, whoever wants to waits until the block ends.

    Raises:
        OSError: the lock's file cannot be made or opened.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
