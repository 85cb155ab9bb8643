"""What a cache holds, and its clean-up, which harms no process that uses it."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal, NamedTuple

from ..errors import StorageError, one_line
from .cache import unused
from .cache_entries import BUILDING, ENTRIES, MANIFEST, clear, is_whole
from .held_folders import HeldFolder, abandoned, remove

# Only what is named like an entry is counted and removed: the folder may hold something else, or be the wrong one.
_ENTRY = re.compile(r"([a-z_]+)-([0-9a-f]{32})")
# Between two processes of one case nobody holds its entries for a moment.
_JUST_USED = timedelta(minutes=1)


class CleanupPolicy(NamedTuple):
    """Says what is to go besides damaged entries and what killed builds left.

    Attributes:
        older_than: entries that nobody used for this long.
        max_bytes: entries that were used longest ago, until no more than this is left.
        everything: all entries.
    """

    older_than: timedelta | None = None
    max_bytes: float | None = None
    everything: bool = False


def inspect_cache(root: Path) -> Contents:
    """Return what a cache holds; nothing is made or changed.

    Raises:
        StorageError: the folder is there and cannot be read.
    """
    root = root.absolute()
    with _errors_mapped(root):
        entries = tuple(sorted(_entries(root), key=lambda entry: entry.used))
        building = _listed(root / BUILDING)
        free = shutil.disk_usage(nearest_folder(root)).free
        return Contents(root, entries, len(building), sum(map(_size, building)), free)


def prune(root: Path, policy: CleanupPolicy, *, dry_run: bool = False) -> CleanupReport:
    """Remove damaged entries and what killed builds left, then what a policy says, the least recently used first.

    What a process builds, holds, or was given less than a minute ago stays.

    Args:
        root: of the cache; one that is not there has nothing to remove.
        policy: says what else is to go.
        dry_run: whether to say only what would go.

    Returns:
        What was removed, or would be, and what is left.

    Raises:
        StorageError: the folder cannot be read or written.
    """
    root = root.absolute()
    with _errors_mapped(root):
        stale, stale_bytes = 0, 0
        for folder in abandoned(root / BUILDING):
            stale, stale_bytes = stale + 1, stale_bytes + _size(folder)
            if not dry_run:
                remove(folder)
        now, left = datetime.now(timezone.utc), set(_entries(root))
        left_bytes = total_bytes(left)
        removed, in_use = list[Removed](), list[CacheEntry]()
        for entry, damaged in _in_turn(root, left):
            reason = "damaged" if damaged else _reason(entry, policy, now, left_bytes)
            if reason is None:
                continue
            just_used = now - entry.used < _JUST_USED and not damaged
            if just_used or not _remove(_folder(root, entry), root, dry_run):
                in_use.append(entry)
                continue
            removed.append(Removed(entry, reason))
            left.remove(entry)
            left_bytes -= entry.size_bytes
        return CleanupReport(root, tuple(removed), tuple(in_use), stale, stale_bytes, tuple(left), dry_run)


def nearest_folder(path: Path) -> Path:
    """Return the path, or the nearest folder above it that is there."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


@contextlib.contextmanager
def _errors_mapped(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise StorageError(f"cache {root}: {error.strerror or one_line(error)}{where}") from error


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _size(folder: Path) -> int:
    """Return the bytes of the files in a folder, which others may be removing, or which may not be opened."""
    total = 0
    with contextlib.suppress(OSError):
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):
                total += path.lstat().st_size if not path.is_dir() else 0
    return total


def _entries(root: Path) -> Iterator[CacheEntry]:
    for folder in _listed(root / ENTRIES):
        named = _ENTRY.fullmatch(folder.name)
        with contextlib.suppress(FileNotFoundError):  # removed since it was listed
            if named and folder.is_dir():
                yield CacheEntry(named[1], named[2], _size(folder), _last_used(folder))


