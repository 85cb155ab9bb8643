"""The training and test examples of a case, divided and thinned out as it says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import registry
from ..case import Case
from ..errors import DatasetError
from ..records.preprocess import Preprocess
from ..tensors import DataSpec, Signature, Task
from .input_set import InputSet, Remember
from .model_inputs import fitted
from .partitions import client_examples
from .raw import CheckedData, Part, RawData, checked, joined
from .sampling import sample
from .sources import Indices, Labels
from .tf_data import is_tf_data, read_tf_data
from .user_files import from_path

__all__ = ["InputSet", "Labels", "RawData", "Split", "prepare"]

_HELD_OUT = 1 / 3


class Split(NamedTuple):
    """The data of a case.

    Attributes:
        x_train: training examples, those of the case's client where it has one; none where the data set has a test part
            only.
        y_train: their labels: whole numbers (n,) for classes, 0 and 1 (n, labels) for several, float32 (n[, targets]).
        x_test: test examples.
        y_test: their labels.
        classes: names of the classes, labels or targets.
        task: what the labels are.
        columns: further facts (n,) of the test examples, by name.
        fingerprint: digest of all.
        test_digest: that of the test part.
    """

    x_train: InputSet
    y_train: Labels
    x_test: InputSet
    y_test: Labels
    classes: tuple[str, ...]
    task: Task
    columns: dict[str, npt.NDArray[Any]]
    fingerprint: str
    test_digest: str

    @property
    def spec(self) -> DataSpec:
        """What a model must take and give for these data."""
        return DataSpec(self.x_test.specs, len(self.classes), self.task)

    @property
    def absent_classes(self) -> tuple[str, ...]:
        """The classes or labels that no training example is of, as a client may lack them."""
        if self.task == "regression":
            return ()
        has_labels = self.task == "multilabel"
        counts = self.y_train.sum(axis=0) if has_labels else np.bincount(self.y_train, minlength=len(self.classes))
        return tuple(name for name, count in zip(self.classes, counts, strict=True) if not count)


def prepare(
    case: Case,
    data_dir: Path | None,
    remember: Remember | None = None,
    *,
    signature: Signature | None = None,
    implied: Preprocess | None = None,
) -> Split:
    """Load and divide the data of a case; images are fitted when they are asked for.

    Args:
        case: names the data set, the split, the seed and the size.
        data_dir: where data sets that are not shipped may lie.
        remember: see ``InputSet.digest``.
        signature: what the model takes; None where it is built for the data as they are.
        implied: what the model's file says of pixels, where the case does not.

    Raises:
        DatasetError: the data are malformed, a class has no examples in a part, or the training examples cannot be
            divided among the clients of the case; names the field.
        CaseDefinitionError: they cannot be given as the model takes them.
    """
    data = checked(case.dataset, _load(case, data_dir))
    train, test, chosen, held_out = _divided(case, data)
    y_train, y_test = train.labels[chosen], test.labels[held_out]
    _check_labels(case, data, y_train, y_test)
    selection = sample(case, data.task, data.classes, y_train, y_test)
    used = selection.train[client_examples(case, data.task, y_train[selection.train])]
    chosen, held_out = chosen[used], held_out[selection.test]
    y_train, y_test = y_train[used], y_test[selection.test]
    x_train = InputSet(fitted(case, train.sources, signature, implied), chosen)
    x_test = InputSet(fitted(case, test.sources, signature, implied), held_out)
    if len(x_train) and x_train.specs != x_test.specs:
        forms = "; ".join(map(str, x_train.specs)), "; ".join(map(str, x_test.specs))
        raise DatasetError(f"data set {case.dataset}: inputs: are {forms[0]} in train and {forms[1]} in test")
    test_digest = _digest(x_test, y_test, remember)
    fingerprint = hashlib.sha256(f"{_digest(x_train, y_train, remember)} {test_digest}".encode()).hexdigest()
    columns = {name: column[held_out] for name, column in test.columns.items()}
    return Split(x_train, y_train, x_test, y_test, data.classes, data.task, columns, fingerprint, test_digest)


def _load(case: Case, data_dir: Path | None) -> RawData:
    if registry.is_path("dataset", case.dataset):
        return from_path(Path(case.dataset))
    loader: Callable[[Path | None], Any] = registry.get("dataset", case.dataset)
    raw = loader(data_dir)
    if is_tf_data(raw):
        return read_tf_data(case.dataset, raw)
    if not isinstance(raw, RawData):
        kinds = "a RawData, or a tf.data.Dataset of examples with labels, or a pair of these"
        raise DatasetError(f"data set {case.dataset}: its loader must return {kinds}, not {type(raw).__name__}")
    return raw


def _divided(case: Case, data: CheckedData) -> tuple[Part, Part, Indices, Indices]:
    """The parts that training and test examples come from, and their numbers in these."""
    train, test = data.train, data.test
    if test is not None and case.test_share is None:
        _check_trains(case, len(train.labels))
        return train, test, np.arange(len(train.labels)), np.arange(len(test.labels))
    whole = train if test is None else joined(case.dataset, train, test) if len(train.labels) else test
    numbers = np.arange(len(whole.labels))
    if case.test_share == 1:
        _check_trains(case, 0)
        return whole, whole, numbers[:0], numbers
    from sklearn.model_selection import train_test_split

    share = _HELD_OUT if case.test_share is None else case.test_share
    try:
        chosen, held_out = train_test_split(
            numbers,
            test_size=share,
            stratify=whole.labels if data.task == "classification" else None,
            random_state=case.seed,
        )
    except ValueError as error:
        raise DatasetError(f"data set {case.dataset}: labels: cannot be divided by class: {error}") from error
    return whole, whole, chosen, held_out


def _check_trains(case: Case, examples: int) -> None:
    if not examples and not (case.unfreeze == 0 and case.technique == "baseline"):
        reason = "the data set has no training part" if case.test_share is None else "nothing is left to train on"
        raise DatasetError(f"data set {case.dataset}: split = {case.split!r}: {reason}, which {case.id} needs")


def _check_labels(case: Case, data: CheckedData, y_train: Labels, y_test: Labels) -> None:
    for part, labels in (("train", y_train), ("test", y_test)):
        if part == "train" and not len(labels):
            continue
        where = f"data set {case.dataset}: {part} labels"
        if data.task == "regression" and np.ptp(labels.reshape(len(labels), -1), axis=0).min() == 0:
            raise DatasetError(f"{where}: are all the same, which leaves nothing to predict")
        if data.task != "classification":
            continue
        present = np.unique(labels)
        if len(present) < 2:
            raise DatasetError(f"{where}: {len(present)} class; a classifier needs at least 2")
        missing = np.setdiff1d(np.arange(len(data.classes)), present)
        if missing.size:
            hint = "; labels count from 0" if missing[0] == 0 else ""
            raise DatasetError(f"{where}: no example of class {data.classes[missing[0]]!r} (label {missing[0]}){hint}")


def _digest(inputs: InputSet, labels: Labels, remember: Remember | None) -> str:
    digest = hashlib.sha256(inputs.digest(remember).encode())
    digest.update(np.ascontiguousarray(labels).data)
    return digest.hexdigest()
