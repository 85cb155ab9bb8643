"""A run of given cases; ``opml measure`` and ``opml init`` are tested with what they run."""

from __future__ import annotations

import pytest

from pytest_opml.runner.direct_run import exit_of
from pytest_opml.runner.outcome import Exit, Outcome
from tests.support.builders import make_result, make_run


@pytest.mark.parametrize(
    ("interrupted", "exit_", "expected"),
    [
        (False, Exit(0, "all is well"), Exit(0, "all is well")),
        (True, Exit(0, "all is well"), Exit(2, "the run was interrupted after 1 result")),
        (True, Exit(4, "1 input was wrong"), Exit(4, "1 input was wrong")),
    ],
)
def test_an_interrupted_run_ends_as_pytest_does(interrupted: bool, exit_: Exit, expected: Exit) -> None:
    record = make_run([make_result()], interrupted=interrupted)
    assert exit_of(Outcome(record=record, problems=(), exit=exit_)) == expected
