"""The file of today and the one that is to take its place."""

import pytest

from pytest_opml import Case

CASES = [
    Case(name="today", model="models/digits.onnx", dataset="./digits.npz", unfreeze=0),
    Case(name="small", model="models/digits-small.onnx", dataset="./digits.npz", unfreeze=0),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def bench_digits(case, opml):
    opml(case)
