from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.case import Case
from pytest_opml.datasets.partitions import LEAST_EXAMPLES, DivisionError, client_examples, divide
from pytest_opml.errors import DatasetError
from pytest_opml.tensors import Task
from tests.support.inputs import prepared

MakeCase = Callable[..., Case]
CLASSES = np.arange(1_200) % 10
TEN = {"clients": 10, "client": 0}


def counts(divided: list[np.ndarray]) -> np.ndarray:
    """Examples of each class that each client has (clients, classes)."""
    return np.array([np.bincount(CLASSES[part], minlength=10) for part in divided])


@given(
    st.lists(st.integers(0, 7), min_size=1, max_size=400),
    st.integers(1, 12),
    st.integers(0, 2**31 - 1),
    st.none() | st.floats(1e-6, 1e6),
    st.booleans(),
)
def test_each_example_belongs_to_one_client(
    classes: list[int], clients: int, seed: int, concentration: float | None, by_label: bool
) -> None:
    of_examples = np.array(classes) if by_label else None
    try:
        divided = divide(len(classes), clients, seed, classes=of_examples, concentration=concentration)
    except DivisionError:
        return
    assert len(divided) == clients
    assert np.array_equal(np.sort(np.concatenate(divided)), np.arange(len(classes)))
    assert min(map(len, divided)) >= LEAST_EXAMPLES
    assert all((np.diff(part) > 0).all() for part in divided)


