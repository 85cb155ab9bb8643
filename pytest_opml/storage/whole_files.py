"""Files that are written whole or not at all: what was at a path stays until the new file is on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from ..errors import StorageError


def _temporary(path: Path) -> Path:
    """Return a new path beside the target, from where a rename replaces the target in one step; makes the folder.

    Raises:
        StorageError: the target is a folder, or no regular file.
        OSError: the folder cannot be made.
    """
    if path.is_dir():
        raise StorageError(f"{path}: is a folder; give the path of a file")
    if path.exists() and not path.is_file():
        # Run by root, the rename would replace /dev/stdout itself.
        raise StorageError(f"{path}: is no regular file")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".opml-{uuid4().hex}.tmp")


def check_writable(path: Path) -> None:
    """Make sure, before it has cost anything, that a file can be written; makes the folder where it is missing.

    Raises:
        StorageError: the folder cannot be made or written, or something that is no file has the name.
    """
    try:
        probe = _temporary(path)
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from error


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write that takes the place of ``path`` when all is on the disk, and otherwise leaves no trace.

    Raises:
        StorageError: the file cannot be written.
    """
    try:
        temporary = _temporary(path)
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    """Have a folder's names written to the disk, where the system can."""
    with suppress(OSError):  # the file is there whole; only a power cut could still take its name
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
