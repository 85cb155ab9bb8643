"""The contents of a cache and the outcome of a clean-up, in lines and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ...storage.cache_cleanup import CacheEntry, CleanupReport, Contents, Reason, total_bytes
from ..formatting import amount, minute, wrapped
from .tables import fitted

_KINDS = {
    "model": "trained models",
    "artifact": "artifacts",
    "step": "steps of chains",
    "digest": "digests of image files",
    "fetched": "models of MLflow",
}
_REASONS: dict[Reason, str] = {
    "damaged": "damaged",
    "old": "unused for too long",
    "room": "to make room",
    "all": "all were to go",
}
_SHOWN_KEY = 8


def contents_lines(contents: Contents, width: int) -> list[str]:
    """Show what a cache holds by kind, and the room on its disk.

    Args:
        contents: of the cache.
        width: columns that prose keeps to.
    """
    rows = [
        _kind_row(_KINDS.get(kind, kind), len(entries), total_bytes(entries), max(entry.used for entry in entries))
        for kind, entries in _by_kind(contents.entries).items()
    ]
    if contents.half_built:
        rows.append(_kind_row("half-built", contents.half_built, contents.half_built_bytes))
    count = len(contents.entries) + contents.half_built
    rows.append(_kind_row("all", count, contents.size_bytes))
    table = fitted(rows, width, left=("", "last used")).lines
    return [
        *wrapped(f"cache {contents.root}", width),
        "",
        *(table if count else ["it is empty"]),
        "",
        f"free on its disk: {_mb(contents.free_bytes)} MB",
    ]


def _kind_row(kind: str, count: int, size_bytes: int, used: datetime | None = None) -> dict[str, str]:
    last_used = _local_minute(used) if used else ""
    return {"": kind, "entries": str(count), "MB": _mb(size_bytes), "last used": last_used}


def contents_table(contents: Contents) -> dict[str, Any]:
    """Return the same as plain data; sizes in bytes."""
    kinds = {
        kind: {
            "entries": len(entries),
            "bytes": total_bytes(entries),
            "last_used": max(entry.used for entry in entries).isoformat(),
        }
        for kind, entries in _by_kind(contents.entries).items()
    }
    return {
        "root": str(contents.root),
        "kinds": kinds,
        "half_built": {"entries": contents.half_built, "bytes": contents.half_built_bytes},
        "bytes": contents.size_bytes,
        "free_bytes": contents.free_bytes,
    }


def pruned_lines(pruned: CleanupReport, width: int) -> list[str]:
    """Show what was removed, what stayed because it is in use, and how much room there is now.

    Args:
        pruned: the clean-up.
        width: columns that prose keeps to.
    """
    rows = [
        {
            "entry": entry.kind,
            "key": entry.key[:_SHOWN_KEY],
            "MB": _mb(entry.size_bytes),
            "last used": _local_minute(entry.used),
            "why": _REASONS[reason],
        }
        for entry, reason in pruned.removed
    ]
    table = [*fitted(rows, width, left=("entry", "key", "last used", "why")).lines, ""] if rows else []
    sentences = [
        f"{'would remove' if pruned.dry_run else 'removed'}: {amount(len(pruned.removed), 'entry', 'entries')}"
        + (f", {amount(pruned.half_built, 'half-built folder')}" if pruned.half_built else "")
        + f", {_mb(pruned.freed_bytes)} MB",
        f"left: {amount(len(pruned.left), 'entry', 'entries')}, {_mb(total_bytes(pruned.left))} MB",
    ]
    if pruned.in_use:
        sentences.append(
            f"in use by a running session, or used less than a minute ago, and so left alone: "
            f"{amount(len(pruned.in_use), 'entry', 'entries')}, {_mb(total_bytes(pruned.in_use))} MB"
        )
    return [*table, *(line for sentence in sentences for line in wrapped(sentence, width))]


def pruned_table(pruned: CleanupReport) -> dict[str, Any]:
    """Return the same as plain data; sizes in bytes."""
    return {
        "root": str(pruned.root),
        "dry_run": pruned.dry_run,
        "removed": [_plain(entry) | {"reason": reason} for entry, reason in pruned.removed],
        "half_built": {"entries": pruned.half_built, "bytes": pruned.half_built_bytes},
        "freed_bytes": pruned.freed_bytes,
        "in_use": [_plain(entry) for entry in pruned.in_use],
        "left": {"entries": len(pruned.left), "bytes": total_bytes(pruned.left)},
    }


def _by_kind(entries: Sequence[CacheEntry]) -> dict[str, list[CacheEntry]]:
    """Sort entries by their kind, those that have a name here first."""
    kinds = dict.fromkeys([*_KINDS, *sorted(entry.kind for entry in entries)])
    by_kind = {kind: [entry for entry in entries if entry.kind == kind] for kind in kinds}
    return {kind: of_kind for kind, of_kind in by_kind.items() if of_kind}


def _plain(entry: CacheEntry) -> dict[str, Any]:
    return {"kind": entry.kind, "key": entry.key, "bytes": entry.size_bytes, "last_used": entry.used.isoformat()}


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f}"


def _local_minute(when: datetime) -> str:
    return minute(when.astimezone())
