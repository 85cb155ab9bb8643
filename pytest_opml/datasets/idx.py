"""Read IDX files, the format in which MNIST and Fashion-MNIST are published."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError, one_line
from ..storage.regular_files import open_regular

_UNSIGNED_BYTES = 0x08
_MOST_BYTES = 2**31


def read_idx(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """Return the array of bytes in an IDX file, which may be compressed with gzip (``.gz``).

    Raises:
        DatasetError: the file is missing or damaged, or is of another type or shape; names it.
    """
    try:
        with open_regular(path) as file, gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file as stream:
            head = stream.read(4)
            magic = bytes((0, 0, _UNSIGNED_BYTES, dimensions))
            if head != magic:
                raise DatasetError(f"{path}: magic number: {head.hex() or 'none'}, it should be {magic.hex()}")
            lengths = stream.read(4 * dimensions)
            if len(lengths) < 4 * dimensions:
                raise DatasetError(f"{path}: header: ends after {len(lengths) + 4} bytes")
            shape = tuple(int(length) for length in np.frombuffer(lengths, dtype=">u4"))
            expected = math.prod(shape)
            if expected > _MOST_BYTES:
                raise DatasetError(f"{path}: header: a shape of {shape} is more than any such file holds")
            content = stream.read(expected + 1)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or one_line(error)}") from error
    except (EOFError, zlib.error) as error:
        raise DatasetError(f"{path}: cannot be read: {one_line(error)}") from error
    if len(content) != expected:
        length = f"more than {expected}" if len(content) > expected else str(len(content))
        raise DatasetError(f"{path}: content: {length} bytes for a shape of {shape}, which has {expected}")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)
