"""Figure 4: the accuracy of each technique, layer transfer before and after it is retrained among them.

Layer transfer needs a network and its successor. Where the scale has no trained ones of the paper's, two small networks
that are trained from scratch take their place.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_opml import Case, Result
from pytest_opml.paper.suite.scales import TECHNIQUES, Scale

pytestmark = pytest.mark.figure4


def cases(scale: Scale) -> list[Case]:
    """Return the cases of the experiment."""
    both = (False, True)
    cases = []
    for setup in scale.qualities:
        cases += [*setup.cases(techniques=TECHNIQUES), *setup.transfers(retrained=both)]
    for setup in scale.relatives:
        predecessor, successor = setup.networks
        cases += setup.cases(networks=[predecessor], techniques=TECHNIQUES)
        cases += [*setup.transfers(retrained=both), *setup.cases(networks=[successor])]
    return cases


def bench_figure4(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.accuracy is not None
