"""Read PyTorch's legacy checkpoint format without PyTorch, accepting tensors and nothing else.

The format is five pickles (magic number, protocol, byte order, the state dictionary, the sorted storage keys) and then,
for each key, an int64 element count and the raw little-endian elements. A pickle can name any callable, so this reader
answers exactly the four names that a plain state dictionary of float and integer tensors uses and refuses every other
one before it is looked up.
"""

from __future__ import annotations

import hashlib
import io
import math
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError, one_line

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_MAX_BYTES = 2**31
_MOST_OBJECTS = 1_000_000
_MOST_TUPLES = 10_000
_INSTRUCTIONS = frozenset(
    (  # noqa: SIM905 - a list would take thirty lines of one word each
        "PROTO STOP MARK GLOBAL REDUCE BUILD BINPERSID NONE NEWTRUE NEWFALSE LONG1 BININT BININT1 BININT2 BINUNICODE "
        "BINPUT LONG_BINPUT BINGET LONG_BINGET EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS "
        "EMPTY_DICT SETITEM SETITEMS"
    ).split()
)

Array = npt.NDArray[Any]


class _Storage(NamedTuple):
    key: str
    dtype: str
    elements: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Rebuild:
    """Stand-in for ``torch._utils._rebuild_tensor_v2``: checks the extents, builds nothing yet."""

    __slots__ = ()

    def __call__(
        self,
        storage: _Storage,
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        _requires_grad: bool,
        _hooks: object,
    ) -> _Tensor:
        if not isinstance(storage, _Storage):
            raise TypeError("a tensor without a storage")
        numbers = (offset, *shape, *strides)
        if len(shape) != len(strides) or any(type(number) is not int or number < 0 for number in numbers):
            raise ValueError("a tensor with an impossible shape")
        last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
        if math.prod(shape) > storage.elements or (all(shape) and last >= storage.elements):
            raise ValueError("a tensor that reaches beyond its storage")
        return _Tensor(storage, offset, tuple(shape), tuple(strides))

    def __setstate__(self, state: object) -> None:
        # A pickle can give any object a new state; a function would keep it beyond this file.
        raise ValueError("it would change the reader")


class _State(OrderedDict[str, Any]):
    """Stand-in for the state dictionary, whose attributes (``_metadata``) are not of interest."""

    def __setstate__(self, state: object) -> None:
        pass


class _TensorUnpickler(pickle.Unpickler):
    # Storage classes become dtype names: a string cannot be called, so a REDUCE on one fails.
    _ALLOWED: ClassVar[dict[tuple[str, str], Callable[..., Any] | str]] = {
        ("collections", "OrderedDict"): _State,
        ("torch._utils", "_rebuild_tensor_v2"): _Rebuild(),
        ("torch", "FloatStorage"): "<f4",
        ("torch", "LongStorage"): "<i8",
    }

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return self._ALLOWED[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it names {module_name}.{global_name}, which is not part of a tensor"
            ) from None

    def persistent_load(self, pid: Any) -> _Storage:
        match pid:
            case ("storage", "<f4" | "<i8" as dtype, str(key), str(), int(elements), None) if elements >= 0:
                return _Storage(key, dtype, elements)
        raise pickle.UnpicklingError("it refers to something other than a tensor storage")


def _read_storages(stream: BinaryIO, keys: list[str], wanted: dict[str, _Storage]) -> dict[str, Array]:
    if not isinstance(keys, list) or set(keys) != set(wanted) or len(keys) != len(wanted):
        raise ValueError("its storages are not those that its tensors name")
    storages: dict[str, Array] = {}
    for key in keys:
        storage = wanted[key]
        if int.from_bytes(stream.read(8), "little") != storage.elements:
            raise ValueError(f"storage {key} is not of the length that its tensors name")
        raw = stream.read(storage.elements * np.dtype(storage.dtype).itemsize)
        storages[key] = np.frombuffer(raw, dtype=storage.dtype, count=storage.elements)
    if stream.read(1):
        raise ValueError("bytes follow the last tensor")
    return storages


def _load_screened(stream: BinaryIO) -> Any:
    """Load one pickle, after its instructions were read through without carrying any out.

    Some that a state dictionary never needs would make the reader itself take gigabytes or overflow its stack.
    """
    start, tuples = stream.tell(), 0
    for instruction, argument, _ in pickletools.genops(stream):
        if instruction.name not in _INSTRUCTIONS:
            raise ValueError(f"it has an instruction ({instruction.name}) that tensors do not need")
        if instruction.name == "LONG_BINPUT" and int(argument or 0) > _MOST_OBJECTS:
            raise ValueError("it numbers more objects than a checkpoint has")
        tuples += instruction.name.startswith("TUPLE")
        if tuples > _MOST_TUPLES:
            raise ValueError("it has more tuples than a checkpoint has")
    stream.seek(start)
    return _TensorUnpickler(stream).load()


def _parse(stream: BinaryIO) -> dict[str, Array]:
    def load() -> Any:
        return _load_screened(stream)

    if load() != _MAGIC or load() != _PROTOCOL or not load().get("little_endian"):
        raise ValueError("it is not a little-endian legacy PyTorch checkpoint")
    state = load()
    if not isinstance(state, OrderedDict) or not all(
        isinstance(name, str) and isinstance(tensor, _Tensor) for name, tensor in state.items()
    ):
        raise ValueError("it holds something other than named tensors")
    wanted: dict[str, _Storage] = {}
    for tensor in state.values():
        if wanted.setdefault(tensor.storage.key, tensor.storage) != tensor.storage:
            raise ValueError(f"storage {tensor.storage.key} is described in two ways")
    storages = _read_storages(stream, load(), wanted)
    tensors: dict[str, Array] = {}
    for name, tensor in state.items():
        data = storages[tensor.storage.key][tensor.offset :]
        strides = tuple(step * data.itemsize for step in tensor.strides)
        view = np.lib.stride_tricks.as_strided(data, tensor.shape, strides, writeable=False)
        tensors[name] = np.ascontiguousarray(view).reshape(tensor.shape)
    return tensors


def read_checkpoint(path: Path, *, sha256: str | None = None) -> dict[str, Array]:
    """Return the tensors of a legacy PyTorch checkpoint by name, as contiguous arrays.

    Args:
        path: the checkpoint.
        sha256: the digest that the file must have; checked before a byte of it is interpreted.

    Raises:
        ModelFileError: the file is missing, has another digest, or holds anything but float32 and int64 tensors.
    """
    try:
        if path.exists() and not path.is_file():
            raise ModelFileError(f"{path}: not a regular file")
        if path.stat().st_size > _MAX_BYTES:
            raise ModelFileError(
                f"{path}: refused: larger than any checkpoint of this format is expected to be (2 GiB)"
            )
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ModelFileError(f"{str(path)!r}: cannot be read: {one_line(error)}") from error
    if sha256 is not None and (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise ModelFileError(f"{path}: refused: its SHA-256 is {found}, not {sha256}; the file was changed or damaged")
    try:
        return _parse(io.BytesIO(content))
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
        raise ModelFileError(f"{path}: refused as a tensor checkpoint: {' '.join(str(error).split())}") from error
