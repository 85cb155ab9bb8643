"""Where examples come from: an array in memory or in a file, or a user's object that gives them on demand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError, one_line
from ..tensors import Array, TensorSpec, dtype_name

if TYPE_CHECKING:
    from hashlib import _Hash

Labels = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]

# Of what is read, hashed or written at a time; few enough to stay in a cache of the processor.
CHUNK_BYTES = 2**23
# What ``write`` leaves in a folder: one of them.
_ARRAY, _TEXTS = "array.npy", "texts.json"


@runtime_checkable
class OnDemand(Protocol):
    """What a user may give in the place of an array: the examples with some numbers, when they are asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, indices: Indices, /) -> Array:
        """The examples with these numbers (k,), as an array (k, ...) of always the same shape and dtype."""
        ...


class Source(Protocol):
    """Examples of one input, by number."""

    def __len__(self) -> int: ...

    @property
    def spec(self) -> TensorSpec:
        """The form of one example, without a name."""
        ...

    def read(self, indices: Indices) -> Array:
        """The examples with these numbers, (k, ...).

        Raises:
            DatasetError: one cannot be read; names it.
        """
        ...

    def feed(self, digest: _Hash, indices: Indices) -> None:
        """Add the content of the examples with these numbers to a digest."""
        ...

    def stamp(self, indices: Indices) -> str | None:
        """Return a text that changes with the content of these examples, which are not read; None where none can."""
        ...

    def write(self, folder: Path, indices: Indices) -> None:
        """Leave the examples with these numbers in a folder, for the process that measures.

        Raises:
            OSError: the folder cannot be written.
        """
        ...


class ArraySource:
    """Examples in memory, or in a memory-mapped file; text as an array of ``str`` objects."""

    def __init__(self, array: Array) -> None:
        self._array = array

    def __len__(self) -> int:
        return len(self._array)

    @property
    def spec(self) -> TensorSpec:
        """See ``Source.spec``."""
        return TensorSpec("", self._array.shape[1:], dtype_name(self._array))

    def read(self, indices: Indices) -> Array:
        """See ``Source.read``."""
        selected: Array = self._array[indices]
        return selected

    def feed(self, digest: _Hash, indices: Indices) -> None:
        """See ``Source.feed``."""
        feed_arrays(self, digest, indices)

    def stamp(self, indices: Indices) -> str | None:  # noqa: ARG002 - an array has been read already
        """See ``Source.stamp``."""
        return None

    def write(self, folder: Path, indices: Indices) -> None:
        """See ``Source.write``."""
        write_arrays(self, folder, indices)


class OnDemandSource(ArraySource):
    """Examples that a user's object gives when they are asked for.

    Args:
        examples: the object.
        name: of the data set and the input, for what errors say.
    """

    def __init__(self, examples: OnDemand, name: str) -> None:
        self._examples, self._name = examples, name
        first = self._get(np.zeros(1, dtype=np.int64))
        self._spec = TensorSpec("", first.shape[1:], dtype_name(first))

    def __len__(self) -> int:
        return len(self._examples)

    @property
    def spec(self) -> TensorSpec:
        """See ``Source.spec``."""
        return self._spec

    def _get(self, indices: Indices) -> Array:
        try:
            array = np.asarray(self._examples[indices])
        except Exception as error:  # whatever the user's own code raises
            raise DatasetError(
                f"{self._name}: its examples {_few(indices)} cannot be read: {type(error).__name__}: {one_line(error)}"
            ) from error
        if array.shape[:1] != indices.shape:
            raise DatasetError(f"{self._name}: gave an array of shape {array.shape} for {len(indices)} examples")
        return unified(self._name, array)

    def read(self, indices: Indices) -> Array:
        """See ``Source.read``.

        Raises:
            DatasetError: the object fails, or what it gives has another form than its first example.
        """
        array = self._get(indices)
        form = TensorSpec("", array.shape[1:], dtype_name(array))
        if form != self._spec:
            raise DatasetError(f"{self._name}: its examples {_few(indices)} are {form}, the first one is {self._spec}")
        return array


