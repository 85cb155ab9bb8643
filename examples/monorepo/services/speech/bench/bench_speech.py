"""The model of the team, as [tool.opml.model.speech] describes it."""

import pytest

from pytest_opml import Case


@pytest.mark.parametrize("case", [Case(model="speech")], ids=str)
def bench_speech(case, opml):
    opml(case)
