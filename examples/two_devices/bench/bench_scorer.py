"""The same case on each machine; which budgets apply follows from its hardware."""

import pytest

from pytest_opml import Case


@pytest.mark.parametrize(
    "case", [Case(name="scorer", model="models/scorer.onnx", dataset="./rows.npz", unfreeze=0)], ids=str
)
def bench_scorer(case, opml):
    opml(case)
