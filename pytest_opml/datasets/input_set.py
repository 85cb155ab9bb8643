"""Examples on demand: what a set holds need not fit into memory in the form that a model takes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError
from ..records.preprocess import Preprocess
from ..runtimes.threads import read_ahead
from ..tensors import Batch, TensorSpec, as_batch, mapped, select
from .images import ImageForm, ImageSource, read_files
from .sources import ArraySource, Indices, Source, new_digest, read_arrays

if TYPE_CHECKING:
    import tensorflow as tf

# Up to this size examples stay in memory as the model takes them, so that images are fitted once and not in every pass.
MEMORY_BYTES = 256 * 2**20
_ABOUT = "inputs.json"

Remember = Callable[[str, Callable[[], str]], str]
# Of a batch and its labels, where it has any.
Change = Callable[[Batch, Any], tuple[Batch, Any]]


class InputSet:
    """Examples as a model takes them, by number.

    A small set (256 MB) is made when first used, and stays in memory; of a larger one only the examples in hand exist.

    Args:
        sources: of each input, by its name; ``{"": source}`` for data of one input, whose batches are plain arrays.
        indices: which examples the set consists of, in its order; all of them if None. Nothing is copied.

    Attributes:
        failure: what an example could not be read for inside ``dataset``, where TensorFlow raises an error of its own.
    """

    failure: DatasetError | None

    def __init__(self, sources: Mapping[str, Source], indices: npt.ArrayLike | None = None) -> None:
        self._sources = dict(sources)
        count = len(next(iter(self._sources.values())))
        self._indices: Indices = np.asarray(np.arange(count) if indices is None else indices, dtype=np.int64)
        self.failure = None
        self._in_memory: Batch | None = None
        self._making = Lock()

    def __len__(self) -> int:
        return len(self._indices)

    @property
    def specs(self) -> tuple[TensorSpec, ...]:
        """The form of one example of each input, with its name."""
        return tuple(source.spec._replace(name=name) for name, source in self._sources.items())

    @property
    def treatments(self) -> tuple[Preprocess, ...]:
        """What is done to the pixels of its images."""
        forms = (source.form for source in self._sources.values() if isinstance(source, ImageSource))
        return tuple(form.preprocess for form in forms if form.preprocess)

    @property
    def example_bytes(self) -> int:
        """Bytes of one example as the model takes it; of a text a guess."""
        return sum(spec.example_bytes for spec in self.specs)

    @property
    def nbytes(self) -> int:
        """Bytes of all examples as the model takes them."""
        return len(self) * self.example_bytes

    def _read(self, indices: Indices) -> Batch:
        batch: Batch = as_batch({name: source.read(indices) for name, source in self._sources.items()})
        return batch

    def preload(self) -> None:
        """Make a small set now; a large one is left as it is."""
        if self.nbytes <= MEMORY_BYTES:
            with self._making:  # a data pipeline asks from a thread of its own
                if self._in_memory is None:
                    self._in_memory = self._read(self._indices)

    def subset(self, indices: npt.ArrayLike) -> InputSet:
        """Return the examples with these numbers (0 to len - 1) as a set of their own, in the order given."""
        chosen = np.asarray(indices, dtype=np.int64).reshape(-1)
        part = InputSet(self._sources, self._indices[chosen])
        self.preload()  # so that what is fitted once need not be again
        part._in_memory = None if self._in_memory is None else select(self._in_memory, chosen)
        return part

    def take(self, indices: npt.ArrayLike) -> Batch:
        """Return the examples with these numbers (0 to len - 1), in the order given: (k, ...) for each input.

        Raises:
            DatasetError: an example cannot be read; names it.
        """
        chosen = np.asarray(indices, dtype=np.int64).reshape(-1)
        self.preload()
        return self._read(self._indices[chosen]) if self._in_memory is None else select(self._in_memory, chosen)

    def batches(self, batch: int) -> Iterator[Batch]:
        """Yield all examples in order, ``batch`` at a time; the last part may be shorter. Not to be written to.

        Raises:
            DatasetError: an example cannot be read; names it.
        """
        self.preload()
        for start in range(0, len(self), batch):
            rows = slice(start, start + batch)
            yield self._read(self._indices[rows]) if self._in_memory is None else select(self._in_memory, rows)

    def dataset(
        self,
        *,
        batch: int,
        labels: npt.NDArray[Any] | None = None,
        shuffle_seed: int | None = None,
        change: Change | None = None,
    ) -> tf.data.Dataset:
        """Return batches of examples, or of (examples, labels), for Keras; memory does not grow with the set.

        Args:
            batch: examples at a time.
            labels: (n, ...), handed out with the examples.
            shuffle_seed: draws a new order for every pass; None keeps the order of the set.
            change: what is done to each batch of examples and labels, which keep their form.
        """
        import tensorflow as tf

        generator = None if shuffle_seed is None else np.random.default_rng(shuffle_seed)

        def one_pass() -> Iterator[Any]:
            order = np.arange(len(self)) if generator is None else generator.permutation(len(self))
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                try:
                    examples = self.take(chosen)
                except DatasetError as error:
                    self.failure = error
                    raise
                rows = None if labels is None else labels[chosen]
                if change:
                    examples, rows = change(examples, rows)
                examples = mapped(_for_tensorflow, examples)
                yield examples if rows is None else (examples, rows)

        spec = as_batch({one.name: tf.TensorSpec((None, *one.shape), tf.as_dtype(one.dtype)) for one in self.specs})
        if labels is not None:
            spec = (spec, tf.TensorSpec((None, *labels.shape[1:]), labels.dtype))
        dataset = tf.data.Dataset.from_generator(one_pass, output_signature=spec)
        counted = dataset.apply(tf.data.experimental.assert_cardinality(math.ceil(len(self) / batch)))
        return read_ahead(counted, 2)

    def write(self, folder: Path) -> None:
        """Leave the examples in a folder as they were loaded, for ``read_inputs`` in another process.

        Raises:
            OSError: the folder cannot be written.
        """
        about = []
        for number, (name, source) in enumerate(self._sources.items()):
            place = folder / f"input{number}"
            place.mkdir()
            source.write(place, self._indices)
            about.append({"name": name, "form": source.form.as_plain() if isinstance(source, ImageSource) else None})
        (folder / _ABOUT).write_text(json.dumps(about), "utf-8")

    def digest(self, remember: Remember | None = None) -> str:
        """Return the SHA-256 of the examples as they were loaded and of the form that they are given.

        Args:
            remember: returns what it remembers for a text, or what the function that it is given works out; spares
                reading image files that have not changed since. None reads them.
        """

        def work_out() -> str:
            digest = new_digest(f"{len(self)} examples")
            for name, source in self._sources.items():
                digest.update(name.encode())
                source.feed(digest, self._indices)
            return digest.hexdigest()

        stamps = [source.stamp(self._indices) for source in self._sources.values()] if remember else [None]
        return remember(" ".join(map(str, stamps)), work_out) if remember and all(stamps) else work_out()


def read_inputs(folder: Path) -> InputSet:
    """Return the examples that ``InputSet.write`` left in a folder, whose files must stay while they are in use.

    Raises:
        OSError: they are gone.
    """
    sources: dict[str, Source] = {}
    for number, about in enumerate(json.loads((folder / _ABOUT).read_text("utf-8"))):
        place = folder / f"input{number}"
        source: Source = read_files(place) or ArraySource(read_arrays(place))
        sources[about["name"]] = ImageSource(source, ImageForm.from_plain(about["form"])) if about["form"] else source
    return InputSet(sources)


def _for_tensorflow(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Text as bytes, which TensorFlow's generators take."""
    if array.dtype != object:
        return array
    return np.array([text.encode() for text in array.reshape(-1)], dtype=object).reshape(array.shape)
