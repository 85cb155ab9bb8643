"""Parts of the watchdog; what it does as a whole is tried by tests/attack/workers.py."""

from __future__ import annotations

import signal
import struct

import pytest

from pytest_opml.runner.launchers import watchdog
from pytest_opml.runner.launchers.watchdog import LOG_BYTES, LONGEST_ANSWER


def framed(content: bytes) -> bytes:
    return struct.pack("!i", len(content)) + content


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_messages_come_out_whole_in_whatever_pieces_they_come(size: int) -> None:
    stream = framed(b"first") + framed(b"") + struct.pack("!iQ", -1, 6) + b"second"
    messages = watchdog._Messages()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert [message for piece in pieces for message in messages.add(piece)] == [b"first", b"", b"second"]


def test_a_message_that_is_announced_too_long_is_not_waited_for() -> None:
    messages = watchdog._Messages()
    assert list(messages.add(struct.pack("!iQ", -1, LONGEST_ANSWER + 1))) == []
    assert messages.too_long == LONGEST_ANSWER + 1


def test_of_a_log_the_end_is_kept() -> None:
    log = watchdog._Log()
    for number in range(5000):
        log.add(f"line {number} {'x' * 50}\n".encode())
    assert len(log.content) == LOG_BYTES
    assert log.content.endswith(f"line 4999 {'x' * 50}\n".encode())
    assert sum(map(len, log._pieces)) < LOG_BYTES + 100


@pytest.mark.parametrize(
    ("status", "kills", "reason"),
    [
        (signal.SIGSEGV, 0, ("crash", "the process crashed (SIGSEGV)")),
        (signal.SIGKILL, 0, ("killed", "something killed the process (SIGKILL)")),
        (signal.SIGKILL, 1, ("out_of_memory", "the kernel killed the process for lack of memory")),
        (3 << 8, 0, ("crash", "the process ended without an answer (exit code 3)")),
        (50, 0, ("crash", "the process crashed (signal 50)")),
    ],
)
def test_how_a_process_ended_is_said(
    status: int, kills: int, reason: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "oom_kills", lambda: kills)
    assert watchdog._exit_reason(status, 0) == reason
