"""How large a file or a folder is, as it is and after DEFLATE."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import NamedTuple

_CHUNK = 1 << 20


class FileSize(NamedTuple):
    """Bytes of a file or folder, bytes after DEFLATE, and the digest of the content measured."""

    size_bytes: int
    deflated_bytes: int
    sha256: str


def measure_file(path: Path) -> FileSize:
    """Read a file, or all files of a folder, once and measure them.

    The digest of a folder is that of its files' names and digests, in the order of the names.
    """
    if path.is_file():
        return _measure(path)
    digest, size, deflated = hashlib.sha256(), 0, 0
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        found = _measure(file)
        digest.update(f"{file.relative_to(path)} {found.sha256}\n".encode())
        size, deflated = size + found.size_bytes, deflated + found.deflated_bytes
    return FileSize(size, deflated, digest.hexdigest())


def _measure(path: Path) -> FileSize:
    digest, deflate = hashlib.sha256(), zlib.compressobj()
    size = deflated = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            deflated += len(deflate.compress(chunk))
    return FileSize(size, deflated + len(deflate.flush()), digest.hexdigest())
