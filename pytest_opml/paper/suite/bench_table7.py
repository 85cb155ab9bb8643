"""Table 7 and Figure 8: what the number of clusters does to the file, the time of preparation and the accuracy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_opml import Case, Result
from pytest_opml.paper.suite.scales import TOPS, Scale

pytestmark = [pytest.mark.table7, pytest.mark.figure8]


def cases(scale: Scale) -> list[Case]:
    """Return the cases of the experiment."""
    techniques = ["baseline", *(f"cluster-{count}" for count in scale.cluster_counts)]
    return [case for setup in scale.clusters for case in setup.cases(techniques=techniques, tops=TOPS[-1:])]


def bench_table7(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.accuracy is not None
    assert (result.preparation_s > 0) == (case.technique != "baseline")
