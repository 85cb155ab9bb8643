"""What an entry of a cache is: a folder of files with a content list, and who is believed to have written it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from .digests import digest_file

MANIFEST, SIGNATURE = "manifest.json", "signature.json"
ENTRIES, BUILDING, LOCKS = "entries", "building", "locks"
MOST_BYTES = 16_000_000
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def is_whole(entry: Path) -> bool:
    """Tell whether an entry's files are those of its content list, to the byte, and no others."""
    try:
        files = {name: path for name, path, _ in _contents(entry) if path.name not in (MANIFEST, SIGNATURE)}
        contents = json.loads(read_bounded(entry / MANIFEST))
        return (
            isinstance(contents, dict)
            and bool(contents)
            and contents.keys() == files.keys()
            and all(digest_file(files[name]) == digest for name, digest in contents.items())
        )
    except (OSError, ValueError, RecursionError):
        return False


def is_trusted(entry: Path) -> bool:
    """Tell whether nobody but the user, or the system's administrator, can have written what is in an entry."""
    try:
        statuses = [entry.lstat(), *(status for _, _, status in _contents(entry, folders=True))]
    except (OSError, ValueError):
        return False
    return all(
        status.st_uid in (os.geteuid(), 0) and not stat.S_IMODE(status.st_mode) & _WRITABLE_BY_OTHERS
        for status in statuses
    )


def seal(folder: Path) -> None:
    """Write the content list of an entry, and let nobody else write to it.

    Raises:
        OSError: the disk is full, or a file cannot be read.
        ValueError: something is neither file nor folder.
    """
    contents = {name: digest_file(path) for name, path, _ in _contents(folder)}
    (folder / MANIFEST).write_text(json.dumps(contents, indent=1), "utf-8")
    close_to_others(folder)
    for _, path, _ in _contents(folder, folders=True):
        close_to_others(path)


def close_to_others(path: Path) -> None:
    """Let nobody else write to a file or folder of ours.

    Raises:
        OSError: it is not ours.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _WRITABLE_BY_OTHERS:
        path.chmod(mode & ~_WRITABLE_BY_OTHERS)


def _contents(folder: Path, *, folders: bool = False) -> Iterator[tuple[str, Path, os.stat_result]]:
    """Yield the files below a folder in the order of their names, each by its name relative to it; folders if wanted.

    Raises:
        OSError: something cannot be read.
        ValueError: something is neither file nor folder; nothing is followed, and nothing waited for.
    """
    waiting = [folder]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            status = path.lstat()
            if stat.S_ISDIR(status.st_mode):
                waiting.append(path)
            elif not stat.S_ISREG(status.st_mode):
                raise ValueError(f"{path}: is neither file nor folder")
            if folders or not stat.S_ISDIR(status.st_mode):
                yield str(path.relative_to(folder)), path, status


def read_bounded(path: Path) -> bytes:
    """Return the content of a file that somebody may have replaced by anything.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no file, or too large.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{path}: is no file")
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path}: is too large")
    return content


def clear(path: Path) -> None:
    """Remove whatever has a path, if something has.

    Raises:
        OSError: it is another user's, or cannot be removed for another reason.
    """
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISDIR(path.lstat().st_mode):
            path.unlink()
            return
        _open_folders(path)
        shutil.rmtree(path)


def _open_folders(top: Path) -> None:
    """Let this user into all folders, whose content could not be removed otherwise."""
    with contextlib.suppress(PermissionError):  # another user's, which removing them says
        top.chmod(0o700)
        for parent, folders, _ in os.walk(top):
            for name in folders:
                if not (folder := Path(parent, name)).is_symlink():
                    folder.chmod(0o700)
