"""Reading tables of a FlatBuffer whose schema is known, without code that was generated from it.

What a file claims is never trusted: every place is checked to lie within it, so that a damaged one ends in an error.
See https://flatbuffers.dev/internals for the format.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import OpmlError


class FlatBufferError(OpmlError):
    """A buffer does not hold what its tables point to."""


class Table:
    """A table of a buffer; fields are asked for by their number in the schema.

    Args:
        data: the whole buffer.
        place: where the table begins; None for the root of the buffer.

    Raises:
        FlatBufferError: here and in all methods, where the buffer is damaged.
    """

    def __init__(self, data: memoryview, place: int | None = None) -> None:
        self._data = data
        self._place = self._read("<I", 0) if place is None else place
        self._fields = self._place - self._read("<i", self._place)
        self._fields_size = self._read("<H", self._fields)

    def _read(self, kind: str, place: int) -> int:
        size = struct.calcsize(kind)
        if not 0 <= place <= len(self._data) - size:
            raise FlatBufferError("points beyond its end")
        value: int = struct.unpack_from(kind, self._data, place)[0]
        return value

    def _field(self, number: int) -> int | None:
        """Where a field lies; None where the table leaves it out."""
        entry = 4 + 2 * number
        if entry + 2 > self._fields_size:
            return None
        offset = self._read("<H", self._fields + entry)
        return self._place + offset if offset else None

    def _target(self, number: int) -> int | None:
        """Where what a field points to lies."""
        place = self._field(number)
        return None if place is None else place + self._read("<I", place)

    def number(self, number: int, kind: str = "<i", default: int = 0) -> int:
        """Return a field that is a whole number; ``kind`` is its code in ``struct``."""
        place = self._field(number)
        return default if place is None else self._read(kind, place)

    def text(self, number: int) -> str:
        """Return a field that is text; empty where it is left out."""
        return self.numbers(number, "u1").tobytes().decode("utf-8", "replace")

    def table(self, number: int) -> Table | None:
        """Return a field that is a table."""
        place = self._target(number)
        return None if place is None else Table(self._data, place)

    def numbers(self, number: int, dtype: str) -> npt.NDArray[Any]:
        """Return a field that is a list of numbers; empty where it is left out."""
        place = self._target(number)
        if place is None:
            return np.empty(0, dtype)
        count, size = self._read("<I", place), np.dtype(dtype).itemsize
        if place + 4 + count * size > len(self._data):
            raise FlatBufferError("points beyond its end")
        return np.frombuffer(self._data, dtype, count, place + 4)

    def tables(self, number: int) -> list[Table]:
        """Return a field that is a list of tables."""
        place = self._target(number)
        if place is None:
            return []
        offsets = self.numbers(number, "<u4")
        return [Table(self._data, place + 4 * (1 + index) + int(offset)) for index, offset in enumerate(offsets)]
