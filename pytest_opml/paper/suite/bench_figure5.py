"""Figure 5: the accuracy by the number of layers that are trained, of ResNet and of VGG."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_opml import Case, Result
from pytest_opml.paper.suite.scales import Scale

pytestmark = pytest.mark.figure5


def cases(scale: Scale) -> list[Case]:
    """Return the cases of the experiment."""
    return [case for setup in scale.depths for case in setup.cases()]


def bench_figure5(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.accuracy is not None
    assert result.training.trained_layers
