"""Images on demand: what a set holds need not fit into memory at the size that a model takes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError
from .sources import ArraySource, FileSource, Images, Indices, Source

if TYPE_CHECKING:
    import tensorflow as tf

# Up to this size resized images stay in memory, so that they are resized once and not in every pass.
RESIZED_BYTES = 256 * 2**20

Remember = Callable[[str, Callable[[], str]], str]


class ImageSet:
    """Images (size, size, 3) uint8, by number.

    A small set (256 MB at its size) is resized when first used, and stays in memory; of a larger one only the images
    in hand exist.

    Args:
        images: uint8 (n, height, width, 1 or 3), or image files.
        size: height and width of the images that are handed out, pixels.
        indices: which of ``images`` the set consists of, in its order; all of them if None. Nothing is copied.

    Attributes:
        failure: what an image could not be read for inside ``dataset``, where TensorFlow raises an error of its own.
    """

    size: int
    failure: DatasetError | None

    def __init__(self, images: Images | Sequence[Path], size: int, indices: npt.ArrayLike | None = None) -> None:
        self._source: Source = ArraySource(images) if isinstance(images, np.ndarray) else FileSource(images)
        self._indices: Indices = np.asarray(np.arange(len(images)) if indices is None else indices, dtype=np.int64)
        self.size = size
        self.failure = None
        self._resized: Images | None = None
        self._resizing = Lock()

    def __len__(self) -> int:
        return len(self._indices)

    @property
    def nbytes(self) -> int:
        """Bytes of all images at the size at which they are handed out."""
        return len(self) * self.size * self.size * 3

    def preload(self) -> None:
        """Resize a small set now; a large one is left as it is."""
        if self.nbytes <= RESIZED_BYTES:
            with self._resizing:  # a data pipeline asks from a thread of its own
                if self._resized is None:
                    self._resized = self._source.read(self._indices, self.size)

    def take(self, indices: npt.ArrayLike) -> Images:
        """Return the images with these numbers (0 to len - 1), in the order given: (k, size, size, 3).

        Raises:
            DatasetError: an image file cannot be read; names it.
        """
        chosen = np.asarray(indices, dtype=np.int64).reshape(-1)
        self.preload()
        if self._resized is not None:
            return self._resized[chosen]
        return self._source.read(self._indices[chosen], self.size)

    def batches(self, batch: int) -> Iterator[Images]:
        """Yield all images in order, ``batch`` at a time; the last part may be shorter. Not to be written to.

        Raises:
            DatasetError: an image file cannot be read; names it.
        """
        self.preload()
        for start in range(0, len(self), batch):
            if self._resized is not None:
                yield self._resized[start : start + batch]
            else:
                yield self._source.read(self._indices[start : start + batch], self.size)

    def dataset(
        self, *, batch: int, labels: npt.NDArray[Any] | None = None, shuffle_seed: int | None = None
    ) -> tf.data.Dataset:
        """Return batches of images, or of (images, labels), for Keras; memory does not grow with the set.

        Args:
            batch: images at a time.
            labels: (n, ...), handed out with the images.
            shuffle_seed: draws a new order for every pass; None keeps the order of the set.
        """
        import tensorflow as tf

        generator = None if shuffle_seed is None else np.random.default_rng(shuffle_seed)

        def one_pass() -> Iterator[Any]:
            order = np.arange(len(self)) if generator is None else generator.permutation(len(self))
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                try:
                    images = self.take(chosen)
                except DatasetError as error:
                    self.failure = error
                    raise
                yield images if labels is None else (images, labels[chosen])

        images_spec = tf.TensorSpec((None, self.size, self.size, 3), tf.uint8)
        spec: Any = images_spec
        if labels is not None:
            spec = (images_spec, tf.TensorSpec((None, *labels.shape[1:]), labels.dtype))
        dataset = tf.data.Dataset.from_generator(one_pass, output_signature=spec)
        counted = dataset.apply(tf.data.experimental.assert_cardinality(math.ceil(len(self) / batch)))
        return counted.prefetch(2)

    def write(self, folder: Path) -> None:
        """Leave the images as they are before resizing in a folder, for ``sources.read_images`` in another process.

        Raises:
            OSError: the folder cannot be written.
        """
        self._source.write(folder, self._indices)

    def digest(self, remember: Remember | None = None) -> str:
        """Return the SHA-256 of the images as they are before resizing, and of the size: another for any changed pixel.

        Args:
            remember: returns what it remembers for a text, or what the function that it is given works out; spares
                reading image files that have not changed since. None reads them.
        """

        def work_out() -> str:
            digest = hashlib.sha256(f"{len(self)} images at {self.size}".encode())
            self._source.feed(digest, self._indices)
            return digest.hexdigest()

        stamp = self._source.stamp(self._indices) if remember else None
        return remember(f"{stamp} at {self.size}", work_out) if remember and stamp else work_out()
