"""Labels in one form for each task: classes by number, several labels an example, or figures."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError
from ..tensors import Task
from .sources import read_text

_FORMS = (
    "must be whole numbers or text (n,), a row of 0 and 1 for each example (n, labels), or figures (n,) or (n, targets)"
)


class Labelling(NamedTuple):
    """The labels of all parts of a data set, in the form of its task.

    Attributes:
        task: what the labels are.
        classes: names of the classes, labels or targets.
        parts: the labels of each part: whole numbers (n,), 0 and 1 as uint8 (n, labels), or float32 (n[, targets]).
    """

    task: Task
    classes: tuple[str, ...]
    parts: list[npt.NDArray[Any]]


def read_labels(where: list[str], parts: list[Any], classes: tuple[str, ...], task: Task | None = None) -> Labelling:
    """Bring the labels of a data set into the form of its task, which they tell where it is not given.

    Args:
        where: what to call the labels of each part in an error: ``data set pets: train labels``.
        parts: the labels of each part.
        classes: names of the classes, in the order of the labels; empty for those that the labels themselves are.
        task: of the data set.

    Raises:
        DatasetError: the labels have no such form, or are not of one.
    """
    arrays = [_array(text, part) for text, part in zip(where, parts, strict=True)]
    task = task or _task(where, arrays)
    convert = {"classification": _classes, "multilabel": _several, "regression": _figures}[task]
    return convert(where, arrays, classes)


def _array(where: str, labels: Any) -> npt.NDArray[Any]:
    array = labels if isinstance(labels, np.ndarray) else None
    if array is not None and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array is None or array.ndim not in (1, 2) or array.dtype.kind not in "biufUSTO" or not len(array):
        given = f"{labels.dtype} {labels.shape}" if isinstance(labels, np.ndarray) else type(labels).__name__
        raise DatasetError(f"{where}: {_FORMS}, not {given}")
    if array.dtype.kind in "STO":
        if not all(isinstance(label, (str, bytes)) for label in array.reshape(-1)):
            raise DatasetError(f"{where}: {_FORMS}, not objects of other kinds")
        texts = [read_text(where, label) for label in array.reshape(-1)]
        array = np.array(texts, dtype=str).reshape(array.shape)
    if array.dtype.kind == "U" and array.ndim != 1:
        raise DatasetError(f"{where}: {_FORMS}, not text {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DatasetError(f"{where}: {_not_finite(array)}")
    return array


def _not_finite(array: npt.NDArray[Any]) -> str:
    row = int(np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))[0])
    return f"the label at index {row} is {array[row]}, no finite number"


def _is_binary(array: npt.NDArray[Any]) -> bool:
    return array.ndim == 2 and bool(((array == 0) | (array == 1)).all())


def _is_one_hot(array: npt.NDArray[Any]) -> bool:
    return _is_binary(array) and bool((array.sum(axis=1) == 1).all())


def _task(where: list[str], arrays: list[npt.NDArray[Any]]) -> Task:
    if all(array.ndim == 1 and array.dtype.kind in "biuU" for array in arrays) or all(map(_is_one_hot, arrays)):
        return "classification"
    if all(map(_is_binary, arrays)):
        return "multilabel"
    if len({array.ndim for array in arrays}) > 1 or len({array.dtype.kind == "f" for array in arrays}) > 1:
        forms = " and ".join(f"{array.dtype} {array.shape}" for array in arrays)
        raise DatasetError(f"{where[-1]}: must be of one kind in all parts, they are {forms}")
    if all(array.ndim == 1 and (array == np.rint(array)).all() for array in arrays):
        reason = (
            f"are whole numbers as {arrays[0].dtype}: make them integers for classes, or say task='regression' "
            "(in a .npz file, its array 'task')"
        )
        raise DatasetError(f"{where[0]}: {reason}")
    return "regression"


def _classes(where: list[str], arrays: list[npt.NDArray[Any]], classes: tuple[str, ...]) -> Labelling:
    for text, array in zip(where, arrays, strict=True):
        if array.ndim == 2 and not _is_one_hot(array):
            raise DatasetError(f"{text}: a row of labels must have one 1 and else 0, for each example has one class")
        if array.dtype.kind == "f" and array.ndim == 1:
            raise DatasetError(f"{text}: must be whole numbers or text for classes, not {array.dtype} {array.shape}")
    numbers = [array.argmax(axis=1) if array.ndim == 2 else array for array in arrays]
    if any(array.dtype.kind == "U" for array in numbers):
        return _named(where, numbers, classes)
    for text, array in zip(where, numbers, strict=True):
        if array.min() < 0:
            raise DatasetError(f"{text}: label {array.min()} at index {array.argmin()} is below 0")
    highest = max(int(array.max()) for array in numbers)
    if not classes:
        count = sum(len(array) for array in numbers)
        if highest >= count:  # some class would have no example, and there may be billions
            raise DatasetError(f"{where[0]}: {highest} among {count} examples; they must count from 0")
        widths = [array.shape[1] for array in arrays if array.ndim == 2]
        classes = tuple(str(label) for label in range(max([highest + 1, *widths])))
    for text, array in zip(where, numbers, strict=True):
        outside = np.flatnonzero(array >= len(classes))
        if outside.size:
            reason = f"label {array[outside[0]]} at index {outside[0]} is not in 0 to {len(classes) - 1}"
            raise DatasetError(f"{text}: {reason}")
    return Labelling("classification", classes, [array.astype(np.int64) for array in numbers])


def _named(where: list[str], arrays: list[npt.NDArray[Any]], classes: tuple[str, ...]) -> Labelling:
    if not all(array.dtype.kind == "U" for array in arrays):
        raise DatasetError(f"{where[0]}: are text in one part and numbers in another")
    names = classes or tuple(map(str, np.unique(np.concatenate(arrays))))
    places = {name: number for number, name in enumerate(names)}
    for text, array in zip(where, arrays, strict=True):
        for index, label in enumerate(array):
            if label not in places:
                raise DatasetError(
                    f"{text}: label {str(label)!r} at index {index} is no class; known: {', '.join(names)}"
                )
    return Labelling("classification", names, [np.array([places[label] for label in array]) for array in arrays])


def _several(where: list[str], arrays: list[npt.NDArray[Any]], classes: tuple[str, ...]) -> Labelling:
    for text, array in zip(where, arrays, strict=True):
        if not _is_binary(array):
            raise DatasetError(f"{text}: of several labels an example, each must be 0 or 1 in an array (n, labels)")
    names = _of_columns(where, arrays, classes, "labels")
    return Labelling("multilabel", names, [array.astype(np.uint8) for array in arrays])


def _figures(where: list[str], arrays: list[npt.NDArray[Any]], classes: tuple[str, ...]) -> Labelling:
    for text, array in zip(where, arrays, strict=True):
        if array.dtype.kind == "U":
            raise DatasetError(f"{text}: must be numbers for regression, not text")
    names = _of_columns(where, [array.reshape(len(array), -1) for array in arrays], classes, "targets")
    return Labelling("regression", names, [array.astype(np.float32) for array in arrays])


def _of_columns(
    where: list[str], arrays: list[npt.NDArray[Any]], classes: tuple[str, ...], what: str
) -> tuple[str, ...]:
    width = arrays[0].shape[1]
    for text, array in zip(where, arrays, strict=True):
        if array.shape[1] != width or (classes and len(classes) != width):
            reason = f"{array.shape[1]} {what} an example, {len(classes) or width} are expected"
            raise DatasetError(f"{text}: {reason}")
    return classes or tuple(str(number) for number in range(width))
