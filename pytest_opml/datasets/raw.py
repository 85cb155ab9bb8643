"""What a loader returns, and whether it can be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError
from ..printable import printable
from ..tensors import Task
from .images import FileSource, joined_source
from .labels import read_labels
from .sources import ArraySource, OnDemand, OnDemandSource, Source, unified

Input = npt.NDArray[Any] | Sequence[Path] | OnDemand
Inputs = Input | Mapping[str, Input]
_LONGEST_NAME = 200  # characters


class RawData(NamedTuple):
    """What a loader returns.

    Attributes:
        inputs: the examples: an array (n, ...) of numbers or text, n paths of image files, or an object with a length
            that gives the examples with some numbers on demand (``examples[numbers]``); of several inputs one such by
            the name of each. Images are uint8, (n, height, width) or (n, height, width, channels).
        labels: whole numbers from 0 or text (n,) for classes, rows of 0 and 1 (n, labels) for several labels an
            example, figures (n,) or (n, targets) for regression.
        classes: names of the classes, labels or targets, in the order of the labels; empty for those that the labels
            themselves are.
        test_inputs: the data set's own test part, or None where it has none.
        test_labels: likewise.
        task: ``classification``, ``multilabel`` or ``regression``; None for what the labels look like.
        columns: further facts of each example (n,), by name, that figures are told apart by.
        test_columns: likewise of the test part.
    """

    inputs: Any
    labels: Any
    classes: tuple[str, ...] = ()
    test_inputs: Any = None
    test_labels: Any = None
    task: Task | None = None
    columns: Mapping[str, Any] = {}
    test_columns: Mapping[str, Any] = {}


class Part(NamedTuple):
    """The examples, labels and columns of a part of a data set, checked."""

    sources: dict[str, Source]
    labels: npt.NDArray[Any]
    columns: dict[str, npt.NDArray[Any]]


class CheckedData(NamedTuple):
    """A data set that can be used; ``test`` is None where it has no test part of its own."""

    task: Task
    classes: tuple[str, ...]
    train: Part
    test: Part | None


def checked(name: str, raw: RawData) -> CheckedData:
    """Return what a loader gave in one form.

    Args:
        name: of the data set.
        raw: what its loader gave; a data set without training examples has only a test part.

    Raises:
        DatasetError: it is malformed; names the data set, the part and the field.
    """
    parts = {
        "train": (raw.inputs, raw.labels, raw.columns),
        "test": (raw.test_inputs, raw.test_labels, raw.test_columns),
    }
    given = {part: values for part, values in parts.items() if values[0] is not None}
    if not given:
        raise DatasetError(f"data set {name}: has neither inputs nor test_inputs")
    if not isinstance(raw.classes, (tuple, list)) or not all(isinstance(label, str) for label in raw.classes):
        raise DatasetError(f"data set {name}: classes: must be a tuple of names, not {type(raw.classes).__name__}")
    if len(set(raw.classes)) != len(raw.classes):
        raise DatasetError(f"data set {name}: classes: each name must stand there once")
    sources = {part: _sources(f"data set {name}: {part} inputs", values[0]) for part, values in given.items()}
    where = {part: f"data set {name}: {part} labels" for part in given}
    labelling = read_labels(
        list(where.values()), [values[1] for values in given.values()], tuple(raw.classes), raw.task
    )
    for part, labels in zip(given, labelling.parts, strict=True):
        count = len(next(iter(sources[part].values())))
        if len(labels) != count:
            raise DatasetError(f"{where[part]}: {len(labels)} labels for {count} examples")
    _check_names(f"data set {name}: classes", labelling.classes)
    checked_parts = {
        part: Part(sources[part], labels, _columns(f"data set {name}: {part} columns", given[part][2], len(labels)))
        for part, labels in zip(given, labelling.parts, strict=True)
    }
    test = checked_parts.get("test")
    train = checked_parts.get("train")
    if train is None:
        assert test is not None
        train = Part(test.sources, test.labels[:0], {key: column[:0] for key, column in test.columns.items()})
    elif test and list(train.sources) != list(test.sources):
        names = f"{', '.join(train.sources)} in train and {', '.join(test.sources)} in test"
        raise DatasetError(f"data set {name}: inputs: must be the same in both parts, they are {names}")
    return CheckedData(labelling.task, labelling.classes, train, test)


def _check_names(where: str, names: tuple[str, ...]) -> None:
    """Refuse names that no report can show: of broken text, or with line feeds and other control characters."""
    for name in names:
        if printable(name) != name:
            raise DatasetError(f"{where}: {name!a}: is no plain text of one line; give it another name")
        if len(name) > _LONGEST_NAME:
            raise DatasetError(f"{where}: {name[:40]!a}...: is longer than {_LONGEST_NAME} characters")


def joined(name: str, first: Part, second: Part) -> Part:
    """Join two parts into one; nothing is copied.

    Raises:
        DatasetError: their examples are of different forms.
    """
    sources = {}
    for key, source in first.sources.items():
        forms = source.spec, second.sources[key].spec
        if forms[0] != forms[1] or isinstance(source, FileSource) != isinstance(second.sources[key], FileSource):
            shapes = f"{forms[0]} in train and {forms[1]} in test"
            raise DatasetError(f"data set {name}: inputs: cannot be divided anew, their form is {shapes}")
        sources[key] = joined_source(source, second.sources[key])
    columns = {
        key: np.concatenate([first.columns[key], second.columns[key]])
        for key in first.columns.keys() & second.columns.keys()
    }
    return Part(sources, np.concatenate([first.labels, second.labels]), columns)


def _sources(where: str, inputs: Any) -> dict[str, Source]:
    if not isinstance(inputs, Mapping):
        return {"": _source(where, inputs)}
    if not inputs or not all(isinstance(name, str) and name for name in inputs):
        raise DatasetError(f"{where}: a dict of inputs must have their names as its keys")
    sources = {name: _source(f"{where}: {name}", given) for name, given in inputs.items()}
    lengths = {name: len(source) for name, source in sources.items()}
    if len(set(lengths.values())) > 1:
        raise DatasetError(f"{where}: differ in their number of examples: {lengths}")
    return sources


def _source(where: str, given: Any) -> Source:
    if isinstance(given, Sequence) and given and all(isinstance(path, Path) for path in given):
        return FileSource(given)
    if isinstance(given, np.ndarray):
        return ArraySource(_checked_array(where, given))
    if isinstance(given, OnDemand) and not isinstance(given, (str, bytes, Sequence, Mapping)):
        if not len(given):
            raise DatasetError(f"{where}: must hold examples, there is none")
        return OnDemandSource(given, where)
    form = "an array of numbers or text, a list of paths of images, or an object that gives examples by number"
    raise DatasetError(f"{where}: must be {form}, not {type(given).__name__}")


def _checked_array(where: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.ndim < 1 or 0 in array.shape:
        raise DatasetError(f"{where}: must hold examples, the shape is {array.shape}")
    is_text = array.dtype.kind in "SUT" or (
        array.dtype.kind == "O" and all(isinstance(text, str) for text in array.reshape(-1))
    )
    if array.dtype.kind not in "biuf" and not is_text:
        raise DatasetError(f"{where}: must hold numbers or text, not {array.dtype}")
    return unified(where, array)


def _columns(where: str, columns: Mapping[str, Any], count: int) -> dict[str, npt.NDArray[Any]]:
    arrays = {}
    _check_names(where, tuple(map(str, columns)))
    for name, values in columns.items():
        array = np.asarray(values)
        if array.shape != (count,) or array.dtype.kind not in "biufUO":
            raise DatasetError(f"{where}: {name}: must be {count} values, one for each example, not {array.shape}")
        arrays[name] = array.astype(str) if array.dtype.kind == "O" else array
    return arrays
