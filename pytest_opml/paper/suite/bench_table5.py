"""Table 5 and Figure 6: the networks ranked by their OpScore on CIFAR-10, by technique and layers trained.

int8 stands beside the paper's techniques: it is what most models are shipped in now.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_opml import Case, Result
from pytest_opml.paper.suite.scales import TECHNIQUES, Scale

pytestmark = [pytest.mark.table5, pytest.mark.figure6]


def cases(scale: Scale) -> list[Case]:
    """Return the cases of the experiment."""
    return [case for setup in scale.cifar10 for case in setup.cases(techniques=[*TECHNIQUES, *setup.others])]


def bench_table5(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.accuracy is not None
    assert bool(result.artifact.changes) == (case.technique != "baseline")
