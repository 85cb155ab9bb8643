"""What may happen to the files of models and data sets, the same each time for the same seed.

Half of it happens to the bytes of a file. The other half leaves a file that is whole in form, and says something else:
a zip archive whose checksums are right, a message of protobuf, a flatbuffer.
"""

from __future__ import annotations

import json
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.support.mutations import changed, mutate_bytes
from tests.support.published_files import DATASETS, damage_published

_WHOLE_NUMBERS = (0, 1, -1, 2, 7, 127, 255, 2**15, 2**31 - 1, -(2**31), 2**40, 2**63 - 1, -(2**63))
_FIGURES = (0.0, -1.0, 1e30, float("nan"), float("inf"), float("-inf"), 5e-324)
_TEXTS = ("", "x", "Relu", "Conv", "Loop", "a\0b", "ü" * 300, "../../../etc/passwd", "serving_default", "two\nlines")
_SIDES = ((), (0,), (0, 4, 4, 3), (3, 2**40), (2**62, 2**62), (1,), (24, 8, 8, 3), (8, 8, 3), (24, 4, 4, 1), (24, 192))
_KINDS = (
    "|u1",
    "<i8",
    "<f4",
    "<f8",
    "<f2",
    "|b1",
    "<U3",
    "|S2",
    "|O",
    "<c8",
    "<M8[s]",
    "V4",
    "nonsense",
    [("a", "<i4")],
)


def damaged_model(source: Path, target: Path, seed: int) -> None:
    """Write a model file, or a SavedModel folder, to which something has happened.

    Args:
        source: a ``.keras``, ``.tflite`` or ``.onnx`` file, or a SavedModel folder.
        target: where to write it; of the same suffix.
        seed: the same gives the same.
    """
    random = Random(seed)
    if source.is_dir():
        _damaged_folder(source, target, random)
    elif random.random() < 0.5:
        target.write_bytes(_damaged_bytes(source.read_bytes(), random))
    else:
        target.write_bytes(_CHANGES[source.suffix](source.read_bytes(), random))


def damaged_data(source: Path, target: Path, seed: int) -> None:
    """Write a ``.npz`` file, or a folder of data, to which something has happened; arguments as above."""
    random = Random(seed)
    if source.name in DATASETS:
        shutil.copytree(source, target)
        damage_published(target, random)
    elif source.is_dir():
        shutil.copytree(source, target)
        _damage_an_image(random.choice(sorted(target.rglob("*.*"))), random)
    elif random.random() < 0.5:
        target.write_bytes(_damaged_bytes(source.read_bytes(), random))
    else:
        target.write_bytes(_changed_npz(source.read_bytes(), random))


def _damaged_bytes(content: bytes, random: Random) -> bytes:
    if random.random() < 0.05:
        return b""
    return mutate_bytes(content, random.randrange(2**32))


# --- archives


