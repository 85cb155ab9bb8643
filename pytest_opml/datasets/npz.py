"""Arrays of a ``.npz`` file, whose headers are believed only as far as the bytes behind them reach."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy.typing as npt
from numpy.lib import format as npy

from ..errors import DatasetError, one_line
from ..storage.regular_files import open_regular

# A member that grows by more than this is made to fill the memory: DEFLATE reaches 1032, with nothing but zeros.
_MOST_GROWTH = 500
_LARGE_BYTES = 2**30
_SUFFIX = ".npy"


def read_arrays(path: Path, is_wanted: Callable[[str], bool]) -> dict[str, npt.NDArray[Any]]:
    """Return arrays of a ``.npz`` file by their names; nothing in it is unpickled.

    Args:
        path: of the file.
        is_wanted: whether an array of a name is read.

    Raises:
        DatasetError: the file is missing or damaged, or an array is none that can be loaded; names both.
    """
    try:
        with open_regular(path) as stream:
            start = stream.read(6)
            if not start:
                raise DatasetError(f"{path}: cannot be read: it is empty")
            if start == npy.MAGIC_PREFIX:
                raise DatasetError(f"{path}: is a single array, not a .npz file of several")
            return _read(path, stream, is_wanted)
    except zipfile.BadZipFile as error:
        raise DatasetError(f"{path}: cannot be read: it is no .npz file, or not a whole one") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or one_line(error)}") from error
    except (ValueError, EOFError) as error:  # of the archive's own list
        raise DatasetError(f"{path}: cannot be read: {one_line(error)}") from error


def _read(path: Path, stream: BinaryIO, is_wanted: Callable[[str], bool]) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {}
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            key = info.filename.removesuffix(_SUFFIX)
            if not is_wanted(key):
                continue
            where = f"{path}: {key}"
            if info.file_size > _LARGE_BYTES and info.file_size > _MOST_GROWTH * info.compress_size:
                raise DatasetError(f"{where}: {info.compress_size:,} bytes unpack to {info.file_size:,}; save it anew")
            try:
                with archive.open(info) as member:
                    _check_header(where, member, info.file_size)
                with archive.open(info) as member:
                    arrays[key] = npy.read_array(member, allow_pickle=False)
            except DatasetError:
                raise
            except MemoryError as error:
                raise DatasetError(f"{where}: does not fit into memory, with {info.file_size:,} bytes") from error
            except Exception as error:  # a header is read as Python: of a damaged one, that says anything
                raise DatasetError(f"{where}: cannot be read: {one_line(error)}") from error
    return arrays


def _check_header(where: str, member: IO[bytes], size: int) -> None:
    """Refuse a member whose header promises what does not lie behind it, before memory is asked for it."""
    if member.peek(6)[:6] != npy.MAGIC_PREFIX:  # type: ignore[attr-defined]
        raise DatasetError(f"{where}: is no array")
    version = npy.read_magic(member)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        return  # names of fields that are no Latin letters, which no numbers or texts have
    shape, _, dtype = readers[version](member)
    if dtype.hasobject:
        raise DatasetError(f"{where}: holds Python objects, as pickles that can run any code; save numbers or text")
    promised, behind = math.prod(shape) * dtype.itemsize, size - member.tell()
    if promised > behind:
        raise DatasetError(f"{where}: its header says {dtype} {shape}, {promised:,} bytes, and it has {behind:,}")
