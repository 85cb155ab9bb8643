"""The same case on each kind of node; nothing here says where it runs."""

import pytest

from pytest_opml import Case


@pytest.mark.parametrize(
    "case", [Case(name="scorer", model="models/scorer.onnx", dataset="./rows.npz", unfreeze=0)], ids=str
)
def bench_scorer(case, opml):
    opml(case)
