"""Figure 3: the accuracy after each epoch, on training and on test images, with few and with many layers trained.

The record has it in ``training.epochs``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_opml import Case, Result
from pytest_opml.paper.suite.scales import Scale

pytestmark = pytest.mark.figure3


def cases(scale: Scale) -> list[Case]:
    """Return the cases of the experiment."""
    return [case for setup in scale.qualities for case in setup.cases()]


def bench_figure3(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert len(result.training.epochs) == case.epochs
