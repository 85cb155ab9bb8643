"""Read the pickled batches of CIFAR's "python version", accepting what they hold and nothing else.

Such a file is one pickle of a dictionary: byte strings as keys, and lists, numbers, byte strings and uint8 arrays as
values.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..errors import DatasetError
from ..safe_pickle import INSTRUCTIONS, Reader, StandIn, refusing
from ..storage.regular_files import open_regular
from .pixels import Images

_ARRAY_TYPE = "numpy.ndarray"  # what the type is answered with: a string cannot be called


class _Encode(StandIn):
    """Stand-in for ``_codecs.encode``, with which Python 3 writes byte strings in Python 2's protocol."""

    def __call__(self, text: str, encoding: str) -> bytes:
        if not isinstance(text, str) or encoding != "latin1":
            raise ValueError("a byte string in an encoding that no byte string has")
        return text.encode("latin1")


class _Uint8:
    """Stand-in for ``numpy.dtype``, whose state (the byte order) means nothing for bytes."""

    __slots__ = ()

    def __init__(self, code: object, *_flags: object) -> None:
        if code not in ("u1", b"u1"):
            raise ValueError(f"an array of type {code!r}, not of bytes (u1)")

    def __setstate__(self, state: object) -> None:
        pass


class _Array:
    """Stand-in for an array that is being read."""

    __slots__ = ("pixels",)

    pixels: Images

    def __setstate__(self, state: object) -> None:
        match state:
            case (int(), tuple(shape), _Uint8(), bool(fortran), bytes(content)):
                pass
            case _:
                raise ValueError("an array that is described in an unknown way")
        if any(type(n) is not int or n < 0 for n in shape) or math.prod(shape) != len(content):
            raise ValueError(f"an array of shape {shape} from {len(content)} bytes")
        self.pixels = np.frombuffer(content, dtype=np.uint8).reshape(shape, order="F" if fortran else "C")


class _Reconstruct(StandIn):
    """Stand-in for ``numpy.core.multiarray._reconstruct``."""

    def __call__(self, kind: object, shape: object, _code: object) -> _Array:
        if (kind, shape) != (_ARRAY_TYPE, (0,)):
            raise ValueError("an array that is described in an unknown way")
        return _Array()


class _BatchReader(Reader):
    what: ClassVar[str] = "a batch of images"
    allowed: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy.core.multiarray", "_reconstruct"): _Reconstruct(),
        ("numpy._core.multiarray", "_reconstruct"): _Reconstruct(),
        ("numpy", "ndarray"): _ARRAY_TYPE,
        ("numpy", "dtype"): _Uint8,
        ("_codecs", "encode"): _Encode(),
    }
    instructions: ClassVar[frozenset[str]] = INSTRUCTIONS | {
        *("BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES")
    }
    most_tuples: ClassVar[int] = 1_000


def _parse(content: bytes) -> dict[bytes, Any]:
    batch = _BatchReader.read(io.BytesIO(content), encoding="bytes")
    if not isinstance(batch, dict):
        raise TypeError(f"it holds a {type(batch).__name__}, not a dictionary")
    return {key: value.pixels if isinstance(value, _Array) else value for key, value in batch.items()}


def read_batch(path: Path) -> dict[bytes, Any]:
    """Return the dictionary of a batch or ``meta`` file, arrays as uint8.

    Raises:
        DatasetError: the file is missing or damaged, or holds anything else; names it.
    """
    try:
        with open_regular(path) as stream:
            content = stream.read()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    with refusing(DatasetError, path, "a batch of images"):
        return _parse(content)
