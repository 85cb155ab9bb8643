"""Where images come from: an array in memory, or files that are decoded when they are asked for."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError, one_line

if TYPE_CHECKING:
    from hashlib import _Hash

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Indices = npt.NDArray[np.int64]

FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".bmp": "BMP", ".gif": "GIF"}
# Of 8 bits a channel; what has more would be cut off, not scaled, by a conversion to RGB.
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
# Of float32 pixels that are resized at a time; few enough to stay in a cache of the processor.
_CHUNK_BYTES = 2**23
_DECODERS = min(8, os.cpu_count() or 1)
# A file that changed later than this before it is looked at may change again within the same tick of its clock.
_SETTLED_NS = 2 * 10**9
# What ``Source.write`` leaves in a folder: one of them.
_ARRAY, _PATHS = "images.npy", "images.json"


def resized(images: Images, size: int) -> Images:
    """Images (n, height, width, 1 or 3) as (n, size, size, 3): bilinear with antialiasing, grey in each channel."""
    count, height, width, channels = images.shape
    out = np.empty((count, size, size, 3), dtype=np.uint8)
    if (height, width) == (size, size):
        out[...] = images
        return out
    import tensorflow as tf

    step = max(1, _CHUNK_BYTES // (4 * channels * max(size * size, height * width)))
    for start in range(0, count, step):
        with tf.device("CPU"):  # the same pixels on every machine, and no memory of an accelerator that is measured
            chunk = tf.image.resize(images[start : start + step], (size, size), antialias=True)
        pixels = np.rint(chunk.numpy())
        out[start : start + step] = np.clip(pixels, 0, 255, out=pixels)
    return out


class Source(Protocol):
    """Images by number, at any size."""

    def __len__(self) -> int: ...

    def read(self, indices: Indices, size: int) -> Images:
        """The images with these numbers, (k, size, size, 3)."""
        ...

    def feed(self, digest: _Hash, indices: Indices) -> None:
        """Add the content of the images with these numbers, as it is before resizing, to a digest."""
        ...

    def stamp(self, indices: Indices) -> str | None:
        """Return a text that changes with the content of these images, which are not read; None where there is none."""
        ...

    def write(self, folder: Path, indices: Indices) -> None:
        """Leave the images with these numbers in a folder, for ``read_images``.

        Raises:
            OSError: the folder cannot be written.
        """
        ...


def read_images(folder: Path) -> Images | list[Path]:
    """Return what ``Source.write`` left in a folder: a memory-mapped array (n, height, width, 1 or 3), or paths.

    The array is read through once, so that a process has it before it measures what else takes memory.
    """
    if (folder / _PATHS).exists():
        return [Path(path) for path in json.loads((folder / _PATHS).read_text("utf-8"))]
    images: Images = np.load(folder / _ARRAY, mmap_mode="r")
    for start in range(0, len(images), step := _per_chunk(images)):
        images[start : start + step].max(initial=0)
    return images


def _per_chunk(images: Images) -> int:
    return max(1, _CHUNK_BYTES // max(1, int(np.prod(images.shape[1:]))))


class ArraySource:
    """Images (n, height, width, 1 or 3) in memory, or in a memory-mapped file."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def read(self, indices: Indices, size: int) -> Images:
        """See ``Source.read``."""
        return resized(self._images[indices], size)

    def feed(self, digest: _Hash, indices: Indices) -> None:
        """See ``Source.feed``."""
        digest.update(f"array{self._images.shape[1:]}".encode())
        step = _per_chunk(self._images)
        for start in range(0, len(indices), step):
            digest.update(np.ascontiguousarray(self._images[indices[start : start + step]]).data)

    def stamp(self, indices: Indices) -> str | None:  # noqa: ARG002 - an array has been read already
        """See ``Source.stamp``."""
        return None

    def write(self, folder: Path, indices: Indices) -> None:
        """See ``Source.write``."""
        shape, step = (len(indices), *self._images.shape[1:]), _per_chunk(self._images)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        with (folder / _ARRAY).open("wb") as stream:  # a piece at a time, as memory may not hold all of them twice
            np.lib.format.write_array_header_1_0(stream, header)
            for start in range(0, len(indices), step):
                stream.write(np.ascontiguousarray(self._images[indices[start : start + step]]).data)


class FileSource:
    """Image files, decoded on demand; of an animation the first frame."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def read(self, indices: Indices, size: int) -> Images:
        """See ``Source.read``.

        Raises:
            DatasetError: a file is no image, or is damaged; names it.
        """
        out = np.empty((len(indices), size, size, 3), dtype=np.uint8)

        def fill(place: int) -> None:
            out[place] = resized(decoded(self._files[indices[place]])[None], size)[0]

        with ThreadPoolExecutor(_DECODERS) as pool:  # decoding and resizing leave the interpreter to other threads
            for _ in pool.map(fill, range(len(indices))):
                pass
        return out

    def feed(self, digest: _Hash, indices: Indices) -> None:
        """See ``Source.feed``."""
        for index in indices:
            try:
                content = self._files[index].read_bytes()
            except OSError as error:
                raise DatasetError(f"{self._files[index]}: cannot be read: {error.strerror}") from error
            digest.update(f"file{len(content)}".encode())
            digest.update(content)

    def stamp(self, indices: Indices) -> str | None:
        """See ``Source.stamp``; paths, inodes, sizes and times of the files, unless one has changed just now."""
        digest, newest = hashlib.sha256(), 0
        for index in indices:
            path = Path(self._files[index]).absolute()
            try:
                status = path.stat()
            except OSError:
                return None  # reading it says what is wrong
            newest = max(newest, status.st_mtime_ns, status.st_ctime_ns)
            about = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            digest.update(f"{path} {about}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest() if time.time_ns() - newest > _SETTLED_NS else None

    def write(self, folder: Path, indices: Indices) -> None:
        """See ``Source.write``."""
        paths = [str(Path(self._files[index]).absolute()) for index in indices]
        (folder / _PATHS).write_text(json.dumps(paths), "utf-8")


def decoded(path: Path) -> Images:
    """The pixels (height, width, 3) of a JPEG, PNG, BMP or GIF file; transparency is dropped.

    Raises:
        DatasetError: the file cannot be read as an image of 8 bits a channel; names it.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=tuple(set(FORMATS.values()))) as image:
            if image.mode not in _MODES:
                raise DatasetError(f"{path}: its pixels are {image.mode}; 8 bits a channel are needed")
            pixels: npt.NDArray[Any] = np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise DatasetError(f"{path}: cannot be read as an image: {one_line(error)}") from error
    return pixels
