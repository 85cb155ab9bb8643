"""What can change a result: the key of an artifact in the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

# The code that makes artifacts: folders and files below the package.
_MAKERS = ("datasets", "models", "runtimes", "techniques", "runner/builder.py")


def key_of(parts: Mapping[str, Any]) -> str:
    """The key of an entry: a digest of all that can change the result."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


@cache
def source_digest() -> str:
    """A digest of this package's own code that makes artifacts, so that a change of it makes them anew."""
    digest = hashlib.sha256()
    for path in _sources(Path(str(files("pytest_opml")))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources(package: Path) -> list[Path]:
    """The files of the package that decide what an artifact is.

    Raises:
        FileNotFoundError: one of the folders or files is not there, so that the digest would not notice its changes.
    """
    files: list[Path] = []
    for name in _MAKERS:
        place = package / name
        if not place.exists():
            raise FileNotFoundError(f"{place}: the code that makes artifacts is not where the cache looks for it")
        files += sorted(place.rglob("*.py")) if place.is_dir() else [place]
    return files
