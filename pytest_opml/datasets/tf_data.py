"""A user's ``tf.data.Dataset`` as arrays in files: memory stays bounded, and it is run through once only."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError, one_line
from .raw import RawData

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
    """Writes the elements of one dataset to files, an array each."""

    def __init__(self, name: str, dataset: Any) -> None:
        self._name, self._dataset = name, dataset
        spec = dataset.element_spec
        if not isinstance(spec, tuple) or len(spec) != _PAIR:
            raise DatasetError(f"data set {name}: its elements must be pairs (inputs, labels)")
        shapes = [item.shape for item in (*self._items(spec[0]).values(), spec[1])]
        known = [shape for shape in shapes if shape.rank]
        firsts = {shape[0] for shape in known}
        # one by one a label has no shape; in batches all have the same first side
        self._in_batches = len(known) == len(shapes) and len(firsts) == 1

    @staticmethod
    def _items(inputs: Any) -> dict[str, Any]:
        return inputs if isinstance(inputs, dict) else {"": inputs}

    def read(self) -> tuple[Any, npt.NDArray[Any]]:
        """Return the inputs, memory-mapped, and the labels."""
        files: dict[str, Any] = {}
        forms: dict[str, Any] = {}
        texts: dict[str, list[Any]] = {}
        labels: list[npt.NDArray[Any]] = []
        try:
            for inputs, label in self._dataset.as_numpy_iterator():
                labels.append(np.asarray(label) if self._in_batches else np.asarray(label)[None])
                for key, item in self._items(inputs).items():
                    array = np.asarray(item) if self._in_batches else np.asarray(item)[None]
                    form = (array.dtype, array.shape[1:])
                    if forms.setdefault(key, form) != form:
                        reason = f"{array.shape[1:]} after {forms[key][1]}"
                        raise DatasetError(f"data set {self._name}: {key or 'inputs'}: differ in shape: {reason}")
                    if array.dtype == object:
                        decoded = [text.decode() if isinstance(text, bytes) else text for text in array.reshape(-1)]
                        texts.setdefault(key, []).extend(decoded)
                    else:
                        files.setdefault(key, tempfile.TemporaryFile(prefix="opml-data-")).write(  # noqa: SIM115 - kept
                            np.ascontiguousarray(array).data
                        )
        except DatasetError:
            raise
        except Exception as error:
            raise DatasetError(f"data set {self._name}: cannot be read: {one_line(error)}") from error
        if not labels:
            raise DatasetError(f"data set {self._name}: has no elements")
        read = {key: self._array(files.get(key), texts.get(key), *form) for key, form in forms.items()}
        return (read[""] if list(read) == [""] else read), np.concatenate(labels)

    @staticmethod
    def _array(file: Any, texts: list[Any] | None, dtype: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        if texts is not None:
            array = np.empty(len(texts), dtype=object)
            array[:] = texts
            return array.reshape(-1, *shape)
        file.flush()
        return np.memmap(file, dtype=dtype, mode="r").reshape(-1, *shape)
