"""What a cache holds, and what a clean-up did, in lines and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ...storage.cache_cleanup import CleanupReport, Contents, Entry, Reason, total_bytes
from ..formatting import amount, wrapped

_KINDS = {"model": "trained models", "artifact": "artifacts", "step": "kept steps"}
_REASONS: dict[Reason, str] = {
    "damaged": "damaged",
    "old": "unused for too long",
    "room": "to make room",
    "all": "all were to go",
}
_SHOWN_KEY = 8


def contents_lines(contents: Contents, width: int) -> list[str]:
    """What a cache holds by kind, and the room on its disk.

    Args:
        contents: of the cache.
        width: columns that prose keeps to.
    """
    rows = [
        [_KINDS.get(kind, kind), str(len(found)), _mb(total_bytes(found)), _moment(max(each.used for each in found))]
        for kind, found in _by_kind(contents.entries).items()
    ]
    if contents.half_built:
        rows.append(["half-built", str(contents.half_built), _mb(contents.half_built_bytes), ""])
    count = len(contents.entries) + contents.half_built
    rows.append(["all", str(count), _mb(contents.size_bytes), ""])
    table = _rendered(rows, ("", "entries", "MB", "last used"), ("left", "right", "right", "left"))
    return [
        *wrapped(f"cache {contents.root}", width),
        "",
        *(table if count else ["it is empty"]),
        "",
        f"free on its disk: {_mb(contents.free_bytes)} MB",
    ]


def contents_table(contents: Contents) -> dict[str, Any]:
    """The same as plain data; sizes in bytes."""
    kinds = {
        kind: {
            "entries": len(found),
            "bytes": total_bytes(found),
            "last_used": max(each.used for each in found).isoformat(),
        }
        for kind, found in _by_kind(contents.entries).items()
    }
    return {
        "root": str(contents.root),
        "kinds": kinds,
        "half_built": {"entries": contents.half_built, "bytes": contents.half_built_bytes},
        "bytes": contents.size_bytes,
        "free_bytes": contents.free_bytes,
    }


def pruned_lines(pruned: CleanupReport, width: int) -> list[str]:
    """What went, what stayed because it is in use, and how much room it made.

    Args:
        pruned: the clean-up.
        width: columns that prose keeps to.
    """
    rows = [
        [entry.kind, entry.key[:_SHOWN_KEY], _mb(entry.size_bytes), _moment(entry.used), _REASONS[reason]]
        for entry, reason in pruned.removed
    ]
    align = ("left", "left", "right", "left", "left")
    table = [*_rendered(rows, ("entry", "key", "MB", "last used", "why"), align), ""] if rows else []
    said = [
        f"{'would remove' if pruned.dry_run else 'removed'}: {amount(len(pruned.removed), 'entry', 'entries')}"
        + (f", {amount(pruned.half_built, 'half-built folder')}" if pruned.half_built else "")
        + f", {_mb(pruned.freed_bytes)} MB",
        f"left: {amount(len(pruned.left), 'entry', 'entries')}, {_mb(total_bytes(pruned.left))} MB",
    ]
    if pruned.in_use:
        said.append(
            f"in use by a running session, or used less than a minute ago, and so left alone: "
            f"{amount(len(pruned.in_use), 'entry', 'entries')}, {_mb(total_bytes(pruned.in_use))} MB"
        )
    return [*table, *(line for each in said for line in wrapped(each, width))]


def pruned_table(pruned: CleanupReport) -> dict[str, Any]:
    """The same as plain data; sizes in bytes."""
    return {
        "root": str(pruned.root),
        "dry_run": pruned.dry_run,
        "removed": [_plain(found.entry) | {"reason": found.reason} for found in pruned.removed],
        "half_built": {"entries": pruned.half_built, "bytes": pruned.half_built_bytes},
        "freed_bytes": pruned.freed_bytes,
        "in_use": [_plain(entry) for entry in pruned.in_use],
        "left": {"entries": len(pruned.left), "bytes": total_bytes(pruned.left)},
    }


def _by_kind(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Entries by their kind, the known kinds first."""
    kinds = dict.fromkeys([*_KINDS, *sorted(entry.kind for entry in entries)])
    found = {kind: [entry for entry in entries if entry.kind == kind] for kind in kinds}
    return {kind: of_kind for kind, of_kind in found.items() if of_kind}


def _plain(entry: Entry) -> dict[str, Any]:
    return {"kind": entry.kind, "key": entry.key, "bytes": entry.size_bytes, "last_used": entry.used.isoformat()}


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _rendered(rows: Sequence[Sequence[str]], headers: Sequence[str], align: Sequence[str]) -> list[str]:
    from tabulate import tabulate

    text = tabulate(rows, headers, colalign=align, disable_numparse=True)
    return [line.rstrip() for line in text.splitlines()]
