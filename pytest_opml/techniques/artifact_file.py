"""The file that would ship, written from the state of a model."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .base import ModelState

_WEIGHTS = "model.weights.h5"
_LEVEL = 6  # level 9 took six times as long on clustered weights, for files 1 to 6 % smaller
# Below this a chunked data set costs more in its index than its compression gains.
_SMALLEST_CHUNKED = 4096


def write_artifact(state: ModelState, folder: Path) -> Path:
    """Write the model into ``folder`` as ``model`` with its suffix; returns the file.

    A ``.keras`` file is a zip with an HDF5 file in it. Keras opens one whose members are deflated, and whose
    weights are float16 or compressed by HDF5, as it is; nothing has to be unpacked by hand.
    """
    path = folder / f"model{state.suffix}"
    if state.flatbuffer is not None:
        path.write_bytes(state.flatbuffer)
        return path
    state.model.save(path)
    if state.float16_weights or state.deflate:
        _rewrite(path, float16_weights=state.float16_weights, deflate=state.deflate)
    return path


def _rewrite(path: Path, *, float16_weights: bool, deflate: bool) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[_WEIGHTS] = _stored(members[_WEIGHTS], float16_weights=float16_weights, deflate=deflate)
    method = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method, compresslevel=_LEVEL) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _stored(content: bytes, *, float16_weights: bool, deflate: bool) -> bytes:
    import h5py

    target = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as source, h5py.File(target, "w", libver="latest") as copy:

        def transfer(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                data = item[()]
                data = data.astype(np.float16) if float16_weights and data.dtype == np.float32 else data
                target_item = copy.create_dataset(name, data=data, **_filters(data, deflate=deflate))
            else:
                target_item = copy.require_group(name)
            for key, value in item.attrs.items():
                target_item.attrs[key] = value

        source.visititems(transfer)
    return target.getvalue()


def _filters(data: npt.NDArray[Any], *, deflate: bool) -> dict[str, Any]:
    """HDF5's own compression where bytes grouped by significance deflate better than the archive as it is would."""
    if not deflate or data.nbytes < _SMALLEST_CHUNKED:
        return {}
    raw = np.ascontiguousarray(data)
    grouped = raw.reshape(-1).view(np.uint8).reshape(-1, data.itemsize).T.tobytes()
    if len(zlib.compress(grouped, _LEVEL)) >= len(zlib.compress(raw.tobytes(), _LEVEL)):
        return {}
    return {"compression": "gzip", "compression_opts": _LEVEL, "shuffle": True, "chunks": data.shape}
