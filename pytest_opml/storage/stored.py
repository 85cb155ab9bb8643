"""What a cache holds, and what was removed from it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

# Why an entry is removed: its files are not those that were written, nobody used it for too long, it was the one used
# longest ago when room was wanted, or everything is to go.
Reason = Literal["damaged", "old", "room", "all"]


class Entry(NamedTuple):
    """One finished piece of work.

    Attributes:
        kind: ``model``, ``artifact`` or ``step``.
        key: a digest of all that could change it.
        size_bytes: of its files.
        used: when it was last used, or made.
    """

    kind: str
    key: str
    size_bytes: int
    used: datetime


class Contents(NamedTuple):
    """What a cache holds.

    Attributes:
        half_built: folders that builds are writing, or that killed ones left.
        half_built_bytes: of all of them.
        free_bytes: on its disk.
    """

    root: Path
    entries: tuple[Entry, ...]
    half_built: int
    half_built_bytes: int
    free_bytes: int

    @property
    def size_bytes(self) -> int:
        """Of all that it holds."""
        return total_bytes(self.entries) + self.half_built_bytes


class Removed(NamedTuple):
    """An entry that was removed, or would be."""

    entry: Entry
    reason: Reason


class Pruned(NamedTuple):
    """What a clean-up did.

    Attributes:
        removed: in the order in which it went.
        in_use: entries that should have gone and stayed, since a running session uses them.
        half_built: folders of killed builds that were removed.
        half_built_bytes: of all of them.
        left: entries that are there now, those in use included.
        dry_run: whether nothing was removed in truth.
    """

    root: Path
    removed: tuple[Removed, ...]
    in_use: tuple[Entry, ...]
    half_built: int
    half_built_bytes: int
    left: tuple[Entry, ...]
    dry_run: bool

    @property
    def freed_bytes(self) -> int:
        """Of all that went."""
        return total_bytes(found.entry for found in self.removed) + self.half_built_bytes


def total_bytes(entries: Iterable[Entry]) -> int:
    """Of the files of all entries."""
    return sum(entry.size_bytes for entry in entries)
