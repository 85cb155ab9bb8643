"""SHA-256 and copies of what lies on the disk: a file, or a folder with all that is in it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .regular_files import open_regular, regular_files

_CHUNK_BYTES = 1 << 20


def digest_file(path: Path, *readers: Callable[[bytes], Any]) -> str:
    """Return the SHA-256 of a file's content, as 64 hexadecimal digits; the file is read once, a piece at a time.

    Args:
        path: of the file.
        readers: are given each piece too, for whoever wants to know more of it without reading it again.

    Raises:
        OSError: the file cannot be read, or is no regular one.
    """
    digest = hashlib.sha256()
    with open_regular(path) as stream:
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
    """Return all files below a folder, sorted by their paths, each by its name relative to the folder.

    Raises:
        OSError: something else than a file lies there, or a link that is not followed; see ``regular_files``.
    """
    return {str(path.relative_to(folder)): path for path in regular_files(folder)}


def copy_path(source: Path, target: Path) -> None:
    """Copy a file, or all files of a folder, as ``digest_path`` reads them: files in the place of links.

    Args:
        source: the file or folder.
        target: its new name, which is not there yet.

    Raises:
        OSError: something cannot be read or written, or is no file.
    """
    if not source.is_dir():
        _copy_file(source, target)
        return
    target.mkdir()
    for name, file in files_of(source).items():
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        _copy_file(file, copy)


def _copy_file(source: Path, target: Path) -> None:
    with open_regular(source) as stream, target.open("xb") as copy:
        shutil.copyfileobj(stream, copy, _CHUNK_BYTES)
