"""Table 2: recall, precision and F1 of networks that train many layers, beside a reference that answers at random.

The reference is right on 1 of C examples of C classes, and its area under the ROC curve is 0.50.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_opml import Case, Result
from pytest_opml.paper.suite.scales import TOPS, Scale, reference_case

pytestmark = pytest.mark.table2


def cases(scale: Scale) -> list[Case]:
    """Return the cases of the experiment."""
    trained = [case for setup in scale.qualities for case in setup.cases(tops=TOPS[-1:])]
    return [*trained, *map(reference_case, (scale.cifar10[0], scale.cifar100[0]))]


def bench_table2(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert None not in (result.recall, result.precision, result.f1, result.auc)
