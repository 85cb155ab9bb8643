"""Folders that belong to living processes: each holds a lock in its own, which the system gives back when it ends.

So what a killed process left is told from what a living one needs, whatever killed it and however its id is used again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

LOCK = ".held"
_ATTEMPTS = 100


class HeldFolder:
    """A folder that this process holds, perhaps together with others of its run.

    Args:
        path: of the folder, which is made where it is missing, and those above it.

    Attributes:
        path: of the folder.

    Raises:
        OSError: it cannot be made or locked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = _shared(path)

    def release(self) -> None:
        """Hold it no longer; a second time does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def remove(self) -> None:
        """Remove it with all that is in it; what cannot be removed now the next process removes."""
        remove(self.path)
        self.release()


def _shared(folder: Path) -> int:
    """Make a folder and share its lock; whoever removes abandoned folders may take it away until it is locked."""
    for _ in range(_ATTEMPTS):
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH)
                if _is_in_place(descriptor, folder):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
    raise FileNotFoundError(2, "is removed as often as it is made", str(folder))


def _is_in_place(descriptor: int, folder: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), (folder / LOCK).lstat())
    except FileNotFoundError:
        return False


def abandoned(top: Path) -> Iterator[Path]:
    """Yield the folders directly in another that no living process holds; nobody else has one while it is worked with.

    Those that somebody was removing, whose names begin with a dot, are removed and not yielded. What may not be opened
    is passed over.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(top) if entry.is_dir(follow_symlinks=False))
    except OSError:  # there is none, or it is not ours
        return
    for folder in (top / name for name in names):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # one that is held is a BlockingIOError
            if not _is_in_place(descriptor, folder):
                continue
            if folder.name.startswith("."):
                shutil.rmtree(folder, ignore_errors=True)
            else:
                yield folder


def remove(folder: Path) -> None:
    """Remove a folder, which is gone for all others at once; so none of them sees a part of it."""
    away = folder.with_name(f".{folder.name}")
    try:
        folder.rename(away)
    except OSError:
        away = folder
    shutil.rmtree(away, ignore_errors=True)
