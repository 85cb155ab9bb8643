"""Which training examples each of several clients has, as in federated learning; the test examples are everybody's.

Functions of labels and numbers alone. Every example belongs to exactly one client, and the same seed gives the same
division whichever client is asked for.

Source of the three schemes: Q. Li, Y. Diao, Q. Chen, B. He, "Federated learning on non-IID data silos: an experimental
study", 2022. Their program gives no more of the later classes to a client that has its share of all examples already;
this is left out, since it makes the division depend on the order of the classes. T.-M. H. Hsu, H. Qi, M. Brown,
"Measuring the effects of non-identical data distribution for federated visual classification", 2019, draw the class
shares of each client instead, for clients of one size.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..case import Case
from ..errors import DatasetError
from ..tensors import Task
from .sources import Indices, Labels

# Of each client, as in their program.
LEAST_EXAMPLES = 10
# A division that comes up more seldom than once in so many is none that was asked for.
_DRAWS = 1_000
# A stream of its own, besides those of ``sampling``.
_STREAM = 4

Counts = npt.NDArray[np.int64]


class DivisionError(ValueError):
    """No division leaves enough examples to each client."""


def client_examples(case: Case, task: Task, y_train: Labels) -> Indices:
    """Return the numbers of the training examples that the client of a case has, ascending; all where it has none.

    Raises:
        DatasetError: they cannot be divided so, or leave the client nothing to learn; says what to change.
    """
    if case.clients is None:
        return np.arange(len(y_train))
    where, groups = f"data set {case.dataset}: clients = {case.clients}", None
    if case.client_label_skew is not None:
        if task != "classification":
            raise DatasetError(
                f"{where}: client_label_skew needs classes, and these labels are none; leave it out, or write "
                "client_quantity_skew"
            )
        groups = y_train
    try:
        divided = divide(
            len(y_train),
            case.clients,
            case.seed,
            classes=groups,
            concentration=case.client_quantity_skew if groups is None else case.client_label_skew,
        )
    except DivisionError as error:
        raise DatasetError(f"{where}: {error}") from None
    if case.client is None:
        return np.arange(len(y_train))
    examples = divided[case.client]
    if task == "regression" and np.ptp(y_train[examples].reshape(len(examples), -1), axis=0).min() == 0:
        raise DatasetError(f"{where}: client {case.client} has one target alone, which leaves nothing to predict")
    return examples


def divide(
    examples: int,
    clients: int,
    seed: int,
    *,
    classes: Labels | None = None,
    concentration: float | None = None,
) -> list[Indices]:
    """Divide examples among clients, each of whom has ``LEAST_EXAMPLES`` at least.

    Alike, where no concentration is given: examples are dealt out at random, as many to one as to another. By quantity,
    without classes: the clients' sizes are drawn from a symmetric Dirichlet distribution. By label, with classes: for
    each class by itself, the shares of the clients are drawn from it, so that they differ in size too. What leaves a
    client too few examples is drawn again.

    Args:
        examples: how many there are.
        clients: how many there are.
        seed: of the division.
        classes: the class of each example (n,), whole numbers from 0.
        concentration: of the Dirichlet distribution, above 0: the smaller, the less alike the clients.

    Returns:
        For each client the numbers of its examples, ascending; together they are each number once.

    Raises:
        DivisionError: there are too few examples, or no draw gave each client enough.
    """
    if examples < clients * LEAST_EXAMPLES:
        raise DivisionError(
            f"each needs at least {LEAST_EXAMPLES} training examples, {clients * LEAST_EXAMPLES:,} in all, and there "
            f"are {examples:,}; write fewer clients or use more examples"
        )
    random = np.random.default_rng((seed, _STREAM))
    if concentration is None:
        return [np.sort(part) for part in np.array_split(random.permutation(examples), clients)]
    groups = [np.arange(examples)]
    if classes is not None:
        groups = [np.flatnonzero(classes == number) for number in np.unique(classes)]
    counts = _counts(random, [len(group) for group in groups], clients, concentration, by_label=classes is not None)
    parts: list[list[Indices]] = [[] for _ in range(clients)]
    for group, count in zip(groups, counts, strict=True):
        for part, numbers in zip(parts, np.split(random.permutation(group), np.cumsum(count)[:-1]), strict=True):
            part.append(numbers)
    return [np.sort(np.concatenate(part)) for part in parts]


def _counts(
    random: np.random.Generator, sizes: list[int], clients: int, concentration: float, *, by_label: bool
) -> Counts:
    """Examples of each group that each client has (groups, clients)."""
    for counts in _drawn_counts(random, sizes, clients, concentration):
        if counts.sum(axis=0).min() >= LEAST_EXAMPLES:
            return counts
    field = "client_label_skew" if by_label else "client_quantity_skew"
    raise DivisionError(
        f"{field} = {concentration:g}: in {_DRAWS:,} draws there was always one with less than {LEAST_EXAMPLES} "
        "training examples; write a larger skew (which is less uneven) or fewer clients, or use more examples"
    )


def _drawn_counts(
    random: np.random.Generator, sizes: list[int], clients: int, concentration: float
) -> Iterator[Counts]:
    whole = np.array(sizes)[:, None]
    for _ in range(_DRAWS):
        shares = random.dirichlet(np.full(clients, concentration), size=len(sizes))
        ends = np.rint(np.cumsum(shares, axis=1) * whole).astype(np.int64)
        ends[:, -1] = whole[:, 0]  # the shares add up to 1 but for rounding
        yield np.diff(ends, axis=1, prepend=0)
