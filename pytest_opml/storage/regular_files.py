"""Files that are files: what is read, measured or copied is a regular file, and a link leads nowhere by surprise.

The path that a user names may be a link, to a file or a folder. Within a folder, a link is followed to a regular file

- in the folder itself;
- that a store of contents names by its digest, as git-annex, DVC and the cache of Hugging Face do;
- in the runfiles of Bazel, which links every file of a test.

Every other link is refused by its name, and so is what is neither a file nor a folder: a pipe would be waited for, a
device has no end.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}
# A file of a store that names contents: the digest alone, with a key of git-annex around it, or after its first digits.
_STORED = re.compile(r"(^|[-/])([0-9a-f]{2}/)?[0-9a-f]{30,128}(\.[A-Za-z0-9_.]{1,16})?$")
_RUNFILES = ("RUNFILES_DIR", "TEST_SRCDIR")


class IrregularFileError(OSError):
    """What should be read is no regular file, or a link that leads elsewhere; ``strerror`` says why, in words."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(errno.EINVAL, reason, str(path))


def check_regular(path: Path) -> None:
    """Check that a path leads to a regular file, without opening it.

    Raises:
        IrregularFileError: it is something else.
        OSError: it is not there.
    """
    _check_mode(path, path.stat().st_mode)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        IrregularFileError: it is something else.
        OSError: it cannot be opened.
    """
    check_regular(path)  # a pipe would be waited for, and opening a device may do something already
    return path.open("rb")


def _check_mode(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise IrregularFileError(path, f"is {_KINDS.get(stat.S_IFMT(mode), 'no file')}, not a file")


def check_entry(entry: Path, folder: Path) -> None:
    """Check that an entry of a folder is a regular file or a folder, or a link that is followed.

    Args:
        entry: the file, at any depth.
        folder: that the user named.

    Raises:
        IrregularFileError: it is something else, or a link that leads elsewhere.
        OSError: it cannot be looked at.
    """
    mode = entry.lstat().st_mode
    if stat.S_ISDIR(mode):
        return
    if not stat.S_ISLNK(mode):
        _check_mode(entry, mode)
        return
    try:
        target = entry.resolve(strict=True)
        is_file = stat.S_ISREG(target.stat().st_mode)
    except (OSError, RuntimeError):  # of a loop, older versions of Python say the latter
        raise IrregularFileError(entry, f"is a link to {entry.readlink()}, which leads nowhere") from None
    where = f"is a link to {entry.readlink()}"
    if not is_file:
        raise IrregularFileError(entry, f"{where}, which is no file; links to folders are not followed")
    if not _is_followed(entry, target, folder):
        raise IrregularFileError(entry, f"{where}, outside the folder; put the file itself there (cp -L)")


def _is_followed(entry: Path, target: Path, folder: Path) -> bool:
    if folder.resolve() in target.parents or _STORED.search("/".join(target.parts[-2:])):
        return True
    return any(Path(os.environ[name]) in entry.absolute().parents for name in _RUNFILES if os.environ.get(name))


def regular_files(folder: Path) -> list[Path]:
    """Return all regular files below a folder, sorted by their paths.

    Raises:
        IrregularFileError: something else lies there, or a link that leads elsewhere.
        OSError: a folder cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise error

    files: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        for name in (*folders, *names):
            check_entry(Path(place, name), folder)
        files += [Path(place, name) for name in names]
    return sorted(files)
