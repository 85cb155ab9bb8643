"""The folder in which all users of a machine lock its devices, and which nobody believes.

Each user may write there (mode 1777), and one of them owns it. So the folder is held open, and what is in it is called
through it; nothing is followed that may be a link, no file is written that was there before, and nothing that may be a
pipe is waited for.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import StorageError
from .locks import open_folder, temporary_folder, user_name

_NAME = "pytest-opml-locks"
_OPEN_TO_ALL = 0o1777
# The one who makes the folder opens it to all a moment later.
_ATTEMPTS, _PAUSE_S = 20, 0.05
_MOST_BYTES = 4096


class LockFolder:
    """Files of the folder, by their names.

    Args:
        path: of the folder.
        descriptor: of the folder, as long as it is used.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self._descriptor = path, descriptor

    def open_lock(self, name: str) -> int:
        """Return the descriptor of a file that is there to be locked, made where it is missing; locking needs no more.

        Raises:
            StorageError: what has its name is no file, or cannot be opened.
            OSError: it cannot be made.
        """
        with contextlib.suppress(FileExistsError):
            return self.make(name)
        try:
            descriptor = self.open(name)
        except OSError as error:
            raise self._refusal(name, f"cannot be opened: {error.strerror}") from error
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        raise self._refusal(name, "is no file")

    def _refusal(self, name: str, reason: str) -> StorageError:
        return StorageError(
            f"{self.path / name}: {reason}: have it removed by its owner, {user_name(self.owner(name))}"
        )

    def make(self, name: str, text: str = "", mode: int = 0o644) -> int:
        """Make a file and return its descriptor.

        Raises:
            FileExistsError: something has its name.
            OSError: it cannot be made.
        """
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self._descriptor)
        os.fchmod(descriptor, mode)
        os.write(descriptor, text.encode())
        return descriptor

    def open(self, name: str) -> int:
        """Return the descriptor of a file that is there, for reading.

        Raises:
            OSError: it cannot be opened.
        """
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._descriptor)

    def read(self, name: str) -> str:
        """Return the beginning of a file.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no text.
        """
        descriptor = self.open(name)
        try:
            return os.read(descriptor, _MOST_BYTES).decode()
        finally:
            os.close(descriptor)

    def names(self) -> list[str]:
        """Return what is in the folder, sorted."""
        return sorted(os.listdir(self._descriptor))  # noqa: PTH208 - of a descriptor

    def owner(self, name: str) -> int:
        """Return the number of the user who owns a file.

        Raises:
            OSError: it is not there.
        """
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_uid

    def rename(self, name: str, target: str) -> None:
        """Give a file another name, over what has it.

        Raises:
            OSError: that is another user's.
        """
        os.rename(name, target, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def remove(self, name: str) -> None:
        """Remove a file if it is there, and may be removed: those of others stay."""
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=self._descriptor)


@contextlib.contextmanager
def open_lock_folder() -> Iterator[LockFolder]:
    """Give the folder, which is made where it is missing.

    Raises:
        StorageError: it cannot be made, is a link, or its owner has not opened it to all.
    """
    path = temporary_folder() / _NAME
    with contextlib.ExitStack() as stack:
        try:
            with contextlib.suppress(FileExistsError):
                path.mkdir(mode=0o700)
            descriptor = stack.enter_context(open_folder(path))
            _open_to_all(path, descriptor)
        except OSError as error:
            raise StorageError(f"{path}: cannot be used: {error.strerror}; set TMPDIR to another folder") from error
        yield LockFolder(path, descriptor)


def _open_to_all(path: Path, descriptor: int) -> None:
    """Make the folder one that all users may write to; what is in it only its owner may remove."""
    for _ in range(_ATTEMPTS):
        status = os.fstat(descriptor)
        if stat.S_IMODE(status.st_mode) == _OPEN_TO_ALL:
            return
        if status.st_uid == os.geteuid():
            os.fchmod(descriptor, _OPEN_TO_ALL)
            return
        time.sleep(_PAUSE_S)
    raise StorageError(
        f"{path}: belongs to {user_name(status.st_uid)} and is not open to all (mode 1777), so that nobody else can "
        "lock a device: have it removed, or set TMPDIR to another folder"
    )
