"""What a keeper makes of how a process ended; what it does is in test_process.py and tests/attack/workers.py."""

from __future__ import annotations

import pytest

from pytest_opml.runner.launchers.keeper import _exit_reason


@pytest.mark.parametrize(
    ("code", "was_short", "kind", "text"),
    [
        (-9, False, "killed", "something killed the process (SIGKILL)"),
        (-9, True, "out_of_memory", "the kernel killed the process for lack of memory"),
        (-11, True, "crash", "the process crashed (SIGSEGV)"),
        (-40, False, "crash", "the process crashed (signal 40)"),
        (0, False, "crash", "the process ended without an answer (exit code 0)"),
    ],
)
def test_how_a_process_ended_is_said(code: int, was_short: bool, kind: str, text: str) -> None:
    assert _exit_reason(code, was_short=was_short) == (kind, text)
