"""What a ``.keras`` file would have Keras do, read from its archive before Keras opens it.

Keras' safe mode refuses Python code, and in its newer versions most of what follows here as well. What it refuses has
changed from version to version, and says so behind the whole configuration of the model; so it is looked at here: the
objects that the configuration names, files that it points to, and weights that lie in other files.
"""

from __future__ import annotations

import bz2
import io
import json
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..errors import ModelFileError, listed, one_line
from ..storage.regular_files import open_regular

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MOST_CONFIG_BYTES = 2**28
# DEFLATE makes numbers at most 1032 times smaller, bzip2 more, and only where all of them are the same.
_LARGE_BYTES, _MOST_GROWTH = 2**30, 500
# Python takes bzip2 apart in pieces of any size, so only weights may be packed by it, and are measured first.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_PIECE = 2**20
# Keras' own that hold a function, a model of another library, or another model's path.
_OTHER_CODE = frozenset(
    ("Lambda", "__lambda__", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer", "FeatureSpace")
)
# Where Keras keeps what belongs into a model; its other modules load files, fetch data and change its settings.
_FUNCTIONS = frozenset(("activations", "constraints", "initializers", "losses", "metrics", "ops", "regularizers"))
_CLASSES = _FUNCTIONS | {"dtype_policies", "layers", "legacy", "models", "optimizers", "quantizers", "random"}
# Settings of layers that Keras takes for a file's name where they are text.
# Of what may be many; a file without weights, or of layers that share one, may have so many all the same.
_FEW = 10**6
_COUNTS = ("units", "filters", "input_dim", "output_dim")
_FILES = ("vocabulary", "idf_weights", "filepath", "file_path")


def check_keras_archive(path: Path) -> None:
    """Refuse a ``.keras`` file that would have Keras do more than build layers and read its own weights.

    The numbers of its weights are not read.

    Raises:
        ModelFileError: it would, or it is no archive, or a damaged one.
    """
    try:
        with open_regular(path) as stream, zipfile.ZipFile(stream) as archive:
            fault = _fault_of_members(archive) or _fault_of_configuration(archive)
            if not fault and _WEIGHTS in archive.namelist():
                fault = fault_of_weights(_member(stream, archive))
    except zipfile.BadZipFile as error:
        raise ModelFileError(f"{path}: not a .keras file (no zip archive, or a damaged one)") from error
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror or one_line(error)}") from error
    except (ValueError, KeyError, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise ModelFileError(f"{path}: not a .keras file (a damaged zip archive)") from error
    if fault:
        raise ModelFileError(f"{path}: not a Keras model that can be loaded safely: {fault}")


def _fault_of_members(archive: zipfile.ZipFile) -> str:
    """What is wrong with the files of an archive; empty where nothing is."""
    for info in archive.infolist():
        if info.filename.startswith("/") or ".." in Path(info.filename).parts:
            return f"a file of it lies outside the archive: {info.filename!a}"
        if info.compress_type not in _METHODS and (info.filename, info.compress_type) != (_WEIGHTS, zipfile.ZIP_BZIP2):
            return f"{info.filename!a} is packed by another method than DEFLATE"
        if info.file_size > _LARGE_BYTES and info.file_size > _MOST_GROWTH * info.compress_size:
            return (
                f"{info.filename!a} unpacks from {info.compress_size:,} bytes to {info.file_size:,}, as no weights do"
            )
    return ""


def _fault_of_configuration(archive: zipfile.ZipFile) -> str:
    """What is wrong with what is to be built; empty where nothing is."""
    if _CONFIG not in archive.namelist():
        return f"it has no {_CONFIG}"
    if archive.getinfo(_CONFIG).file_size > _MOST_CONFIG_BYTES:
        return f"{_CONFIG} is larger than that of any model"
    try:
        configuration = json.loads(archive.read(_CONFIG))
    except (ValueError, RecursionError):
        return f"{_CONFIG} is no JSON"
    if code := sorted({name for one in _objects(configuration) if (name := _foreign_name(one))}):
        return f"it holds code of its own or of another library: {listed([*map(ascii, code)])}"
    for one in _objects(configuration):
        settings = one.get("config")
        for name in _FILES:
            if isinstance(settings, dict) and isinstance(settings.get(name), str):
                where = f"the {name} of {one.get('class_name')!a}"
                return f"{where} is a file of this machine, {settings[name]!a}; give the layer what is in it"
    return _fault_of_counts(archive, configuration)


def _fault_of_counts(archive: zipfile.ZipFile, configuration: Any) -> str:
    """What is wrong with the sizes of layers, whose weights would be made before they are read; empty where nothing is.

    Each unit has a weight of its own, which takes a byte at least.
    """
    stored = archive.getinfo(_WEIGHTS).file_size if _WEIGHTS in archive.namelist() else 0
    for one in _objects(configuration):
        settings = one.get("config")
        for name in _COUNTS:
            count = settings.get(name) if isinstance(settings, dict) else None
            if isinstance(count, int) and count > max(stored, _FEW):
                where = f"{name} of {one.get('class_name')!a} is {count:,}"
                return f"{where}, which the {stored:,} bytes of its weights cannot hold"
    return ""


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """All dicts within a configuration, at any depth."""
    open_values = [value]
    while open_values:
        value = open_values.pop()
        if isinstance(value, dict):
            yield value
            open_values += value.values()
        elif isinstance(value, list):
            open_values += value


def _foreign_name(one: dict[str, Any]) -> str | None:
    """The name of an object that is no part of Keras' models and that nobody registered; None for all else."""
    kind, module = one.get("class_name"), one.get("module")
    if not isinstance(kind, str) or "config" not in one:
        return None
    is_function = kind == "function"
    name = one["config"] if is_function and isinstance(one["config"], str) else kind
    if kind in _OTHER_CODE:
        return kind
    if _is_registered(one.get("registered_name")) or _is_registered(name):
        return None
    if module is None:  # of tensors and plain values, whose names begin so, and of what somebody registered
        return None if kind.startswith("__") or ">" not in str(one.get("registered_name")) else name
    if module == "builtins":  # what Keras looks up among its own
        return None
    package, *parts = str(module).split(".")
    parts = parts[1:] if parts[:1] == ["src"] else parts
    if package in ("keras", "tf_keras"):
        if parts and parts[0] in (_FUNCTIONS if is_function else _CLASSES):
            return None
        if not parts and not is_function:
            return None
    return f"{module}.{name}"


def _is_registered(name: Any) -> bool:
    """Whether the user's own modules registered an object in this process."""
    import keras

    return isinstance(name, str) and keras.saving.get_registered_object(name) is not None


def _member(stream: BinaryIO, archive: zipfile.ZipFile) -> BinaryIO:
    """The weights' file within the archive: in its place where it is stored as it is, as Keras stores it."""
    info = archive.getinfo(_WEIGHTS)
    if info.compress_type != zipfile.ZIP_STORED:
        # memory that it took would be counted as the model's
        copy = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - lives as long as it is read
        if info.compress_type == zipfile.ZIP_BZIP2:
            _unpack_bzip2(_place(stream, archive, info, info.compress_size), copy, info)
            return copy
        with archive.open(_WEIGHTS) as packed:
            shutil.copyfileobj(packed, copy)
        return copy
    return _place(stream, archive, info, info.file_size)


def _place(stream: BinaryIO, archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> BinaryIO:
    """A member of an archive as it lies in it."""
    archive.open(info).close()  # which checks what stands before the file
    stream.seek(info.header_offset + 26)
    lengths = struct.unpack("<HH", stream.read(4))
    return io.BufferedReader(_Window(stream, info.header_offset + 30 + sum(lengths), size))


def _unpack_bzip2(packed: BinaryIO, copy: BinaryIO, info: zipfile.ZipInfo) -> None:
    """Unpack a member in small pieces, and no more than the archive says there is.

    Raises:
        ValueError: there is more, less, or something else.
    """
    unpacker, left, checksum = bz2.BZ2Decompressor(), info.file_size, 0
    while not unpacker.eof and left >= 0:
        given = packed.read(_PIECE) if unpacker.needs_input else b""
        if unpacker.needs_input and not given:
            break
        piece = unpacker.decompress(given, _PIECE)
        left, checksum = left - len(piece), zlib.crc32(piece, checksum)
        copy.write(piece)
    if left or not unpacker.eof or checksum != info.CRC:
        raise ValueError("not what the archive says")


class _Window(io.RawIOBase):
    """A part of a file as a file of its own.

    Args:
        stream: the file.
        start: of the part.
        size: of it, bytes.
    """

    def __init__(self, stream: BinaryIO, start: int, size: int) -> None:
        self._stream, self._start, self._size, self._place = stream, start, size, 0

    def readable(self) -> bool:
        """See ``io.RawIOBase``."""
        return True

    def seekable(self) -> bool:
        """See ``io.RawIOBase``."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """See ``io.RawIOBase``."""
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        """See ``io.RawIOBase``."""
        self._stream.seek(self._start + self._place)
        content = self._stream.read(max(0, min(len(buffer), self._size - self._place)))
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)


def fault_of_weights(stream: BinaryIO) -> str:
    """Return what is wrong with an HDF5 file, whose numbers are not read; empty where nothing is.

    Its numbers may not lie in other files: HDF5 would read them from wherever the file says.
    """
    import h5py

    try:
        with h5py.File(stream) as weights:
            elsewhere = next(_elsewhere(weights), None)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):
        return "its weights are damaged, or no HDF5 file"
    return "" if elsewhere is None else f"its weights {elsewhere!a} lie in another file"


def _elsewhere(group: Any) -> Iterator[str]:
    """The names of all that a group of HDF5 takes from other files; links within the file are left to Keras."""
    import h5py

    open_groups, seen = [group], set()
    while open_groups:
        group = open_groups.pop()
        place = h5py.h5o.get_info(group.id).addr
        if place in seen:
            continue
        seen.add(place)
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                yield f"{group.name}/{name}"
                continue
            if isinstance(link, h5py.SoftLink):
                continue
            item = group[name]
            if isinstance(item, h5py.Group):
                open_groups.append(item)
            elif isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
                yield item.name
