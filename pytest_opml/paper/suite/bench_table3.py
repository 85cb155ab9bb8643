"""Table 3: how the time of ResNet50 and ResNet101 depends on the split into training and test images.

The GPU is that of ``--opml-gpu``; each device is a run of its own.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_opml import Case, Result
from pytest_opml.paper.suite.scales import TOPS, Scale

pytestmark = pytest.mark.table3


def cases(scale: Scale) -> list[Case]:
    """Return the cases of the experiment."""
    return [
        case for setup in scale.times for split in scale.splits for case in setup.cases(tops=TOPS[-1:], split=split)
    ]


def bench_table3(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.training_s > 0
    assert result.inference_s.value > 0
