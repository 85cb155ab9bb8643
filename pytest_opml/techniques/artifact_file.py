"""Writing a draft to the file that would ship."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .base import Draft

_WEIGHTS = "model.weights.h5"
_LEVEL = 6  # level 9 took six times as long on clustered weights, for files 1 to 6 % smaller
# Below this a chunked data set costs more in its index than its compression gains.
_SMALLEST_CHUNKED = 4096


def write_artifact(draft: Draft, folder: Path) -> Path:
    """Write the draft into ``folder`` as ``model`` with its suffix; returns the file.

    A ``.keras`` file is a zip with an HDF5 file in it. Keras opens one whose members are deflated, and whose
    weights are float16 or compressed by HDF5, as it is; nothing has to be unpacked by hand.
    """
    path = folder / f"model{draft.suffix}"
    if draft.content is not None:
        path.write_bytes(draft.content)
        return path
    draft.model.save(path)
    if draft.half or draft.compress:
        _rewrite(path, half=draft.half, compress=draft.compress)
    return path


def _rewrite(path: Path, *, half: bool, compress: bool) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[_WEIGHTS] = _stored(members[_WEIGHTS], half=half, compress=compress)
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method, compresslevel=_LEVEL) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _stored(content: bytes, *, half: bool, compress: bool) -> bytes:
    import h5py

    target = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as source, h5py.File(target, "w", libver="latest") as copy:

        def transfer(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                data = item[()]
                data = data.astype(np.float16) if half and data.dtype == np.float32 else data
                made = copy.create_dataset(name, data=data, **_filters(data, compress=compress))
            else:
                made = copy.require_group(name)
            for key, value in item.attrs.items():
                made.attrs[key] = value

        source.visititems(transfer)
    return target.getvalue()


def _filters(data: npt.NDArray[Any], *, compress: bool) -> dict[str, Any]:
    """HDF5's own compression where bytes grouped by significance deflate better than the archive as it is would."""
    if not compress or data.nbytes < _SMALLEST_CHUNKED:
        return {}
    raw = np.ascontiguousarray(data)
    grouped = raw.reshape(-1).view(np.uint8).reshape(-1, data.itemsize).T.tobytes()
    if len(zlib.compress(grouped, _LEVEL)) >= len(zlib.compress(raw.tobytes(), _LEVEL)):
        return {}
    return {"compression": "gzip", "compression_opts": _LEVEL, "shuffle": True, "chunks": data.shape}
