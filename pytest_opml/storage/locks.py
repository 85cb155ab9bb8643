"""What processes on one machine share while they run: a folder of the user's own, and locks that several may hold."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import StorageError


def runtime_folder() -> Path:
    """Return a folder of the user's own for what lives no longer than a run; it is made where it is missing.

    Raises:
        StorageError: it cannot be made.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    try:
        folder = Path(tempfile.gettempdir()) / f"pytest-opml-{user}"
    except OSError as error:
        raise StorageError(f"no folder for temporary files: {error.strerror}; set TMPDIR to one") from error
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be made: {error.strerror}; set TMPDIR to another folder") from error
    return folder


_descriptors: dict[Path, int] = {}


def acquire_shared(lock: Path) -> None:
    """Share a lock until this process ends or gives it back by ``release``; a second time changes nothing.

    Where the lock's file cannot be made there is no lock: a folder that can only be read, whose content nobody removes.
    """
    with contextlib.suppress(OSError):
        if lock not in _descriptors:
            # Sharing needs no right to write: the file may be another user's.
            _descriptors[lock] = os.open(lock, os.O_RDONLY | os.O_CREAT, 0o666)
            fcntl.flock(_descriptors[lock], fcntl.LOCK_SH)


def release(lock: Path) -> None:
    """Give back what ``acquire_shared`` took."""
    descriptor = _descriptors.pop(lock, None)
    if descriptor is not None:
        os.close(descriptor)


@contextlib.contextmanager
def try_exclusive(lock: Path) -> Iterator[bool]:
    """Give whether no process holds a lock; if so, whoever wants to share it waits until the block ends.

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
