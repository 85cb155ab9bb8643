"""Table 4: the time of ten epochs of training and ten of testing, by technique, layers trained, data set and GPU.

The GPU is that of ``--opml-gpu``; each device is a run of its own. Layer transfer takes the layers of ResNet101 for
ResNet50. The time of training is ``training.training_s`` for the case's epochs, that of an epoch of testing
``inference_s``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_opml import Case, Result
from pytest_opml.paper.suite.scales import TECHNIQUES, Scale

pytestmark = pytest.mark.table4


def cases(scale: Scale) -> list[Case]:
    """Return the cases of the experiment."""
    return [case for setup in scale.totals for case in (*setup.cases(techniques=TECHNIQUES), *setup.transfers())]


def bench_table4(case: Case, opml: Callable[[Case], Result]) -> None:
    result = opml(case)
    assert result.training_s > 0
    assert result.inference_s.value > 0
