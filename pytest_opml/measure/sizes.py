"""How large a file is, as it is and after DEFLATE."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import NamedTuple

_CHUNK = 1 << 20


class FileSize(NamedTuple):
    """Bytes of a file, bytes after DEFLATE, and the digest of the content measured."""

    size_bytes: int
    deflated_bytes: int
    sha256: str


def measure_file(path: Path) -> FileSize:
    """Read a file once and measure it."""
    digest, deflate = hashlib.sha256(), zlib.compressobj()
    size = deflated = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            deflated += len(deflate.compress(chunk))
    return FileSize(size, deflated + len(deflate.flush()), digest.hexdigest())
