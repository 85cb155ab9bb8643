"""Clients apart, the paper's future work: what one of ten learns from its own examples, and what all learn together.

The paper expects data that are not alike to cost precision or recall. Where every class has as many test images as any,
macro recall is the accuracy, so that precision, F1 and the recall of each class show it; where the test set is skewed
too, recall and accuracy part as well. The record has all of them, and ``training.absent_classes``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_opml import Case, Result
from pytest_opml.paper.suite.scales import Scale

pytestmark = pytest.mark.clients

_CLIENTS = 10
# From clients that are alike to such as have a few classes each, and such as differ in size alone.
_SKEWS: tuple[dict[str, float], ...] = (
    {},
    {"client_label_skew": 1.0},
    {"client_label_skew": 0.1},
    {"client_quantity_skew": 0.5},
)
_SKEWED_TEST_SET = {"label_skew": 1.0}
# A client with 120 examples would train in one step an epoch with the default of 128.
_BATCH = 16


def cases(scale: Scale) -> list[Case]:
    """Return the cases of the experiment: the head of one network, trained by all together and by one client."""
    setup = scale.cifar10[0]

    def trained_by(client: int | None, **fields: Any) -> list[Case]:
        network = setup.networks[-1]  # an EfficientNet, the smallest, at every scale
        return setup.cases(networks=[network], tops=[1], batch=_BATCH, clients=_CLIENTS, client=client, **fields)

    on_even_test_set = [*trained_by(None), *(case for skew in _SKEWS for case in trained_by(0, **skew))]
    on_skewed_test_set = [
        *trained_by(None, **_SKEWED_TEST_SET),
        *trained_by(0, client_label_skew=0.1, **_SKEWED_TEST_SET),
    ]
    return [*on_even_test_set, *on_skewed_test_set]


def bench_clients(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.training.examples
    assert None not in (result.accuracy, result.recall, result.precision, result.f1)
