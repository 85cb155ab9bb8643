"""What processes on one machine share while they run: a folder of the user's own, and locks.

The folder for temporary files is open to all users of the machine, each of whom may put something there under a name
that is ours. So what is there is looked at, and never only called by its name.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import StorageError


def temporary_folder() -> Path:
    """Return the folder for temporary files.

    Raises:
        StorageError: there is none.
    """
    try:
        return Path(tempfile.gettempdir())
    except OSError as error:
        raise StorageError(f"no folder for temporary files: {error.strerror}; set TMPDIR to one") from error


def runtime_folder() -> Path:
    """Return a folder of the user's own for what lives no longer than a run; it is made where it is missing.

    Nobody else may read or write it: where its mode lets others, that is mended.

    Raises:
        StorageError: it cannot be made, or is a link or another user's, or something in it is.
    """
    folder = temporary_folder() / f"pytest-opml-{os.geteuid()}"
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        with open_folder(folder) as descriptor:
            status = os.fstat(descriptor)
            if status.st_uid != os.geteuid():
                raise _refusal(folder, f"belongs to {user_name(status.st_uid)}")
            if stat.S_IMODE(status.st_mode) != 0o700:
                os.fchmod(descriptor, 0o700)
            for entry in os.scandir(folder):
                if (owner := entry.stat(follow_symlinks=False).st_uid) != status.st_uid:
                    raise _refusal(Path(entry.path), f"belongs to {user_name(owner)}")
    except OSError as error:
        raise StorageError(f"{folder}: cannot be made: {error.strerror}; set TMPDIR to another folder") from error
    return folder


@contextlib.contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    """Hold a folder open, so that nothing else can be put in its place, and give its descriptor.

    Raises:
        StorageError: it is a link.
        OSError: it cannot be opened.
    """
    if folder.is_symlink():
        raise _refusal(folder, "is a link")
    if not folder.is_dir():
        raise FileExistsError(17, os.strerror(17), str(folder))
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _refusal(path: Path, reason: str) -> StorageError:
    return StorageError(f"{path}: {reason}: have it removed, or set TMPDIR to a folder of your own")


def user_name(user: int) -> str:
    """Return a user's name with their number: ``user alice (1000)``, ``user 4711`` where they have none here."""
    import pwd

    try:
        return f"user {pwd.getpwuid(user).pw_name} ({user})"
    except KeyError:
        return f"user {user}"


_descriptors: dict[Path, int] = {}


def acquire_shared(lock: Path) -> None:
    """Share a lock until this process ends or gives it back by ``release``; a second time changes nothing.

    Where the lock's file cannot be made there is no lock: a folder that can only be read, whose content nobody removes.
    """
    with contextlib.suppress(OSError):
        if lock not in _descriptors:
            # Sharing needs no right to write: the file may be another user's.
            _descriptors[lock] = os.open(lock, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            fcntl.flock(_descriptors[lock], fcntl.LOCK_SH)


def release(lock: Path) -> None:
    """Give back what ``acquire_shared`` took."""
    descriptor = _descriptors.pop(lock, None)
    if descriptor is not None:
        os.close(descriptor)


@contextlib.contextmanager
def exclusive(lock: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock alone, as soon as no other process holds it.

    Args:
        lock: path of its file, which is made where it is missing.
        on_wait: called once where another process holds it.

    Raises:
        OSError: the file cannot be made or opened.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def try_exclusive(lock: Path) -> Iterator[bool]:
    """Give whether no process holds a lock; if so, whoever wants it waits until the block ends.

    Raises:
        OSError: the lock's file cannot be made or opened.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
