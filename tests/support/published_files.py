"""Small data sets in the forms in which MNIST (IDX) and CIFAR (pickles) are published, and what may happen to them."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.support.mutations import HOSTILE, mutate_bytes

IDX, PICKLES = "mnist", "cifar-100-python"
DATASETS = {IDX: "mnist", PICKLES: "cifar100"}
CANARY = "canary"
"""A file that is made beside a batch if anything in it runs."""

_TRAIN, _TEST = 40, 20


class _Calls:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> Any:
        return self._call


def write_published(folder: Path) -> list[Path]:
    """Write the two data sets; return their folders, whose names are those of ``DATASETS``."""
    random, idx, pickles = np.random.default_rng(0), folder / IDX, folder / PICKLES
    idx.mkdir()
    pickles.mkdir()
    for part, batch, count in (("train", "train", _TRAIN), ("t10k", "test", _TEST)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = random.integers(0, 256, (count, 28, 28), np.uint8)
        (idx / f"{part}-images-idx3-ubyte").write_bytes(_idx(images))
        (idx / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(_idx(labels)))
        rows = random.integers(0, 256, (count, 3072), np.uint8)
        content = {b"fine_labels": labels.tolist(), b"data": rows}
        (pickles / batch).write_bytes(pickle.dumps(content, protocol=2))
    names = {b"fine_label_names": [b"class %d" % number for number in range(10)]}
    (pickles / "meta").write_bytes(pickle.dumps(names, protocol=2))
    return [idx, pickles]


def _idx(array: Any) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def damage_published(folder: Path, random: Random) -> None:
    """Let something happen to one of the files of a data set."""
    file = random.choice(sorted(folder.iterdir()))
    if random.random() < 0.1:
        _damage_the_entry(file, random)
    elif folder.name == IDX:
        _damage_idx(file, random)
    else:
        _damage_pickle(file, random)


def _damage_the_entry(file: Path, random: Random) -> None:
    file.unlink()
    match random.choice(("gone", "folder", "loop", "pipe", "empty")):
        case "folder":
            file.mkdir()
        case "loop":
            file.symlink_to(file)
        case "pipe":
            os.mkfifo(file)
        case "empty":
            file.touch()


def _damage_idx(file: Path, random: Random) -> None:
    is_packed = file.suffix == ".gz" and random.random() < 0.7
    content = file.read_bytes()
    plain = gzip.decompress(content) if is_packed else content
    if random.random() < 0.5:
        plain = mutate_bytes(plain, random.randrange(2**32))
    else:
        at = random.randrange(4, 8 if "labels" in file.name else 16)
        plain = plain[:at] + bytes([random.choice((0, 1, 127, 255))]) + plain[at + 1 :]
    file.write_bytes(gzip.compress(plain) if is_packed else plain)


def _damage_pickle(file: Path, random: Random) -> None:
    if random.random() < 0.4:
        file.write_bytes(mutate_bytes(file.read_bytes(), random.randrange(2**32)))
        return
    content = pickle.loads(file.read_bytes())
    key = random.choice(sorted(content))
    canary = str(file.parent.parent / CANARY)
    arrays = (np.zeros((2, 3072), "f8"), np.zeros((0, 3072), "u1"), np.zeros((20, 3), "u1"), np.array([[None]]))
    calls = (_Calls(os.mkdir, canary), _Calls(eval, f"__import__('os').mkdir({canary!r})"), _Calls(os.system, "true"))
    match random.choice(("gone", "hostile", "hostile", "array", "call", "call", "label")):
        case "gone":
            del content[key]
        case "hostile":
            content[key] = random.choice(HOSTILE)
        case "array":
            content[key] = random.choice(arrays)
        case "call":
            content[key] = random.choice(calls)
        case _ if isinstance(content[key], list):
            content[key][random.randrange(len(content[key]))] = random.choice(
                (-1, 10, 2**70, True, b"\xff", b"a\nb", None)
            )
        case _:
            content = [content]
    file.write_bytes(pickle.dumps(content, protocol=random.choice((0, 1, 2, 4))))
