"""A folder of finished work, found again by everything that could change the result.

An entry is a folder, built under another name and moved into place when it is complete, so it is there whole or not at
all. Parallel runs that need the same entry wait for the first to build it. A content list with digests is kept in each
entry; one that was damaged is built anew.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .errors import StorageError

_MANIFEST = "manifest.json"
_STALE_SECONDS = 86_400


def key_of(parts: Mapping[str, Any]) -> str:
    """The key of an entry: a digest of all that can change the result."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


@cache
def source_digest() -> str:
    """A digest of this package's own code that makes results: datasets, models, techniques."""
    root, digest = Path(__file__).parent, hashlib.sha256()
    for folder in ("datasets", "models", "techniques"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


class Cache:
    """Entries below one folder.

    Raises:
        StorageError: on construction or use, when the folder cannot be made or written; one line.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        try:
            for name in ("entries", "building", "locks"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root / "building"):
                pass
            self._sweep()
        except OSError as error:
            raise StorageError(f"cache {root}: cannot be written: {error.strerror}; set --opml-cache-dir") from error

    def find(self, kind: str, key: str) -> Path | None:
        """The folder of an entry that is there whole, or None."""
        target = self._target(kind, key)
        return target if self._is_whole(target) else None

    def _target(self, kind: str, key: str) -> Path:
        return self.root / "entries" / f"{kind}-{key}"

    def entry(self, kind: str, key: str, build: Callable[[Path], None]) -> Path:
        """The folder of an entry, built by ``build(empty folder)`` if it is not there whole.

        Args:
            kind: a word for people who look into the cache.
            key: from ``key_of``.
            build: fills the folder; whatever it raises leaves no entry.

        Raises:
            StorageError: the disk is full or the folder cannot be written.
        """
        from filelock import FileLock

        target = self._target(kind, key)
        try:
            with FileLock(self.root / "locks" / f"{kind}-{key}.lock"):
                if self._is_whole(target):
                    return target
                shutil.rmtree(target, ignore_errors=True)
                building = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=self.root / "building"))
                try:
                    build(building)
                    self._seal(building)
                    building.rename(target)
                finally:
                    shutil.rmtree(building, ignore_errors=True)
        except OSError as error:
            if error.filename and self.root not in Path(str(error.filename)).parents:
                raise  # somebody else's file
            raise StorageError(f"cache {self.root}: cannot be written: {error.strerror or error}") from error
        return target

    def _sweep(self) -> None:
        """Remove what killed runs left half-built; a day is longer than any build."""
        for folder in (self.root / "building").iterdir():
            if time.time() - folder.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def _seal(folder: Path) -> None:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        contents = {str(path.relative_to(folder)): _digest(path) for path in files}
        (folder / _MANIFEST).write_text(json.dumps(contents, indent=1), "utf-8")

    @staticmethod
    def _is_whole(folder: Path) -> bool:
        try:
            contents = json.loads((folder / _MANIFEST).read_text("utf-8"))
            return bool(contents) and all(_digest(folder / name) == digest for name, digest in contents.items())
        except (OSError, ValueError, AttributeError):
            return False
