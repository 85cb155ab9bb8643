"""SHA-256 of what lies on the disk: a file, or a folder with all that is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_CHUNK_BYTES = 1 << 20


def digest_file(path: Path, *readers: Callable[[bytes], Any]) -> str:
    """Return the SHA-256 of a file's content, as 64 hexadecimal digits; the file is read once, a piece at a time.

    Args:
        path: of the file.
        readers: are given each piece too, for whoever wants to know more of it without reading it again.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
            for read in readers:
                read(chunk)
    return digest.hexdigest()


def digest_path(path: Path) -> str:
    """Return the digest of a file, or that of a folder as ``digest_folder`` has it.

    Raises:
        OSError: something cannot be read.
    """
    if path.is_file():
        return digest_file(path)
    return digest_folder({name: digest_file(file) for name, file in files_of(path).items()})


def digest_folder(digests: Mapping[str, str]) -> str:
    """Return the digest of a folder: the SHA-256 of its files' names and digests, in the order of the names.

    Args:
        digests: of each file, by its name as ``files_of`` gives it.
    """
    lines = (f"{name} {digest}\n" for name, digest in digests.items())
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def files_of(folder: Path) -> dict[str, Path]:
    """Return all files below a folder, sorted by their paths, each by its name relative to the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path for path in files}
