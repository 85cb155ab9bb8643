"""The file that would ship, written from the state of a model."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..runtimes.threads import process_threads
from .packed_floats import form_of, write_packed

if TYPE_CHECKING:
    from .base import ModelState

_WEIGHTS = "model.weights.h5"
_LEVEL = 6  # level 9 took six times as long on clustered weights, for files 1 to 6 % smaller
_BZIP2_LEVEL = 9
# Below this a chunked data set costs more in its index than its compression gains.
_SMALLEST_CHUNKED = 4096


def write_artifact(state: ModelState, folder: Path) -> Path:
    """Write the model into ``folder`` as ``model`` with its suffix; returns the file, or the folder of its files.

    A ``.keras`` file is a zip with an HDF5 file in it. Keras opens one whose members are compressed, and whose weights
    are of another type or compressed by HDF5, as it is; nothing has to be unpacked by hand.
    """
    if state.flatbuffer is not None:
        return write_finished(state.flatbuffer, state.suffix, state.beside, folder)
    path = folder / f"model{state.suffix}"
    state.model.save(path)
    if state.float16_weights or state.deflate or state.packed:
        _rewrite(path, state)
    return path


def write_finished(content: bytes, suffix: str, beside: Mapping[str, bytes], folder: Path) -> Path:
    """Write a finished file into ``folder``, in a folder of its own where others lie beside it; returns either."""
    if beside:
        folder = folder / "model"
        folder.mkdir()
    path = folder / f"model{suffix}"
    path.write_bytes(content)
    for name, neighbour in beside.items():
        (folder / name).write_bytes(neighbour)
    return folder if beside else path


def _rewrite(path: Path, state: ModelState) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[_WEIGHTS] = _stored(members[_WEIGHTS], state)
    method = zipfile.ZIP_DEFLATED if state.deflate or state.packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method, compresslevel=_LEVEL) as archive:
        for name, content in members.items():
            packed = state.packed and name == _WEIGHTS
            archive.writestr(name, content, *((zipfile.ZIP_BZIP2, _BZIP2_LEVEL) if packed else ()))


def _stored(content: bytes, state: ModelState) -> bytes:
    import h5py

    target, groups_bytes = io.BytesIO(), state.deflate and not state.packed
    with h5py.File(io.BytesIO(content)) as source, h5py.File(target, "w", libver="latest") as copy:
        arrays: dict[str, npt.NDArray[Any]] = {}

        def take(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                data = item[()]
                arrays[name] = data.astype(np.float16) if state.float16_weights and data.dtype == np.float32 else data

        source.visititems(take)
        with ThreadPoolExecutor(process_threads()) as pool:  # zlib lets other threads run
            chunks = dict(zip(arrays, pool.map(_chunk if groups_bytes else _no_chunk, arrays.values()), strict=True))

        def transfer(name: str, item: Any) -> None:
            if not isinstance(item, h5py.Dataset):
                target_item = copy.require_group(name)
            elif chunk := chunks[name]:
                target_item = _with_chunk(copy, name, arrays[name], chunk)
            else:
                target_item = _data_set(copy, name, arrays[name], packed=state.packed)
            for key, value in item.attrs.items():
                target_item.attrs[key] = value

        source.visititems(transfer)
    return target.getvalue()


def _data_set(copy: Any, name: str, data: npt.NDArray[Any], *, packed: bool) -> Any:
    if packed and data.dtype in (np.float16, np.float32):
        values = data.astype(np.float32)
        if form := form_of(values):
            return write_packed(copy, name, values, form)
    return copy.create_dataset(name, data=data)


def _no_chunk(_data: npt.NDArray[Any]) -> bytes:
    return b""


def _chunk(data: npt.NDArray[Any]) -> bytes:
    """What HDF5's own compression makes of an array; empty where the archive's is better or as good.

    HDF5 groups the bytes by significance before it deflates them.
    """
    if data.nbytes < _SMALLEST_CHUNKED:
        return b""
    raw = np.ascontiguousarray(data)
    grouped = zlib.compress(raw.reshape(-1).view(np.uint8).reshape(-1, data.itemsize).T.tobytes(), _LEVEL)
    return grouped if len(grouped) < len(zlib.compress(raw.tobytes(), _LEVEL)) else b""


def _with_chunk(file: Any, name: str, data: npt.NDArray[Any], chunk: bytes) -> Any:
    """A new data set of a file, whose one chunk is compressed already."""
    filters = {"compression": "gzip", "compression_opts": _LEVEL, "shuffle": True}
    item = file.create_dataset(name, data.shape, data.dtype, chunks=data.shape, **filters)
    item.id.write_direct_chunk((0,) * data.ndim, chunk)
    return item