@pytest.mark.parametrize("skew", [{}, {"concentration": 0.5, "classes": CLASSES}, {"concentration": 2.0}])
def test_a_division_follows_the_seed(skew: dict[str, Any]) -> None:
    first, again, second = (np.concatenate(divide(1_200, 10, seed, **skew)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


def test_without_a_skew_clients_are_alike() -> None:
    divided = divide(1_203, 10, 0)
    assert sorted({len(part) for part in divided}) == [120, 121]
    assert counts(divide(1_200, 10, 0)).min() >= 1  # of 12 on average


def test_the_smaller_the_label_skew_the_fewer_classes_a_client_has() -> None:
    def spread(concentration: float) -> float:
        divisions = [divide(1_200, 10, seed, classes=CLASSES, concentration=concentration) for seed in range(5)]
        return float(np.mean([counts(divided).std(axis=0) for divided in divisions]))

    assert spread(0.1) > spread(1.0) > spread(10.0) > spread(1000.0)
    assert counts(divide(1_200, 10, 0, classes=CLASSES, concentration=1e6)).tolist() == [[12] * 10] * 10
    few = counts(divide(1_200, 10, 0, classes=CLASSES, concentration=0.1))
    assert (few == 0).any(axis=1).all()


def test_shares_of_a_class_are_those_of_a_dirichlet_distribution() -> None:
    # of a share out of 10 at concentration 1 the mean is 0.1, and the variance 0.1 x 0.9 / 11
    shares = np.concatenate(
        [counts(divide(1_200, 10, seed, classes=CLASSES, concentration=1.0)) / 120 for seed in range(40)]
    )
    assert shares.mean() == pytest.approx(0.1)
    assert shares.var() == pytest.approx(0.09 / 11, rel=0.1)


def test_quantity_skew_changes_sizes_and_not_classes() -> None:
    divided = divide(1_200, 5, 0, concentration=1.0)
    sizes = np.array([len(part) for part in divided])
    assert sizes.max() > 2 * sizes.min()
    largest = counts(divided)[sizes.argmax()] / sizes.max()
    assert np.abs(largest - 0.1).max() < 0.06


def test_the_test_part_is_everybodys_and_clients_share_nothing(make_case: MakeCase) -> None:
    skew = {"clients": 3, "client_label_skew": 0.3, "size": 8}
    everybody, *clients = (prepared(make_case(client=client, **skew)) for client in (None, 0, 1, 2))
    assert {data.test_digest for data in clients} == {everybody.test_digest}
    assert len({data.fingerprint for data in (everybody, *clients)}) == 4
    assert sum(len(data.x_train) for data in clients) == len(everybody.x_train) == 1198
    alone = prepared(make_case(size=8))
    assert everybody.fingerprint == alone.fingerprint
    together = np.concatenate([data.y_train for data in clients])
    assert np.array_equal(np.bincount(together), np.bincount(alone.y_train))


def test_a_client_may_lack_classes(make_case: MakeCase) -> None:
    data = prepared(make_case(client_label_skew=0.05, size=8, **TEN))
    assert set(data.absent_classes) == set("0123456789") - set(map(str, np.unique(data.y_train)))
    assert len(data.absent_classes) >= 3
    assert data.spec.outputs == len(data.classes) == 10
    assert len(np.unique(data.y_test)) == 10


def test_a_division_is_of_what_subset_and_skew_leave(make_case: MakeCase) -> None:
    thinned = {"size": 8, "subset": 900, "quantity_skew": 5.0}
    whole = prepared(make_case(**thinned))
    parts = [prepared(make_case(clients=4, client=client, **thinned)) for client in range(4)]
    assert sum(len(part.x_train) for part in parts) == len(whole.x_train)
    assert {part.test_digest for part in parts} == {whole.test_digest}


@pytest.mark.parametrize("task", ["regression", "multilabel"])
@pytest.mark.parametrize("skew", [{}, {"client_quantity_skew": 2.0}])
def test_labels_that_are_no_classes_are_divided_too(make_case: MakeCase, task: Task, skew: dict[str, float]) -> None:
    labels = np.arange(400).reshape(200, 2)
    parts = [client_examples(make_case(clients=4, client=n, **skew), task, labels) for n in range(4)]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(200))


@pytest.mark.parametrize(
    ("task", "fields", "reason"),
    [
        ("classification", {"clients": 30, "client": 2}, "each needs at least 10 training examples, 300 in all"),
        ("classification", {"clients": 30}, "each needs at least 10 training examples, 300 in all, and there are 200"),
        (
            "classification",
            TEN | {"client_quantity_skew": 0.01},
            r"client_quantity_skew = 0\.01: in 1,000 draws there was always one with less than 10",
        ),
        (
            "classification",
            {"clients": 4, "client": 0, "client_label_skew": 1e-6},
            r"client_label_skew = 1e-06: in 1,000 draws .*; write a larger skew \(which is less uneven\)",
        ),
        ("multilabel", TEN | {"client_label_skew": 1.0}, "client_label_skew needs classes, and these labels are none"),
        ("regression", TEN | {"client_label_skew": 1.0}, "client_label_skew needs classes, and these labels are none"),
    ],
)
def test_what_cannot_be_divided_is_one_line(
    make_case: MakeCase, task: Task, fields: dict[str, Any], reason: str
) -> None:
    labels = np.arange(200) % 2
    with pytest.raises(DatasetError, match=rf"^data set digits: clients = \d+: {reason}") as caught:
        client_examples(make_case(**fields), task, labels)
    assert "\n" not in str(caught.value)


def test_without_training_examples_nothing_can_be_divided(make_case: MakeCase) -> None:
    case = make_case(clients=2, split="0-100", unfreeze=0, size=8)
    with pytest.raises(DatasetError, match="needs at least 10 training examples, 20 in all, and there are 0"):
        prepared(case)


def test_a_client_with_one_target_has_nothing_to_predict(make_case: MakeCase) -> None:
    targets = np.zeros(60, np.float32)
    targets[0] = 1.0  # one client has it, and the others have nothing but zeros

    def is_refused(client: int) -> bool:
        try:
            client_examples(make_case(clients=3, client=client), "regression", targets)
        except DatasetError as error:
            return str(error).endswith("has one target alone, which leaves nothing to predict")
        return False

    assert sorted(map(is_refused, range(3))) == [False, True, True]
