"""Hashes that are written beside what a store holds, so that what was changed since is noticed when it is read.

A database notices a torn page, not a changed letter: SQLite's files have no checksums, and PostgreSQL's are an option.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from hashlib import blake2b
from typing import Any

from .base import Release, Removal, Row, Summary

_BYTES = 8


def of_text(text: str) -> str:
    """Return the hash of a record's JSON, 16 hexadecimal digits; a damaged column may hold no text at all."""
    return blake2b(str(text).encode("utf-8", "surrogatepass"), digest_size=_BYTES).hexdigest()


def of_columns(columns: Row | Summary | Release | Removal, content: str = "") -> str:
    """Return the hash of what stands in columns, and of the hash of the record beside them.

    Args:
        columns: as they are written or as they were read, which are the same but for the time zone of a moment.
        content: the record's hash; of a release its place.
    """
    return of_text(json.dumps([*map(_plain, columns), content]))


def of_place(run_id: str, place: int) -> str:
    """Return the hash of a run's place in the order."""
    return of_text(f"{run_id} {place}")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat()
    if isinstance(value, Mapping):
        # A database gives every figure back as a float, and may give -0.0 back as 0.0. What was not measured does not
        # count, so that a metric may get its column later.
        return sorted((name, float(figure) + 0.0) for name, figure in value.items() if figure is not None)
    return value
