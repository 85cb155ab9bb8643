"""Numbers of few digits in one or two bytes, in a type that HDF5 itself turns into float32 when they are read.

A clustered layer has few distinct values of few mantissa bits. HDF5 lets a file describe how many bits of its numbers
are exponent and mantissa; with as few as the layer needs, a weight is one byte, which an entropy coder takes for the
index that it is. Whatever reads HDF5, Keras for one, reads the values back exactly.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_MANTISSA_BITS, _BIAS, _SPECIAL = 23, 127, 255
_LARGEST_BYTES = 2


class FloatForm(NamedTuple):
    """A floating-point form: bits of the exponent and of the mantissa, and the lowest exponent of a number in it."""

    exponent_bits: int
    mantissa_bits: int
    lowest: int

    @property
    def bytes(self) -> int:
        """How many a number takes, with its sign."""
        return -(-(1 + self.exponent_bits + self.mantissa_bits) // 8)


def form_of(values: npt.NDArray[np.float32]) -> FloatForm | None:
    """Return the smallest form that holds all values exactly; None where that is not smaller than float32.

    Args:
        values: of any shape; those that are denormal, NaN or infinite have no such form.
    """
    raw = np.ascontiguousarray(values).view(np.uint32).ravel()
    raw = raw[(raw << np.uint32(1)) != 0]
    if not raw.size:
        return FloatForm(2, 5, 0)
    exponents = (raw >> _MANTISSA_BITS & 255).astype(int)
    lowest, highest = int(exponents.min()), int(exponents.max())
    if lowest == 0 or highest == _SPECIAL:
        return None
    used = int(np.bitwise_or.reduce(raw)) & ((1 << _MANTISSA_BITS) - 1)
    mantissa_bits = _MANTISSA_BITS - ((used & -used).bit_length() - 1) if used else 0
    # A bias is at least 1, and the lowest and highest exponents of a form stand for 0 and infinity.
    lowest = min(lowest - _BIAS, 0)
    exponent_bits = max(2, (highest - _BIAS - lowest + 2).bit_length())
    form = FloatForm(exponent_bits, max(1, mantissa_bits), lowest)
    return form if form.bytes <= _LARGEST_BYTES else None


def write_packed(group: Any, name: str, values: npt.NDArray[np.float32], form: FloatForm) -> Any:
    """Write a data set of values in a form that holds them; returns it as an ``h5py.Dataset``.

    Args:
        group: an open file or group of ``h5py``.
        name: of the data set, below the group.
        values: of any shape.
        form: see ``form_of``.
    """
    import h5py

    size = form.bytes
    mantissa, exponent = 8 * size - 1 - form.exponent_bits, form.exponent_bits
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(8 * size - 1, mantissa, exponent, 0, mantissa)
    kind.set_size(size)
    kind.set_ebias(1 - form.lowest)
    parent = group.require_group(name.rpartition("/")[0]) if "/" in name else group
    space = h5py.h5s.create_simple(values.shape) if values.shape else h5py.h5s.create(h5py.h5s.SCALAR)
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_obj_track_times(False)
    created = h5py.h5d.create(parent.id, name.rpartition("/")[2].encode(), kind, space, properties)
    created.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(values, dtype=np.float32))
    return h5py.Dataset(created)
