"""How large a file or a folder is, as it is and after DEFLATE."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import NamedTuple

from ..storage.digests import digest_file, digest_folder, files_of


class FileSize(NamedTuple):
    """Bytes of a file or folder, bytes after DEFLATE, and the digest of the content measured."""

    size_bytes: int
    deflated_bytes: int
    sha256: str


def measure_file(path: Path) -> FileSize:
    """Read a file, or all files of a folder, once and measure them; the digest is that of ``digests.digest_path``."""
    if path.is_file():
        return _measure(path)
    sizes = {name: _measure(file) for name, file in files_of(path).items()}
    return FileSize(
        sum(size.size_bytes for size in sizes.values()),
        sum(size.deflated_bytes for size in sizes.values()),
        digest_folder({name: size.sha256 for name, size in sizes.items()}),
    )


def _measure(path: Path) -> FileSize:
    deflate = zlib.compressobj()
    size = deflated = 0

    def measure(chunk: bytes) -> None:
        nonlocal size, deflated
        size += len(chunk)
        deflated += len(deflate.compress(chunk))

    sha256 = digest_file(path, measure)
    return FileSize(size, deflated + len(deflate.flush()), sha256)
