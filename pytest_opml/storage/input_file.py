"""Files that somebody else wrote, read within bounds: of time, of bytes, and from nothing that has no end.

What is read is a regular file, or a pipe through which something comes, as the shell's ``<(...)`` gives. A device, a
folder or a socket is refused before it is opened, for opening one can wait for ever or do something.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PATIENCE_S = 30.0
_CHUNK_BYTES = 1 << 20
_POLL_S = 0.05


class _Input(io.FileIO):
    """What is given up when nothing comes from it for a while: a pipe, or a file of the kernel's that is not ready."""

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read what there is, at least a byte; 0 at the end.

        Raises:
            TimeoutError: nothing came.
        """
        poll, deadline = select.poll(), time.monotonic() + PATIENCE_S
        poll.register(self, select.POLLIN)
        while time.monotonic() < deadline:
            # A pipe that nobody has opened for writing yet says nothing; its end is told by a hang-up.
            if poll.poll(_POLL_S * 1000):
                count: int | None = super().readinto(buffer)  # None where it was not ready after all
                if count is not None:
                    return count
        raise TimeoutError(errno.ETIMEDOUT, f"nothing came from it for {PATIENCE_S:g} s")


def open_input(path: Path) -> io.BufferedReader:
    """Open a regular file, or a pipe, to be read.

    Raises:
        OSError: it is missing, may not be read, or is something else, as the ``strerror`` says; a pipe may raise a
            ``TimeoutError`` while it is read.
    """
    try:
        _check_kind(path.stat().st_mode)
    except ValueError as error:  # a NUL, or a lone surrogate
        raise OSError(errno.EINVAL, "no file has such a name") from error
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check_kind(os.fstat(descriptor).st_mode)  # again: it may have been replaced meanwhile
        return io.BufferedReader(_Input(descriptor))
    except BaseException:
        os.close(descriptor)
        raise


def _check_kind(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
        raise OSError(errno.EINVAL, "it is a socket, no file" if stat.S_ISSOCK(mode) else "it is a device, no file")


def read_input(path: Path, most: int) -> bytes:
    """Return the content of a regular file, or what comes through a pipe.

    Args:
        path: of the file.
        most: bytes that such a file may have.

    Raises:
        OSError: as ``open_input``, and where there is more than ``most``.
    """
    content = bytearray()
    with open_input(path) as file:
        while len(content) <= most and (chunk := file.read(min(_CHUNK_BYTES, most + 1 - len(content)))):
            content += chunk
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most / 1e6:,.0f} MB")
    return bytes(content)
