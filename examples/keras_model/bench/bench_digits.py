"""One Keras file as it is, and what two techniques make of it."""

import pytest

from pytest_opml import Case

CASES = [
    Case(name="digits", model="models/digits.keras", dataset="./digits.npz", unfreeze=0, technique=technique)
    for technique in ("baseline", "int8", "cluster-16")
]


@pytest.mark.parametrize("case", CASES, ids=str)
def bench_digits(case, opml):
    opml(case)
