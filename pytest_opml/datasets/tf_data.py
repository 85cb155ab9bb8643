"""A user's ``tf.data.Dataset`` as arrays in files: memory stays bounded, and it is run through once only."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError, one_line
from ..tensors import as_batch, by_name
from .raw import RawData
from .sources import read_text

_PAIR = 2


def is_tf_data(value: Any) -> bool:
    """Whether a loader gave a ``tf.data.Dataset``, or a pair of them; TensorFlow is not imported for that."""
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return len(value) == _PAIR and all(map(is_tf_data, value))
    return hasattr(value, "element_spec") and type(value).__module__.startswith("tensorflow.")


def read_tf_data(name: str, value: Any) -> RawData:
    """Return the examples of a dataset of (inputs, labels), in batches or one by one; of a pair, train and test.

    Args:
        name: of the data set.
        value: what ``is_tf_data`` knows.

    Raises:
        DatasetError: its elements are not pairs, differ in shape, or cannot be read.
    """
    parts = value if isinstance(value, tuple) else (value,)
    (inputs, labels), *test = [_Spool(name, part).read() for part in parts]
    return RawData(inputs, labels, (), *(test[0] if test else ()))


class _Spool:
    """Writes the elements of one dataset to files, one for each input.

    Args:
        name: of the data set, for what errors say.
        dataset: whose elements are pairs.
    """

    def __init__(self, name: str, dataset: Any) -> None:
        self._name, self._dataset = name, dataset
        spec = dataset.element_spec
        if not isinstance(spec, tuple) or len(spec) != _PAIR:
            raise DatasetError(f"data set {name}: its elements must be pairs (inputs, labels)")
        shapes = [item.shape for item in (*by_name(spec[0]).values(), spec[1])]
        # one by one, a label has no first side; in batches all have the same
        self._in_batches = all(shape.rank for shape in shapes) and len({shape[0] for shape in shapes}) == 1
        self._forms: dict[str, tuple[Any, tuple[int, ...]]] = {}
        self._texts: dict[str, list[str]] = {}
        self._files: dict[str, Any] = {}

    def read(self) -> tuple[Any, npt.NDArray[Any]]:
        """Return the inputs, memory-mapped, and the labels.

        Raises:
            DatasetError: the dataset fails, is empty, or its elements differ in shape.
        """
        labels: list[npt.NDArray[Any]] = []
        elements = self._dataset.as_numpy_iterator()
        while True:
            try:
                inputs, label = next(elements)
            except StopIteration:
                break
            except Exception as error:  # whatever the user's own functions raise, TensorFlow hands on
                raise DatasetError(f"data set {self._name}: cannot be read: {one_line(error)}") from error
            labels.append(self._rows(label))
            for key, item in by_name(inputs).items():
                self._append(key, self._rows(item))
        if not labels:
            raise DatasetError(f"data set {self._name}: has no elements")
        return as_batch({key: self._array(key) for key in self._forms}), np.concatenate(labels)

    def _rows(self, item: Any) -> npt.NDArray[Any]:
        return np.asarray(item) if self._in_batches else np.asarray(item)[None]

    def _append(self, key: str, array: npt.NDArray[Any]) -> None:
        is_text = array.dtype.kind in "OS"  # one by one, texts come as bytes of their own length
        form = (np.dtype(object) if is_text else array.dtype, array.shape[1:])
        if self._forms.setdefault(key, form) != form:
            reason = f"{array.shape[1:]} after {self._forms[key][1]}"
            raise DatasetError(f"data set {self._name}: {key or 'inputs'}: differ in shape: {reason}")
        if is_text:
            texts = (read_text(f"data set {self._name}", text) for text in array.reshape(-1))
            self._texts.setdefault(key, []).extend(texts)
            return
        if key not in self._files:
            self._files[key] = tempfile.TemporaryFile(prefix="opml-data-")  # noqa: SIM115 - lives as long as the array
        self._files[key].write(np.ascontiguousarray(array).data)

    def _array(self, key: str) -> npt.NDArray[Any]:
        dtype, shape = self._forms[key]
        if key in self._texts:
            array = np.empty(len(self._texts[key]), dtype=object)
            array[:] = self._texts[key]
            return array.reshape(-1, *shape)
        self._files[key].flush()
        return np.memmap(self._files[key], dtype=dtype, mode="r").reshape(-1, *shape)
