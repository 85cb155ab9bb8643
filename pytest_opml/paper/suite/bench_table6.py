"""Table 6 and Figure 7: the networks ranked by their OpScore on CIFAR-100, by technique and layers trained.

int8 stands beside the paper's techniques, but at the scale smoke: it is what most models are shipped in now.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_opml import Case, Result
from pytest_opml.paper.suite.scales import TECHNIQUES, Scale

pytestmark = [pytest.mark.table6, pytest.mark.figure7]


def cases(scale: Scale) -> list[Case]:
    """Return the cases of the experiment."""
    return [case for setup in scale.cifar100 for case in setup.cases(techniques=[*TECHNIQUES, *setup.others])]


def bench_table6(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.accuracy is not None
    assert bool(result.artifact.changes) == (case.technique != "baseline")
