"""Table 1: the size of each network's file in float32 and in float16, and its layers.

What a network was trained on changes neither, so where its weights are not at hand random ones do.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_opml import Case, Result
from pytest_opml.paper.suite.scales import Scale, tops_of

pytestmark = pytest.mark.table1


def cases(scale: Scale) -> list[Case]:
    """Return the cases of the experiment."""
    return [
        case
        for setup in scale.sizes
        for network in setup.networks
        for case in setup.cases(networks=[network], techniques=["baseline", "float16"], tops=tops_of(network)[-1:])
    ]


def bench_table1(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.artifact.layers > 0
    assert result.size_mb > 0
