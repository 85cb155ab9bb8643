"""The file that would ship, written from the state of a model."""

from __future__ import annotations

import io
import json
import re
import shutil
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
    import keras

    from .base import ModelState

_WEIGHTS, _METADATA, _CONFIG = "model.weights.h5", "metadata.json", "config.json"
_SHARED_OBJECT = re.compile(r'("shared_object_id": )(\d+)')
_LEVEL = 6  # level 9 took six times as long on clustered weights, for files 1 to 6 % smaller
_BZIP2_LEVEL = 9
_CHUNK_BYTES = 1 << 20
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
    _save(state, path)
    return path


def save_model(model: keras.Model, path: Path) -> None:
    """Save a model as Keras does, but for the dates: the same model gives the same bytes, whenever it is saved."""
    from .base import ModelState

    _save(ModelState(model), path)


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


def _save(state: ModelState, path: Path) -> None:
    saved = path.with_name(f"saved-{path.name}")
    state.model.save(saved)
    is_changed, is_deflated = state.float16_weights or state.deflate or state.packed, state.deflate or state.packed
    method = zipfile.ZIP_DEFLATED if is_deflated else zipfile.ZIP_STORED
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w", method, compresslevel=_LEVEL) as archive:
        for name in source.namelist():
            member = zipfile.ZipInfo(name)  # of 1980, the first year of the format
            if name == _WEIGHTS and is_changed:
                packed = (zipfile.ZIP_BZIP2, _BZIP2_LEVEL) if state.packed else (method, _LEVEL)
                archive.writestr(member, _stored(source.read(name), state), *packed)
            elif name in (_METADATA, _CONFIG):
                archive.writestr(member, _undated(name, source.read(name)), method, _LEVEL)
            else:
                member.file_size, member.compress_type = source.getinfo(name).file_size, method
                with source.open(name) as content, archive.open(member, "w") as target:
                    shutil.copyfileobj(content, target, _CHUNK_BYTES)
    saved.unlink()


def _undated(name: str, content: bytes) -> bytes:
    """What Keras writes of a model beside its weights, without what differs from one saving to the next."""
    if name == _METADATA:
        return json.dumps(json.loads(content) | {"date_saved": "1980-01-01@00:00:00"}).encode()
    return _SHARED_OBJECT.sub(_Numbers().text, content.decode()).encode()


class _Numbers:
    """Numbers objects in the order in which they come, which Keras names by their addresses in memory."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def text(self, match: re.Match[str]) -> str:
        return f"{match[1]}{self._numbers.setdefault(match[2], len(self._numbers) + 1)}"


def _stored(content: bytes, state: ModelState) -> bytes:
    import h5py

    target, groups_bytes = io.BytesIO(), state.deflate and not state.packed
    with h5py.File(io.BytesIO(content)) as source, _new_file(target) as copy:
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
                target_item = _group(copy, name)
            elif chunk := chunks[name]:
                target_item = _with_chunk(copy, name, arrays[name], chunk)
            else:
                target_item = _data_set(copy, name, arrays[name], packed=state.packed)
            for key, value in item.attrs.items():
                target_item.attrs[key] = value

        source.visititems(transfer)
    return target.getvalue()


def _new_file(target: io.BytesIO) -> Any:
    """A new HDF5 file, which does not say when it was made; h5py's own way has no room for that."""
    import h5py

    access, properties = h5py.h5p.create(h5py.h5p.FILE_ACCESS), h5py.h5p.create(h5py.h5p.FILE_CREATE)
    access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    access.set_fileobj_driver(h5py.h5fd.fileobj_driver, target)
    properties.set_obj_track_times(False)
    return h5py.File(h5py.h5f.create(b"weights", h5py.h5f.ACC_TRUNC, properties, access))


def _group(copy: Any, name: str) -> Any:
    """A new group of a file, which does not say when it was made."""
    import h5py

    properties = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    properties.set_obj_track_times(False)
    h5py.h5g.create(copy.id, name.encode(), gcpl=properties)
    return copy[name]


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
