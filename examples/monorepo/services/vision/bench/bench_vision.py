"""The model of the team, as [tool.opml.model.vision] describes it."""

import pytest

from pytest_opml import Case


@pytest.mark.parametrize("case", [Case(model="vision")], ids=str)
def bench_vision(case, opml):
    opml(case)