class JoinedSource(ArraySource):
    """The examples of one source and, after them, those of another of the same form."""

    def __init__(self, first: Source, second: Source) -> None:
        self._first, self._second = first, second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    @property
    def spec(self) -> TensorSpec:
        """See ``Source.spec``."""
        return self._first.spec

    def read(self, indices: Indices) -> Array:
        """See ``Source.read``."""
        is_second = indices >= len(self._first)
        spec = self.spec
        dtype: Any = object if spec.dtype == "string" else spec.dtype
        out = np.empty((len(indices), *spec.least_shape), dtype)
        if not is_second.all():
            out[~is_second] = self._first.read(indices[~is_second])
        if is_second.any():
            out[is_second] = self._second.read(indices[is_second] - len(self._first))
        return out


def _few(indices: Indices) -> str:
    numbers = [str(index) for index in indices[:3]]
    return ", ".join([*numbers, *(["..."] if len(indices) > 3 else [])])


def read_text(where: str, text: str | bytes) -> str:
    """Return text that may be in bytes, as NumPy and TensorFlow give it.

    Raises:
        DatasetError: the bytes are no UTF-8; names ``where``.
    """
    try:
        return text.decode() if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise DatasetError(f"{where}: {text[:40]!r} is no text in UTF-8") from error


def unified(where: str, array: Array) -> Array:
    """Return an array in a dtype that models take: float64 as float32, text as ``str`` objects.

    Raises:
        DatasetError: text in bytes is no UTF-8; names ``where``.
    """
    if array.dtype == np.float64:
        return array.astype(np.float32)
    if array.dtype.kind == "S":
        texts = [read_text(where, text) for text in array.reshape(-1)]
        return np.array(texts, dtype=object).reshape(array.shape)
    return array.astype(object) if array.dtype.kind in "UT" else array


def per_chunk(source: Source) -> int:
    """Return how many examples of a source are handled at a time."""
    return max(1, CHUNK_BYTES // max(1, source.spec.example_bytes))


def feed_arrays(source: Source, digest: _Hash, indices: Indices) -> None:
    """Add examples of a source to a digest, a piece at a time."""
    spec, step = source.spec, per_chunk(source)
    # images of 8 bits were all that there was once, and their digests stay
    digest.update(f"array{spec.shape}{'' if spec.dtype == 'uint8' else spec.dtype}".encode())
    for start in range(0, len(indices), step):
        array = source.read(indices[start : start + step])
        if spec.dtype == "string":
            for text in array.reshape(-1):
                digest.update(f"{len(text)}:{text}".encode("utf-8", "surrogatepass"))
        else:
            digest.update(np.ascontiguousarray(array).data)


def write_arrays(source: Source, folder: Path, indices: Indices) -> None:
    """Write examples of a source to a folder, a piece at a time, as memory may not hold all of them twice."""
    spec, step = source.spec, per_chunk(source)
    if spec.dtype == "string":
        texts = source.read(indices)
        content = {"shape": texts.shape, "texts": texts.reshape(-1).tolist()}
        (folder / _TEXTS).write_text(json.dumps(content), "utf-8")
        return
    shape = (len(indices), *spec.shape)
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(spec.dtype)), "fortran_order": False, "shape": shape}
    with (folder / _ARRAY).open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for start in range(0, len(indices), step):
            stream.write(np.ascontiguousarray(source.read(indices[start : start + step])).data)


def read_arrays(folder: Path) -> Array:
    """Return what ``write_arrays`` left in a folder, memory-mapped.

    It is read through once, so that a process has it before it measures what else takes memory.
    """
    if (folder / _TEXTS).exists():
        content = json.loads((folder / _TEXTS).read_text("utf-8"))
        texts = np.empty(len(content["texts"]), dtype=object)
        texts[:] = content["texts"]
        return texts.reshape(content["shape"])
    array: Array = np.load(folder / _ARRAY, mmap_mode="r")
    step = per_chunk(ArraySource(array))
    for start in range(0, len(array), step):
        array[start : start + step].max(initial=0)
    return array


def new_digest(text: str) -> _Hash:
    """Return a SHA-256 that has been fed with a text."""
    return hashlib.sha256(text.encode())
