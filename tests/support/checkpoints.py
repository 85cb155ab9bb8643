"""Checkpoints put together from pickle's opcodes, as PyTorch 1.0 to 1.5 wrote them."""

from __future__ import annotations

import pickle
import struct
from typing import Any

import numpy as np

from pytest_opml.models.torch_checkpoint import Array

MAGIC, PROTOCOL, SYSTEM = 0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}


def plain(value: Any) -> bytes:
    """The opcodes of a value of built-in types, without the first and the last of a pickle."""
    return pickle.dumps(value, 2)[2:-1]


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def tuple_of(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def called(function: bytes, *arguments: bytes) -> bytes:
    return function + tuple_of(*arguments) + b"R"


def ordered(**items: bytes) -> bytes:
    filled = b"(" + b"".join(plain(key) + item for key, item in items.items()) + b"u" if items else b""
    return called(named("collections", "OrderedDict")) + filled


def storage(key: str = "1", elements: object = 6, kind: str = "FloatStorage") -> bytes:
    pid = [plain("storage"), named("torch", kind), plain(key), plain("cpu"), plain(elements), plain(None)]
    return tuple_of(*pid) + b"Q"


FLOATS = named("torch", "FloatStorage")
REBUILD = named("torch._utils", "_rebuild_tensor_v2")


def tensor(stored: bytes, offset: object = 0, shape: object = (2, 3), strides: object = (3, 1)) -> bytes:
    return called(REBUILD, stored, plain(offset), plain(shape), plain(strides), plain(False), ordered())


def pickled(body: bytes) -> bytes:
    return b"\x80\x02" + body + b"."


def raw(values: Array) -> bytes:
    return struct.pack("<q", values.size) + values.tobytes()


SIX = np.arange(6, dtype="<f4")
STATE = ordered(weight=tensor(storage()))


def checkpoint(state: bytes = STATE, storages: dict[str, Array] | None = None, **replaced: bytes) -> bytes:
    """A checkpoint of a state and its storages; by default one of the float32 numbers 0 to 5.

    ``replaced`` gives the opcodes of another of the five pickles.
    """
    storages = {"1": SIX} if storages is None else storages
    parts = {"magic": plain(MAGIC), "protocol": plain(PROTOCOL), "system": plain(SYSTEM), "state": state}
    parts |= {"keys": plain(list(storages))} | replaced
    return b"".join(map(pickled, parts.values())) + b"".join(map(raw, storages.values()))


GOOD = checkpoint()