def _archive(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _archived(members: dict[str, bytes], random: Random) -> bytes:
    written = BytesIO()
    how = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(written, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


def _member_gone_or_another(members: dict[str, bytes], random: Random) -> None:
    first, second = random.sample(sorted(members), 2)
    match random.choice(("gone", "another", "renamed")):
        case "gone":
            del members[first]
        case "another":
            members[first] = members[second]
        case _:
            members[f"{first}x"] = members.pop(first)


def _changed_keras(content: bytes, random: Random) -> bytes:
    members = _archive(content)
    match random.choice(("config.json", "config.json", "config.json", "metadata.json", "weights", "members")):
        case "members":
            _member_gone_or_another(members, random)
        case "weights":
            members["model.weights.h5"] = mutate_bytes(members["model.weights.h5"], random.randrange(2**32))
        case name:
            members[name] = json.dumps(changed(json.loads(members[name]), random)).encode()
    return _archived(members, random)


def _changed_npz(content: bytes, random: Random) -> bytes:
    members = _archive(content)
    name = random.choice(sorted(members))
    match random.choice(("members", "bytes", "header", "header", "values", "array")):
        case "members":
            _member_gone_or_another(members, random)
        case "bytes":
            members[name] = mutate_bytes(members[name], random.randrange(2**32))
        case "header":
            members[name] = _with_header(members[name], random)
        case "values":
            array = np.load(BytesIO(members[name])).copy()
            flat = array.reshape(-1)
            flat[random.randrange(len(flat))] = random.choice((-1, 0, 99)) if array.dtype.kind == "i" else 255
            members[name] = _npy(array)
        case _:
            shape = random.choice([sides for sides in _SIDES if np.prod(sides, dtype=float) < 1e6])
            kind = random.choice(("u1", "i8", "f4", "U3", "M8[s]", "c8"))
            members[name] = _npy(np.zeros(shape, kind))
    return _archived(members, random)


def _npy(array: Any) -> bytes:
    written = BytesIO()
    np.save(written, array)
    return written.getvalue()


def _with_header(content: bytes, random: Random) -> bytes:
    """An array whose header says that it has another shape or type than its bytes."""
    length = struct.unpack("<H", content[8:10])[0]
    header = {"descr": random.choice(_KINDS), "fortran_order": random.random() < 0.5, "shape": random.choice(_SIDES)}
    text = repr(header).encode().ljust(length - 1) + b"\n"
    return content[:8] + struct.pack("<H", len(text)) + text + content[10 + length :]


# --- messages of protobuf


def _places(message: Any) -> Iterator[tuple[Any, Any]]:
    for field, value in message.ListFields():
        yield message, field
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if field.message_type is not None and not is_map:
            for inner in value if _is_repeated(field, value) else [value]:
                yield from _places(inner)


def _is_repeated(field: Any, value: Any) -> bool:
    return hasattr(value, "add" if field.message_type is not None else "append")


def _change_message(message: Any, random: Random) -> None:
    for _ in range(random.choice((1, 1, 2, 4))):
        places = list(_places(message))
        if not places:
            return
        owner, field = random.choice(places)
        value = getattr(owner, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            owner.ClearField(field.name)
        elif _is_repeated(field, value):
            _change_repeated(value, field, random)
        elif field.message_type is not None or random.random() < 0.2:
            owner.ClearField(field.name)
        else:
            _set(partial(setattr, owner, field.name), value, random)


def _change_repeated(values: Any, field: Any, random: Random) -> None:
    at = random.randrange(len(values))
    match random.choice(("gone", "twice", "value")):
        case "gone":
            del values[at]
        case "twice" if field.message_type is not None:
            values.add().CopyFrom(values[at])
        case "value" if field.message_type is None:
            _set(partial(values.__setitem__, at), values[at], random)
        case _ if field.message_type is None:
            values.append(values[at])
        case _:
            values[at].Clear()


def _set(assign: Callable[[Any], None], old: Any, random: Random) -> None:
    """Assign another value of the same kind; one that the field cannot hold leaves it as it was."""
    kinds: dict[type, Callable[[], Any]] = {
        bool: lambda: not old,
        int: lambda: random.choice((*_WHOLE_NUMBERS, old + 1, old - 1)),
        float: lambda: random.choice(_FIGURES),
        str: lambda: random.choice(_TEXTS),
        bytes: lambda: mutate_bytes(old, random.randrange(2**32)),
    }
    try:
        assign(kinds[type(old)]())
    except (ValueError, TypeError, OverflowError):
        return


def _changed_onnx(content: bytes, random: Random) -> bytes:
    import onnx

    model = onnx.load_model_from_string(content)
    _change_message(model, random)
    return bytes(model.SerializeToString())


def _damaged_folder(source: Path, target: Path, random: Random) -> None:
    shutil.copytree(source, target)
    if random.random() < 0.5:
        from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

        file = target / "saved_model.pb"
        model = SavedModel.FromString(file.read_bytes())
        _change_message(model, random)
        file.write_bytes(model.SerializeToString())
        return
    file = random.choice([path for path in sorted(target.rglob("*")) if path.is_file()])
    if random.random() < 0.2:
        file.unlink()
    else:
        file.write_bytes(_damaged_bytes(file.read_bytes(), random))


# --- flatbuffers


def _attributes(node: Any) -> Iterator[tuple[Any, Any]]:
    """Each object or list within a model of TFLite, with each of its attributes or places."""
    is_list = isinstance(node, list)
    for key in range(len(node)) if is_list else sorted(vars(node)):
        inner = node[key] if is_list else getattr(node, key)
        if inner is not None:
            yield node, key
        if isinstance(inner, list) or hasattr(inner, "__dict__"):
            yield from _attributes(inner)


def _changed_tflite(content: bytes, random: Random) -> bytes:
    import flatbuffers
    from ai_edge_litert.schema_py_generated import ModelT

    model = ModelT.InitFromPackedBuf(content)
    for _ in range(random.choice((1, 1, 2, 4))):
        owner, key = random.choice(list(_attributes(model)))
        _change_attribute(owner, key, random)
    builder = flatbuffers.Builder(len(content))
    try:
        builder.Finish(model.Pack(builder), b"TFL3")
    except Exception:  # noqa: BLE001 - what cannot be written as it is, is damaged in another way
        return mutate_bytes(content, random.randrange(2**32))
    return bytes(builder.Output())


def _change_attribute(owner: Any, key: Any, random: Random) -> None:
    def assign(new: Any) -> None:
        if isinstance(owner, list):
            owner[key] = new
        else:
            setattr(owner, key, new)

    value = owner[key] if isinstance(owner, list) else getattr(owner, key)
    if isinstance(value, np.ndarray) and value.size:
        array = value.copy()
        array.reshape(-1)[random.randrange(array.size)] = random.choice((0, 1, 3, 127))
        assign(random.choice((array, array[: len(array) // 2])))
    elif isinstance(value, list) and value:
        assign(random.choice((value[:-1], [*value, value[0]], value[::-1])))
    elif type(value) in (bool, int, float, str, bytes):
        _set(assign, value, random)
    else:
        assign(None)


# --- images


def _damage_an_image(file: Path, random: Random) -> None:
    match random.choice(("bytes", "bytes", "bytes", "bytes", "suffix", "folder", "link", "vast", "text")):
        case "bytes":
            file.write_bytes(_damaged_bytes(file.read_bytes(), random))
        case "suffix":
            file.rename(file.with_suffix(random.choice((".jpg", ".png", ".webp", ".tiff", ".txt"))))
        case "folder":
            file.unlink()
            file.mkdir()
        case "link":
            file.unlink()
            file.symlink_to(random.choice((file, file.with_name("not there.png"), file.parent)))
        case "vast":
            file.with_suffix(".png").write_bytes(_vast_png(random.choice((2**16, 2**31 - 1))))
        case _:
            file.write_text("<html>404</html>")


def _vast_png(side: int) -> bytes:
    """An image of a few bytes that says it is as large as this."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


_CHANGES: dict[str, Callable[[bytes, Random], bytes]] = {
    ".keras": _changed_keras,
    ".onnx": _changed_onnx,
    ".tflite": _changed_tflite,
}
