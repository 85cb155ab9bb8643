"""Which examples of a divided data set are used: a balanced subset, and class sizes that are skewed on purpose.

Nothing here looks at an example. Each function takes the labels of the two parts and returns the numbers of the
examples to use, in the order of the part.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..case import Case
from ..errors import DatasetError
from ..tensors import Task
from .sources import Indices, Labels

# What macro recall and precision need in the test part, and a stratified choice in the training part.
_LEAST = 2
# Each draw has a stream of its own, so that one setting does not change what another draws.
_SUBSET, _SHARES, _CHOICE = 1, 2, 3

Counts = npt.NDArray[np.int64]


class SampledExamples(NamedTuple):
    """Numbers of the examples of each part that are used, ascending."""

    train: Indices
    test: Indices


def sample(case: Case, task: Task, classes: tuple[str, ...], y_train: Labels, y_test: Labels) -> SampledExamples:
    """Select what ``subset``, ``label_skew`` and ``quantity_skew`` of a case leave; a skew thins out the subset.

    Raises:
        DatasetError: a class has too few examples; names the class, the part and both numbers.
    """
    if task != "classification":
        return _sample_any(case, len(y_train), len(y_test))
    parts = {"train": y_train, "test": y_test}
    numbers = {part: np.arange(len(labels)) for part, labels in parts.items()}
    if case.subset is not None:
        for part, counts in _balanced(case, classes, len(y_train), len(y_test)).items():
            numbers[part] = _choose(case, _SUBSET, part, parts[part], counts, classes, f"subset = {case.subset}")
    shares = _shares(case, len(classes))
    if shares is not None:
        for part, labels in parts.items():
            inside = labels[numbers[part]]
            counts = _skewed(case, classes, part, np.bincount(inside, minlength=len(classes)), shares)
            numbers[part] = numbers[part][_choose(case, _CHOICE, part, inside, counts, classes, "skew")]
    return SampledExamples(numbers["train"], numbers["test"])


def _sample_any(case: Case, train: int, test: int) -> SampledExamples:
    """Select a subset where no example has a class, in the proportion of the parts."""
    if case.label_skew is not None or case.quantity_skew is not None:
        raise DatasetError(f"data set {case.dataset}: label_skew and quantity_skew need classes, its labels are none")
    if case.subset is None:
        return SampledExamples(np.arange(train), np.arange(test))
    if case.subset > train + test:
        raise DatasetError(f"data set {case.dataset}: subset = {case.subset}: there are {train + test} examples")
    of_train = round(case.subset * train / (train + test))
    generator = np.random.default_rng((case.seed, _SUBSET))
    numbers = [
        np.sort(generator.choice(there, wanted, replace=False))
        for there, wanted in ((train, of_train), (test, case.subset - of_train))
    ]
    return SampledExamples(*numbers)


def _balanced(case: Case, classes: tuple[str, ...], train: int, test: int) -> dict[str, Counts]:
    """Examples of each class in each part: the same to one in each part, and in both together."""
    assert case.subset is not None
    k = len(classes)
    of_train = round(case.subset * train / (train + test))
    order = np.random.default_rng((case.seed, _SUBSET)).permutation(k)
    counts, given = {}, 0
    for part, total, there in (("train", of_train, train), ("test", case.subset - of_train, test)):
        if total < k and there:
            reason = f"gives {total} {part} examples to {k} classes, each needs at least 1"
            raise DatasetError(f"data set {case.dataset}: subset = {case.subset}: {reason}")
        counts[part] = np.full(k, total // k)
        # What is left over goes to the classes in turn, and the next part goes on where this one ended.
        counts[part][order[np.arange(given, given + total % k) % k]] += 1
        given += total % k
    return counts


def _shares(case: Case, k: int) -> npt.NDArray[np.float64] | None:
    """The share of each class, both parts alike, in units of the largest; None without a skew."""
    generator = np.random.default_rng((case.seed, _SHARES))
    if case.label_skew is not None:
        drawn = generator.dirichlet(np.full(k, case.label_skew))
        shares: npt.NDArray[np.float64] = drawn / drawn.max()
        return shares
    if case.quantity_skew is not None:
        # Y. Cui et al., "Class-balanced loss based on effective number of samples", 2019: n_i = n * mu^i
        exponents = -np.arange(k) / max(1, k - 1)
        return np.asarray(case.quantity_skew ** exponents[generator.permutation(k)], dtype=np.float64)
    return None


def _skewed(
    case: Case, classes: tuple[str, ...], part: str, available: Counts, shares: npt.NDArray[np.float64]
) -> Counts:
    """As many examples of each class as the shares allow, the most with which no class runs out."""

    def refuse(number: int, setting: str, count: int) -> DatasetError:
        reason = f"class {classes[number]!r} would have {count} {part} examples, it needs at least {_LEAST}"
        return DatasetError(f"data set {case.dataset}: {setting}: {reason}")

    with np.errstate(divide="ignore", over="ignore"):
        largest = float(np.min(available / shares))
    counts = np.rint(largest * shares).astype(np.int64)
    if case.quantity_skew is not None:
        least = int(counts.argmin())
        if counts[least] < _LEAST:  # raising it would not be the ratio that was asked for
            raise refuse(least, f"quantity_skew = {case.quantity_skew}", int(counts[least]))
        return counts
    scarce = int(available.argmin())
    if available[scarce] < _LEAST:
        raise refuse(scarce, f"label_skew = {case.label_skew}", int(available[scarce]))
    return np.clip(counts, _LEAST, available)


def _choose(
    case: Case, stream: int, part: str, labels: Labels, counts: Counts, classes: tuple[str, ...], setting: str
) -> Indices:
    """Numbers of so many examples of each class, drawn at random, in the order of the part."""
    generator = np.random.default_rng((case.seed, stream, 1 if part == "train" else 2))
    chosen = []
    for number, count in enumerate(counts):
        of_class = np.flatnonzero(labels == number)
        if len(of_class) < count:
            reason = f"class {classes[number]!r} has {len(of_class)} {part} examples, {count} are needed"
            raise DatasetError(f"data set {case.dataset}: {setting}: {reason}")
        chosen.append(generator.choice(of_class, count, replace=False))
    return np.sort(np.concatenate(chosen))
