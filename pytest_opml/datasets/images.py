"""Images: all that is done for pixels and for nothing else. Files are decoded, images fitted to a model's input.

An image is what lies in a file, or an array of numbers (n, height, width[, channels]) where the model takes images.
"""

from __future__ import annotations

import hashlib
import json
import struct
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import DatasetError, one_line
from ..records.preprocess import Preprocess
from ..runtimes.threads import process_threads
from ..storage.regular_files import open_regular
from ..tensors import Array, TensorSpec
from .pixels import Images, is_resized, resized, with_channels, worked_out
from .sources import Indices, JoinedSource, Source

if TYPE_CHECKING:
    from hashlib import _Hash

FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
# Of 8 bits a channel; what has more would be cut off, not scaled, by a conversion to RGB.
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
# What a model's input may have as its channels: grey, colour, colour with transparency.
CHANNELS = (1, 3, 4)
_MOST_THREADS = 8
# A file that changed later than this before it is looked at may change again within the same tick of its clock.
_SETTLED_NS = 2 * 10**9
_PATHS = "paths.json"


class ImageForm(NamedTuple):
    """How a model takes images.

    Attributes:
        height: pixels.
        width: pixels.
        channels: 1 for grey, 3 for colour; 0 for grey without an axis of channels; None for those that the images have.
        channels_first: whether an image is (channels, height, width).
        preprocess: what is done to them besides; None for nothing.
    """

    height: int
    width: int
    channels: int | None = 3
    channels_first: bool = False
    preprocess: Preprocess | None = None

    @property
    def outline(self) -> tuple[int | None, ...]:
        """What of it makes another test set: not what a model wants its pixels to be."""
        return tuple(self[:4])

    def as_plain(self) -> list[Any]:
        """Return it as JSON can hold it."""
        return [*self.outline, self.preprocess.model_dump() if self.preprocess else None]

    @classmethod
    def from_plain(cls, plain: list[Any]) -> ImageForm:
        """Return what ``as_plain`` was made of."""
        height, width, channels, channels_first, preprocess = plain
        return cls(height, width, channels, channels_first, Preprocess(**preprocess) if preprocess else None)


def image_form(
    spec: TensorSpec, preprocess: Preprocess | None = None
) -> tuple[int | None, int | None, int | None, bool] | None:
    """Return height, width, channels and whether they come first, of an input that takes images; None of another one.

    Args:
        spec: of the model's input; what may have any length is None.
        preprocess: what is done to the images; where it has a layout, that one holds. Only with it an input without an
            axis of channels takes images, which have 0 channels.
    """
    if spec.dtype == "string":
        return None
    if len(spec.shape) == 2 and preprocess and preprocess.channels in (None, "grey"):
        return *spec.shape, 0, False
    if len(spec.shape) != 3:
        return None
    first, middle, last = spec.shape
    is_last = last in CHANNELS or first not in CHANNELS
    if preprocess and preprocess.layout:
        is_last = preprocess.layout == "nhwc"
    return (first, middle, last, False) if is_last else (middle, last, first, True)


def as_float_planes(spec: TensorSpec, preprocess: Preprocess | None = None) -> TensorSpec:
    """Return the form of images of 8 bits as floats (channels, height, width); that of other data as it is.

    Args:
        spec: of the data, images (height, width, channels).
        preprocess: that may give them another number of channels.
    """
    if spec.dtype != "uint8" or len(spec.shape) != 3:
        return spec
    height, width, channels = spec.shape
    given = preprocess.channel_count if preprocess else None
    return spec._replace(shape=(given or channels, height, width), dtype="float32")


