"""Read the pickled batches of CIFAR's "python version", accepting what they hold and nothing else.

Such a file is one pickle of a dictionary: byte strings as keys, and lists, numbers, byte strings and uint8 arrays as
values. A pickle can name any callable, so this reader answers exactly the names that NumPy's arrays use, with stand-ins
of its own, and refuses every other one before it is looked up.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..errors import DatasetError
from .sources import Images

_INSTRUCTIONS = frozenset(
    (  # noqa: SIM905 - a list would take thirty lines of one word each
        "PROTO STOP MARK GLOBAL REDUCE BUILD NONE NEWTRUE NEWFALSE LONG1 BININT BININT1 BININT2 "
        "BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINUNICODE BINPUT LONG_BINPUT BINGET LONG_BINGET "
        "EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS EMPTY_DICT SETITEM SETITEMS"
    ).split()
)
_MOST_OBJECTS = 1_000_000
_MOST_TUPLES = 1_000
_ARRAY_TYPE = "numpy.ndarray"  # what the type is answered with: a string cannot be called


class _Function:
    """Base of the stand-ins for functions: a pickle can give any object a new state, which would outlive this file."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise ValueError("it would change the reader")


class _Encode(_Function):
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


class _Reconstruct(_Function):
    """Stand-in for ``numpy.core.multiarray._reconstruct``."""

    def __call__(self, kind: object, shape: object, _code: object) -> _Array:
        if (kind, shape) != (_ARRAY_TYPE, (0,)):
            raise ValueError("an array that is described in an unknown way")
        return _Array()


class _BatchUnpickler(pickle.Unpickler):
    _ALLOWED: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy.core.multiarray", "_reconstruct"): _Reconstruct(),
        ("numpy._core.multiarray", "_reconstruct"): _Reconstruct(),
        ("numpy", "ndarray"): _ARRAY_TYPE,
        ("numpy", "dtype"): _Uint8,
        ("_codecs", "encode"): _Encode(),
    }

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return self._ALLOWED[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it names {module_name}.{global_name}, which is not part of an array"
            ) from None


def _screen(content: bytes) -> None:
    """Read the instructions through without carrying any out, for those that would exhaust the reader."""
    tuples = 0
    for instruction, argument, _ in pickletools.genops(content):
        if instruction.name not in _INSTRUCTIONS:
            raise ValueError(f"it has an instruction ({instruction.name}) that a batch of images does not need")
        if instruction.name == "LONG_BINPUT" and int(argument or 0) > _MOST_OBJECTS:
            raise ValueError("it numbers more objects than a batch has")
        tuples += instruction.name.startswith("TUPLE")
        if tuples > _MOST_TUPLES:
            raise ValueError("it has more tuples than a batch has")


def _parse(content: bytes) -> dict[bytes, Any]:
    _screen(content)
    batch = _BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
    if not isinstance(batch, dict):
        raise TypeError(f"it holds a {type(batch).__name__}, not a dictionary")
    return {key: value.pixels if isinstance(value, _Array) else value for key, value in batch.items()}


def read_batch(path: Path) -> dict[bytes, Any]:
    """The dictionary of a batch or ``meta`` file, arrays as uint8.

    Raises:
        DatasetError: the file is missing or damaged, or holds anything else; names it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return _parse(content)
    except (
        pickle.UnpicklingError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        EOFError,
        OverflowError,
        MemoryError,
        ImportError,
        RecursionError,
    ) as error:
        raise DatasetError(f"{path}: refused as a batch of images: {' '.join(str(error).split())}") from error
