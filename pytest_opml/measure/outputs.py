"""From the figures that a model gives to answers: probabilities of the classes of the data, labels, or targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError, listed
from ..runtimes.base import Probabilities

_SUM_TOLERANCE = 1e-3  # 16-bit floats of many classes add up to no more and no less
_STEPS = 256  # of an 8-bit output of probabilities
Rows = npt.NDArray[Any]


def as_probabilities(rows: Probabilities) -> Probabilities:
    """Return the rows as they are, or through a softmax where a model of the user's gives logits.

    Probabilities are told by their sum: no value is negative, and each row adds up to 1. Those of a quantised output
    are multiples of 1/256, each off by up to half of that. All else goes through the softmax: also logits that all
    happen to be positive, and a sigmoid for each class. The class with the highest value stays the same.

    Args:
        rows: (n, classes).
    """
    steps = rows * _STEPS
    quantised = bool((steps == np.rint(steps)).all())
    tolerance = max(_SUM_TOLERANCE, rows.shape[1] / _STEPS / 2 if quantised else 0.0)
    sums = rows.sum(axis=1, dtype=np.float64)
    if _are_shares(rows) and (np.abs(sums - 1) <= tolerance).all():
        return rows
    exponentials = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), dtype=np.float32)


def as_shares(rows: Rows) -> Probabilities:
    """Return probabilities that need not add up to 1: the rows as they are, or through a sigmoid where they are logits.

    Args:
        rows: of any shape; logits where one of them is no probability.
    """
    if _are_shares(rows):
        return np.asarray(rows, dtype=np.float32)
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-rows.astype(np.float64))), dtype=np.float32)


def output_names(
    classes: Sequence[str] | Mapping[str, str] | None, labels: Sequence[str] | None = None
) -> Sequence[str] | None:
    """Return the class that each output of a model stands for, in the order of the outputs; None for those of the data.

    Args:
        classes: as a case declares them: in that order, or by the names that the model's file gives its outputs.
        labels: these names, in order; None where the file has none.

    Raises:
        ModelFileError: the classes are declared by names that the file has not.
    """
    if classes is None or not isinstance(classes, Mapping):
        return labels if classes is None else classes
    if labels is None:
        raise ModelFileError(
            "classes= names outputs, and the model's file gives them no names; write a list of classes"
        )
    if lacking := [name for name in classes if name not in labels]:
        raise ModelFileError(f"classes= names {listed(lacking)}; the model's file has {listed(list(labels))}")
    return [classes.get(label, label) for label in labels]


def of_classes(rows: Rows, classes: Sequence[str], outputs: Sequence[str] | None = None) -> Probabilities:
    """Return a probability for each class of the data (n, classes), then those of outputs that are none of them.

    Args:
        rows: what the model gave (n, outputs); probabilities or logits, of two classes also one sigmoid (n, 1) or (n,).
        classes: names of those of the data.
        outputs: names of the model's outputs, in order; None where they are the classes. Outputs of the same name are
            added up.

    Raises:
        ModelFileError: the outputs are not as many as the names, or a class has no output.
    """
    columns = rows.reshape(len(rows), -1)
    if columns.shape[1] == 1 and len(classes) == 2:
        share = as_shares(columns[:, 0])
        probabilities = np.stack([1 - share, share], axis=1)
        if outputs is not None and len(outputs) == 1:
            outputs = [next((name for name in classes if name != outputs[0]), ""), outputs[0]]
    else:
        _require_as_many(columns, classes if outputs is None else outputs, classes)
        probabilities = as_probabilities(columns)
    return _by_name(probabilities, classes, outputs)


def of_labels(rows: Rows, labels: Sequence[str], outputs: Sequence[str] | None = None) -> Probabilities:
    """Return a probability for each label of the data (n, labels); outputs that are none of them are left out.

    Args:
        rows: what the model gave (n, outputs), a sigmoid or logit each.
        labels: names of those of the data.
        outputs: as ``of_classes`` takes it.

    Raises:
        ModelFileError: as ``of_classes``.
    """
    columns = rows.reshape(len(rows), -1)
    _require_as_many(columns, labels if outputs is None else outputs, labels)
    return _by_name(as_shares(columns), labels, outputs)[:, : len(labels)]


def of_targets(rows: Rows, targets: Rows) -> Rows:
    """Return what the model gave in the shape of the targets, (n,) or (n, targets).

    Raises:
        ModelFileError: it gives another number of figures for an example.
    """
    if rows.size != targets.size:
        wanted = targets.size // len(targets)
        raise ModelFileError(
            f"the model gives {rows.size // len(rows)} figures for an example, and the data have {wanted}; name the "
            "output that is measured (output=)"
        )
    return rows.reshape(targets.shape)


def _are_shares(rows: Rows) -> bool:
    return bool(rows.min(initial=0.0) >= 0 and rows.max(initial=0.0) <= 1)


def _require_as_many(columns: Rows, outputs: Sequence[str], classes: Sequence[str]) -> None:
    if columns.shape[1] == len(outputs):
        return
    named = f"{len(outputs)} names" if outputs is not classes else f"{len(classes)} classes"
    raise ModelFileError(
        f"the model gives {columns.shape[1]} figures for an example, and there are {named}; name its outputs in their "
        "order (classes=[...]), also those that are no class of the data"
    )


def _by_name(probabilities: Probabilities, classes: Sequence[str], outputs: Sequence[str] | None) -> Probabilities:
    if outputs is None or tuple(outputs) == tuple(classes):
        return probabilities
    if lacking := [name for name in classes if name not in outputs]:
        raise ModelFileError(
            f"classes= names no output for {listed(lacking)}; the data have the classes {listed(list(classes))}"
        )
    places = {name: place for place, name in enumerate(classes)}
    beyond = [place for place, name in enumerate(outputs) if name not in places]
    rows = np.zeros((len(probabilities), len(classes) + len(beyond)), dtype=np.float32)
    for column, name in enumerate(outputs):
        place = places.get(name)
        rows[:, len(classes) + beyond.index(column) if place is None else place] += probabilities[:, column]
    return rows
