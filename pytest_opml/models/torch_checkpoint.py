"""Read PyTorch's legacy checkpoint format without PyTorch, accepting tensors and nothing else.

The format is five pickles (magic number, protocol, byte order, the state dictionary, the sorted storage keys) and then,
for each key, an int64 element count and the raw little-endian elements. The pickles may have only the four names that a
plain state dictionary of float and integer tensors uses.
"""

from __future__ import annotations

import hashlib
import io
import math
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError, one_line
from ..safe_pickle import INSTRUCTIONS, Reader, StandIn, refusing

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_MAX_BYTES = 2**31

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


class _Rebuild(StandIn):
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


class _State(OrderedDict[str, Any]):
    """Stand-in for the state dictionary, whose attributes (``_metadata``) are not of interest."""

    def __setstate__(self, state: object) -> None:
        pass


class _TensorReader(Reader):
    what: ClassVar[str] = "a checkpoint"
    # Storage classes become dtype names, which cannot be called.
    allowed: ClassVar[dict[tuple[str, str], Callable[..., Any] | str]] = {
        ("collections", "OrderedDict"): _State,
        ("torch._utils", "_rebuild_tensor_v2"): _Rebuild(),
        ("torch", "FloatStorage"): "<f4",
        ("torch", "LongStorage"): "<i8",
    }
    instructions: ClassVar[frozenset[str]] = INSTRUCTIONS | {"BINPERSID"}
    most_tuples: ClassVar[int] = 10_000

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


def _parse(stream: BinaryIO) -> dict[str, Array]:
    def load() -> Any:
        return _TensorReader.read(stream)

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
    if sha256 is not None and (digest := hashlib.sha256(content).hexdigest()) != sha256:
        raise ModelFileError(f"{path}: refused: its SHA-256 is {digest}, not {sha256}; the file was changed or damaged")
    with refusing(ModelFileError, path, "a tensor checkpoint"):
        return _parse(io.BytesIO(content))