def _last_used(folder: Path) -> datetime:
    try:
        changed = (folder / MANIFEST).stat().st_mtime
    except OSError:
        changed = folder.stat().st_mtime
    return datetime.fromtimestamp(changed, timezone.utc)


def _folder(root: Path, entry: CacheEntry) -> Path:
    return root / ENTRIES / f"{entry.kind}-{entry.key}"


def _in_turn(root: Path, entries: Iterable[CacheEntry]) -> list[tuple[CacheEntry, bool]]:
    """Return the entries, each with whether it is damaged: first those that are, then the longest unused ones."""
    judged = [(entry, not is_whole(_folder(root, entry))) for entry in entries]
    return sorted(judged, key=lambda pair: (not pair[1], pair[0].used))


def _reason(entry: CacheEntry, policy: CleanupPolicy, now: datetime, left_bytes: int) -> Reason | None:
    if policy.everything:
        return "all"
    if policy.older_than is not None and now - entry.used > policy.older_than:
        return "old"
    return "room" if policy.max_bytes is not None and left_bytes > policy.max_bytes else None


def _remove(folder: Path, root: Path, dry_run: bool) -> bool:
    """Remove an entry unless a process uses it, and tell whether it is gone, or would be."""
    with unused(folder) as free:
        if not free or dry_run:
            return free
        # Moved away at once, and removed when nobody waits for it any more.
        building = root / BUILDING
        building.mkdir(exist_ok=True)
        away = HeldFolder(Path(tempfile.mkdtemp(prefix="removing-", dir=building)))
        with contextlib.suppress(FileNotFoundError):
            folder.rename(away.path / folder.name)
    clear(away.path / folder.name)
    away.remove()
    return True


# Why an entry is removed: its files are not those that were written, nobody used it for too long, it was the one used
# longest ago when room was wanted, or everything is to go.
Reason = Literal["damaged", "old", "room", "all"]


class CacheEntry(NamedTuple):
    """One entry of a cache.

    Attributes:
        kind: ``model``, ``artifact``, ``step``, ``digest`` or ``fetched``.
        key: a digest of all that could change it.
        size_bytes: of its files.
        used: when it was last used, or made, in UTC.
    """

    kind: str
    key: str
    size_bytes: int
    used: datetime


class Contents(NamedTuple):
    """What a cache holds.

    Attributes:
        root: its folder.
        entries: from the longest unused on.
        half_built: folders that builds are writing, or that killed ones left.
        half_built_bytes: of the files in all of these.
        free_bytes: free on its disk.
    """

    root: Path
    entries: tuple[CacheEntry, ...]
    half_built: int
    half_built_bytes: int
    free_bytes: int

    @property
    def size_bytes(self) -> int:
        """Bytes of all that it holds."""
        return total_bytes(self.entries) + self.half_built_bytes


class Removed(NamedTuple):
    """An entry that was removed, or would be, and why."""

    entry: CacheEntry
    reason: Reason


class CleanupReport(NamedTuple):
    """What a clean-up did.

    Attributes:
        root: the folder of the cache.
        removed: in the order in which the entries went.
        in_use: entries that should have gone and stayed, since a running session uses them.
        half_built: folders of killed builds that were removed.
        half_built_bytes: of the files in all of these.
        left: entries that are there now, those in use included.
        dry_run: whether nothing was removed in fact.
    """

    root: Path
    removed: tuple[Removed, ...]
    in_use: tuple[CacheEntry, ...]
    half_built: int
    half_built_bytes: int
    left: tuple[CacheEntry, ...]
    dry_run: bool

    @property
    def freed_bytes(self) -> int:
        """Bytes of all that was removed."""
        return total_bytes(removed.entry for removed in self.removed) + self.half_built_bytes


def total_bytes(entries: Iterable[CacheEntry]) -> int:
    """Return the bytes of the files of all entries."""
    return sum(entry.size_bytes for entry in entries)
