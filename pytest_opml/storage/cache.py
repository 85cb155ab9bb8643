"""A folder of finished work, found again by everything that could change the result.

An entry is a folder, built under another name and moved into place when it is complete, so it is there whole or not at
all. Parallel runs that need the same entry wait for the first to build it. Every entry has a content list
with digests, and one that was damaged, or that another user may have written, is built anew.

A process that was given an entry holds it until the process ends, so that nothing that tidies up takes it away. When an
entry was last used is the time of its content list. A process that builds one holds the folder that it builds in; the
next one that opens the cache removes those that nobody holds.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from ..errors import StorageError
from ..progress import report_progress
from .cache_entries import BUILDING, ENTRIES, LOCKS, MANIFEST, clear, close_to_others, is_trusted, is_whole, seal
from .held_folders import HeldFolder, abandoned, remove
from .locks import acquire_shared, exclusive, release, try_exclusive, user_name
from .shared_cache import SharedCache


def remove_abandoned_builds(root: Path) -> None:
    """Remove what processes that are dead have left half-built."""
    for folder in abandoned(root / BUILDING):
        remove(folder)


def foreign_owner(root: Path) -> str:
    """Return whose a cache is, where it is another user's: ``user alice (1000)``; otherwise nothing.

    Raises:
        OSError: it cannot be looked at.
    """
    owners = [folder.stat().st_uid for folder in _folders(root) if folder.exists()]
    return next((user_name(owner) for owner in owners if owner != os.geteuid()), "")


def _folders(root: Path) -> list[Path]:
    return [root, *(root / name for name in (ENTRIES, BUILDING, LOCKS))]


def _lock(entry: Path, kind: Literal["lock", "use"]) -> Path:
    return entry.parent.parent / LOCKS / f"{entry.name}.{kind}"


@contextlib.contextmanager
def unused(entry: Path) -> Iterator[bool]:
    """Give whether no process builds or holds an entry; if so, none can begin to before the block ends.

    Raises:
        OSError: the locks cannot be made.
    """
    with try_exclusive(_lock(entry, "lock")) as is_free:
        if not is_free:
            yield False
            return
        with try_exclusive(_lock(entry, "use")) as is_unused:
            yield is_unused


class Cache:
    """Entries below one folder of the user's own.

    Args:
        root: the folder; made where it is missing. Where its mode lets others write, that is mended.
        shared: where entries that are missing may be found, and are left when they are built; None for nowhere.

    Raises:
        StorageError: on construction or use, when the folder is another user's, or cannot be made or written; one line.
    """

    def __init__(self, root: Path, shared: SharedCache | None = None) -> None:
        self.root, self.shared = root.absolute(), shared
        try:
            for folder in _folders(self.root):
                if owner := foreign_owner(self.root):
                    raise StorageError(
                        f"cache {root}: belongs to {owner}, and this is {user_name(os.geteuid())}; what others have "
                        "written is not believed: make it yours (chown -R), set --opml-cache-dir, or share it by "
                        "--opml-cache-shared"
                    )
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                close_to_others(folder)
            with tempfile.TemporaryFile(dir=self.root / BUILDING):
                pass
        except OSError as error:
            raise StorageError(f"cache {root}: cannot be written: {error.strerror}; set --opml-cache-dir") from error
        remove_abandoned_builds(self.root)

    @property
    def is_empty(self) -> bool:
        """Whether it holds no entry, damaged ones included."""
        return next((self.root / ENTRIES).iterdir(), None) is None

    def find(self, kind: str, key: str) -> Path | None:
        """Return the folder of an entry, which this process then holds; None where it is not there whole.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        target = self._target(kind, key)
        if self._taken(target):
            return target
        if self.shared is None:
            return None
        with self._locked(target, kind):
            return target if self._taken(target) or self._make(target, None) else None

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
        target = self._target(kind, key)
        with self._locked(target, kind):
            if not self._taken(target):
                self._make(target, build)
        return target

    @contextlib.contextmanager
    def _locked(self, target: Path, kind: str) -> Iterator[None]:
        """Hold the lock of an entry while it is made; who waits for another process says so."""

        def tell() -> None:
            report_progress(f"waiting for another run, which builds the same {kind}", is_waiting=True)

        try:
            with exclusive(_lock(target, "lock"), tell):
                yield
        except OSError as error:
            if error.filename and self.root not in Path(str(error.filename)).parents:
                raise  # somebody else's file
            raise StorageError(f"cache {self.root}: cannot be written: {error.strerror or error}") from error

    def _make(self, target: Path, build: Callable[[Path], None] | None) -> bool:
        """Put an entry in its place, from the shared cache or by building it, and tell whether it is there."""
        try:
            clear(target)
        except OSError as error:
            raise StorageError(f"cache {self.root}: {target}: cannot be removed: {error.strerror}") from error
        held = HeldFolder(Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=self.root / BUILDING)))
        try:
            folder = held.path / "shared"
            is_fetched = self.shared is not None and self.shared.fetch(target.name, folder)
            if not is_fetched:
                if build is None:
                    return False
                folder = held.path / "entry"
                folder.mkdir()
                build(folder)
            seal(folder)
            folder.rename(target)
            acquire_shared(_lock(target, "use"))
        finally:
            held.remove()
        if self.shared and not is_fetched:
            self.shared.publish(target.name, target)
        return True

    @staticmethod
    def _taken(target: Path) -> bool:
        """Tell whether an entry is there whole; then it is held, and marked as used now."""
        if not target.is_dir():
            return False
        acquire_shared(_lock(target, "use"))
        if not (is_trusted(target) and is_whole(target)):
            release(_lock(target, "use"))
            return False
        with contextlib.suppress(OSError):  # a cache that can only be read
            os.utime(target / MANIFEST)
        return True
