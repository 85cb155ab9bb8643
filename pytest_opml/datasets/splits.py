"""The training and test images of a case, divided and thinned out as it says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import registry
from ..case import Case
from ..errors import CaseDefinitionError, DatasetError
from .imageset import ImageSet, Remember
from .raw import Part, RawData, checked, joined
from .sampling import sample
from .sources import Images, Indices, Labels
from .user_files import from_path

__all__ = ["ImageSet", "Images", "Labels", "RawData", "Split", "prepare"]

_HELD_OUT = 1 / 3


class Split(NamedTuple):
    """Training and test images with labels (n,), the names of the classes, digests of all and of the test part."""

    x_train: ImageSet
    y_train: Labels
    x_test: ImageSet
    y_test: Labels
    classes: tuple[str, ...]
    fingerprint: str
    test_digest: str


def prepare(case: Case, data_dir: Path | None, remember: Remember | None = None) -> Split:
    """Load and divide the data of a case; images are resized when they are asked for.

    Args:
        case: names the data set, the split, the seed and the size.
        data_dir: where data sets that are not shipped may lie.
        remember: see ``ImageSet.digest``.

    Raises:
        DatasetError: the data are malformed, or a class has no images in a part; names the field.
    """
    raw = _load(case, data_dir)
    count = len(raw.classes)
    train = checked(case.dataset, "train", raw.images, raw.labels, count)
    test = None
    if raw.test_images is not None:
        test = checked(case.dataset, "test", raw.test_images, raw.test_labels, count)
    if test is not None and case.test_share is None:
        chosen, held_out = np.arange(len(train.labels)), np.arange(len(test.labels))
    else:
        train = test = train if test is None else joined(case.dataset, train, test)
        chosen, held_out = _divided(case, train)
    y_train, y_test = train.labels[chosen], test.labels[held_out]
    _check_classes(case, raw.classes, y_train, y_test)
    selection = sample(case, raw.classes, y_train, y_test)
    chosen, held_out = chosen[selection.train], held_out[selection.test]
    y_train, y_test = y_train[selection.train], y_test[selection.test]
    if isinstance(case.size, str):
        raise CaseDefinitionError(f"case: size = {case.size!r}: is settled by the model, before its data are prepared")
    x_train, x_test = ImageSet(train.images, case.size, chosen), ImageSet(test.images, case.size, held_out)
    test_digest = _digest(x_test, y_test, remember)
    fingerprint = hashlib.sha256(f"{_digest(x_train, y_train, remember)} {test_digest}".encode()).hexdigest()
    return Split(x_train, y_train, x_test, y_test, raw.classes, fingerprint, test_digest)


def _load(case: Case, data_dir: Path | None) -> RawData:
    if registry.is_path("dataset", case.dataset):
        return from_path(Path(case.dataset))
    loader: Callable[[Path | None], RawData] = registry.get("dataset", case.dataset)
    raw = loader(data_dir)
    if not isinstance(raw, RawData):
        raise DatasetError(f"data set {case.dataset}: its loader must return a RawData, not {type(raw).__name__}")
    return raw


def _divided(case: Case, whole: Part) -> tuple[Indices, Indices]:
    from sklearn.model_selection import train_test_split

    share = _HELD_OUT if case.test_share is None else case.test_share
    try:
        train, test = train_test_split(
            np.arange(len(whole.labels)), test_size=share, stratify=whole.labels, random_state=case.seed
        )
    except ValueError as error:
        raise DatasetError(f"data set {case.dataset}: labels: cannot be divided by class: {error}") from error
    return train, test


def _check_classes(case: Case, classes: tuple[str, ...], y_train: Labels, y_test: Labels) -> None:
    for part, labels in (("train", y_train), ("test", y_test)):
        present = np.unique(labels)
        if len(present) < 2:
            reason = f"{len(present)} class; a classifier needs at least 2"
            raise DatasetError(f"data set {case.dataset}: {part} labels: {reason}")
        missing = np.setdiff1d(np.arange(len(classes)), present)
        if missing.size:
            reason = f"no image of class {classes[missing[0]]!r} (label {missing[0]})"
            raise DatasetError(f"data set {case.dataset}: {part} labels: {reason}")


def _digest(images: ImageSet, labels: Labels, remember: Remember | None) -> str:
    digest = hashlib.sha256(images.digest(remember).encode())
    digest.update(np.ascontiguousarray(labels).data)
    return digest.hexdigest()
