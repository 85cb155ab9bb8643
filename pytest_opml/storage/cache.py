"""A folder of finished work, found again by everything that could change the result.

An entry is a folder, built under another name and moved into place when it is complete, so it is there whole or not at
all. Parallel runs that need the same entry wait for the first to build it. Every entry has a content list
with digests, and one that was damaged is built anew.

A process that was given an entry holds it until the process ends, so that nothing that tidies up takes it away. When an
entry was last used is the time of its content list.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from ..errors import StorageError
from .digests import digest_file, files_of
from .locks import acquire_shared, release, try_exclusive

MANIFEST = "manifest.json"
ENTRIES, BUILDING, LOCKS = "entries", "building", "locks"
_STALE_SECONDS = 86_400


def is_whole(entry: Path) -> bool:
    """Tell whether an entry's files are those of its content list, to the byte."""
    try:
        contents = json.loads((entry / MANIFEST).read_text("utf-8"))
        return bool(contents) and all(digest_file(entry / name) == digest for name, digest in contents.items())
    except (OSError, ValueError, AttributeError):
        return False


def stale_builds(root: Path) -> list[Path]:
    """Return the folders that killed runs left half-built: those of more than a day, which is longer than any build."""
    limit, stale = time.time() - _STALE_SECONDS, []
    for folder in (root / BUILDING).iterdir():
        with contextlib.suppress(FileNotFoundError):  # finished since it was listed
            stale += [folder] if folder.stat().st_mtime < limit else []
    return stale


def _lock(entry: Path, kind: Literal["lock", "use"]) -> Path:
    return entry.parent.parent / LOCKS / f"{entry.name}.{kind}"


@contextlib.contextmanager
def unused(entry: Path) -> Iterator[bool]:
    """Give whether no process builds or holds an entry; if so, none can begin to before the block ends.

    Raises:
        OSError: the locks cannot be made.
    """
    from filelock import FileLock, Timeout

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(FileLock(_lock(entry, "lock"), timeout=0))
        except Timeout:
            yield False
        else:
            yield stack.enter_context(try_exclusive(_lock(entry, "use")))


class Cache:
    """Entries below one folder.

    Args:
        root: the folder; made where it is missing.

    Raises:
        StorageError: on construction or use, when the folder cannot be made or written; one line.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        try:
            for name in (ENTRIES, BUILDING, LOCKS):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root / BUILDING):
                pass
            for folder in stale_builds(self.root):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError as error:
            raise StorageError(f"cache {root}: cannot be written: {error.strerror}; set --opml-cache-dir") from error

    def find(self, kind: str, key: str) -> Path | None:
        """Return the folder of an entry, which this process then holds; None where it is not there whole."""
        target = self._target(kind, key)
        return target if self._taken(target) else None

    def _target(self, kind: str, key: str) -> Path:
        return self.root / ENTRIES / f"{kind}-{key}"

    def entry(self, kind: str, key: str, build: Callable[[Path], None]) -> Path:
        """Return the folder of an entry, which this process then holds; it is built where it is not there whole.

        Args:
            kind: a word for people who look into the cache.
            key: from ``key_of``.
            build: fills the empty folder that it is given; whatever it raises leaves no entry.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        from filelock import FileLock

        target = self._target(kind, key)
        try:
            with FileLock(_lock(target, "lock")):
                if self._taken(target):
                    return target
                shutil.rmtree(target, ignore_errors=True)
                building = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=self.root / BUILDING))
                try:
                    build(building)
                    self._seal(building)
                    building.rename(target)
                    acquire_shared(_lock(target, "use"))
                finally:
                    shutil.rmtree(building, ignore_errors=True)
        except OSError as error:
            if error.filename and self.root not in Path(str(error.filename)).parents:
                raise  # somebody else's file
            raise StorageError(f"cache {self.root}: cannot be written: {error.strerror or error}") from error
        return target

    @staticmethod
    def _taken(target: Path) -> bool:
        """Tell whether an entry is there whole; then it is held, and marked as used now."""
        if not target.is_dir():
            return False
        acquire_shared(_lock(target, "use"))
        if not is_whole(target):
            release(_lock(target, "use"))
            return False
        with contextlib.suppress(OSError):  # a cache that can only be read
            os.utime(target / MANIFEST)
        return True

    @staticmethod
    def _seal(folder: Path) -> None:
        contents = {name: digest_file(path) for name, path in files_of(folder).items()}
        (folder / MANIFEST).write_text(json.dumps(contents, indent=1), "utf-8")
