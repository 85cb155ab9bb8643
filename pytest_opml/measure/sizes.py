"""How large a file or a folder is, as it is and after DEFLATE."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from ..storage.digests import digest_file, digest_folder, files_of

# Where Keras puts the weights in its file, and the optimizer's among them.
WEIGHTS, OPTIMIZER = "model.weights.h5", "optimizer"


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


def optimizer_bytes(path: Path) -> int:
    """Return how many bytes of a Keras file are the state of the optimizer that was saved with the model.

    Args:
        path: of a ``.keras`` file; the weights lie in it as an HDF5 file, which is read into memory.
    """
    import h5py

    stored = 0

    def add(_name: str, item: Any) -> None:
        nonlocal stored
        if isinstance(item, h5py.Dataset):
            stored += item.id.get_storage_size()

    with zipfile.ZipFile(path) as archive:
        if WEIGHTS not in archive.namelist():
            return 0
        share = archive.getinfo(WEIGHTS).compress_size / max(1, archive.getinfo(WEIGHTS).file_size)
        with h5py.File(io.BytesIO(archive.read(WEIGHTS))) as weights:
            if OPTIMIZER in weights:
                weights[OPTIMIZER].visititems(add)
    return round(stored * share)


def _measure(path: Path) -> FileSize:
    deflate = zlib.compressobj()
    size = deflated = 0

    def measure(chunk: bytes) -> None:
        nonlocal size, deflated
        size += len(chunk)
        deflated += len(deflate.compress(chunk))

    sha256 = digest_file(path, measure)
    return FileSize(size, deflated + len(deflate.flush()), sha256)