class FileSource:
    """Image files as they are, decoded when they are asked for; of an animation the first frame."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    @property
    def spec(self) -> TensorSpec:
        """See ``Source.spec``; each image has a size of its own."""
        return TensorSpec("", (None, None, 3), "uint8")

    def read_one(self, index: int) -> Images:
        """Return the pixels (height, width, 3) of one file.

        Raises:
            DatasetError: it is no image, or is damaged; names it.
        """
        return decoded(self.files[index])

    def read(self, indices: Indices) -> Array:
        """See ``Source.read``; for images that have one size."""
        return np.stack([self.read_one(index) for index in indices])

    def feed(self, digest: _Hash, indices: Indices) -> None:
        """See ``Source.feed``."""
        for index in indices:
            try:
                with open_regular(Path(self.files[index])) as stream:
                    content = stream.read()
            except OSError as error:
                raise DatasetError(f"{self.files[index]}: cannot be read: {error.strerror}") from error
            digest.update(f"file{len(content)}".encode())
            digest.update(content)

    def stamp(self, indices: Indices) -> str | None:
        """See ``Source.stamp``; paths, inodes, sizes and times of the files, unless one has changed just now."""
        digest, newest = hashlib.sha256(), 0
        for index in indices:
            path = Path(self.files[index]).absolute()
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
        paths = [str(Path(self.files[index]).absolute()) for index in indices]
        (folder / _PATHS).write_text(json.dumps(paths), "utf-8")


def joined_source(first: Source, second: Source) -> Source:
    """Return the examples of two sources as one source; image files stay files."""
    if isinstance(first, FileSource) and isinstance(second, FileSource):
        return FileSource([*first.files, *second.files])
    return JoinedSource(first, second)


def read_files(folder: Path) -> FileSource | None:
    """Return the image files that ``FileSource.write`` left in a folder; None where it left none."""
    if not (folder / _PATHS).exists():
        return None
    return FileSource([Path(path) for path in json.loads((folder / _PATHS).read_text("utf-8"))])


class ImageSource:
    """Images of any size as a model takes them.

    Args:
        source: of the images as they are.
        form: that the model takes.
    """

    def __init__(self, source: Source, form: ImageForm) -> None:
        self._source, self.form = source, form
        stored = source.spec
        self._dtype = np.dtype(stored.dtype)
        self._has_channels = len(stored.shape) == 3
        own = stored.shape[2] if self._has_channels else 1
        self._channels = 1 if form.channels == 0 else form.channels or own or 3
        self._is_arithmetic = form.preprocess is not None and form.preprocess.is_arithmetic

    def __len__(self) -> int:
        return len(self._source)

    @property
    def spec(self) -> TensorSpec:
        """See ``Source.spec``."""
        form = self.form
        sides = (form.height, form.width)
        shape = (self._channels, *sides) if form.channels_first else (*sides, self._channels)
        return TensorSpec(
            "", sides if form.channels == 0 else shape, "float32" if self._is_arithmetic else self._dtype.name
        )

    def read(self, indices: Indices) -> Array:
        """See ``Source.read``."""
        out = np.empty((len(indices), self.form.height, self.form.width, self._channels), self._dtype)
        if isinstance(self._source, FileSource):
            files = self._source

            def fill(place: int) -> None:
                out[place] = self._fitted(files.read_one(indices[place]))

        else:
            images = self._source.read(indices)
            if not is_resized(images.shape[1:3], self.form.height, self.form.width, self.form.preprocess):
                out[...] = with_channels(images if self._has_channels else images[..., None], self._channels)
                return self._finished(out)

            def fill(place: int) -> None:
                out[place] = self._fitted(images[place])

        # decoding and resizing leave the interpreter to other threads
        with ThreadPoolExecutor(min(_MOST_THREADS, process_threads())) as pool:
            for _ in pool.map(fill, range(len(indices))):
                pass
        return self._finished(out)

    def _fitted(self, image: Images) -> Images:
        image = image if image.ndim == 3 else image[..., None]
        form = self.form
        return resized(with_channels(image, self._channels), form.height, form.width, form.preprocess)

    def _finished(self, images: Images) -> Images:
        form = self.form
        if form.preprocess:
            images = worked_out(images, form.preprocess)
        if form.channels == 0:
            images = images[..., 0]
        elif form.channels_first:
            images = np.moveaxis(images, -1, 1)
        return np.ascontiguousarray(images)

    def feed(self, digest: _Hash, indices: Indices) -> None:
        """See ``Source.feed``: the images as they are, and the outline of the form that they are given, if another."""
        if self.spec.shape != self._source.spec.shape:
            digest.update(repr(self.form.outline).encode())
        self._source.feed(digest, indices)

    def stamp(self, indices: Indices) -> str | None:
        """See ``Source.stamp``."""
        stamp = self._source.stamp(indices)
        return stamp and f"{stamp} as {self.form.outline}"

    def write(self, folder: Path, indices: Indices) -> None:
        """See ``Source.write``; the images as they are."""
        self._source.write(folder, indices)


def can_have_channels(given: int | None, wanted: int | None) -> bool:
    """Whether images of so many channels can be given as so many others."""
    return wanted is None or given is None or given == wanted or (given in (1, 3, 4) and wanted in (1, 3))


def decoded(path: Path) -> Images:
    """The pixels (height, width, 3) of an image file, turned as its EXIF data say; transparency is dropped.

    Raises:
        DatasetError: the file cannot be read as an image of 8 bits a channel; names it.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    formats = tuple(dict.fromkeys(FORMATS.values()))
    try:
        with open_regular(path) as stream:
            image = Image.open(stream, formats=formats)
            if image.format == "PNG":  # of which Pillow decodes pixels without a look at their checksum
                image.verify()
                stream.seek(0)
                image = Image.open(stream, formats=formats)
            if image.mode not in _MODES:
                raise DatasetError(f"{path}: its pixels are {image.mode}; 8 bits a channel are needed")
            pixels: Images = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except UnidentifiedImageError as error:
        raise DatasetError(f"{path}: cannot be read as an image: cannot identify what it is") from error
    except Image.DecompressionBombError as error:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise DatasetError(f"{path}: says that it has more than {most:,} pixels, which no image has") from error
    except MemoryError as error:
        raise DatasetError(f"{path}: cannot be read as an image: its pixels do not fit into memory") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise DatasetError(f"{path}: cannot be read as an image: {one_line(error)}") from error
    return pixels
